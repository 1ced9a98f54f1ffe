package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"failoverd/journal"
)

const (
	// atOnce is how many mails are being sent at a time, each to another recipient. Every other way out has its own turn,
	// so that none of them waits for another one that hangs.
	atOnce = 4
	// grace is how long a mail that is being sent may go on when the daemon stops, so that it is not sent again after.
	grace = 3 * time.Second
	// troublePause is how long the outbox waits when the journal cannot be read or written.
	troublePause = 5 * time.Second
)

// Outbox sends what the journal's outbox holds, each mail until it is delivered, refused for good or too old.
type Outbox struct {
	journal *journal.Journal
	log     *slog.Logger
	poke    chan struct{}

	mu       sync.Mutex
	sender   Sender // nil: there is no way out at present, and everything waits
	composer Composer
}

// NewOutbox returns an outbox; Run makes it work.
func NewOutbox(j *journal.Journal, sender Sender, c Composer, log *slog.Logger) *Outbox {
	return &Outbox{journal: j, log: log, poke: make(chan struct{}, 1), sender: sender, composer: c}
}

// Use replaces sender and composer, after the configuration was loaded again, and tries what waits at once.
func (o *Outbox) Use(sender Sender, c Composer) {
	o.mu.Lock()
	o.sender, o.composer = sender, c
	o.mu.Unlock()
	select {
	case o.poke <- struct{}{}:
	default: // It has been told already.
	}
}

// using returns what is in force.
func (o *Outbox) using() (Sender, Composer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sender, o.composer
}

// Run sends until ctx ends. It returns nil then, after what is being sent has ended.
func (o *Outbox) Run(ctx context.Context) error {
	// Sends do not end with ctx at once, and what came of them is written down in any case.
	sends, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	r := &round{
		Outbox: o, sends: sends, results: make(chan result),
		busy: map[string]bool{}, unsaved: map[int64]result{}, trouble: map[string]bool{},
	}
	safe := context.WithoutCancel(ctx)
	// Whoever has repaired the mail server or the configuration and starts the daemon again does not want to wait.
	r.retryAll(safe, everyWay)
	for ctx.Err() == nil {
		changed := o.journal.Changed()
		timer := time.NewTimer(time.Until(r.dispatch(safe, time.Now())))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		case res := <-r.results:
			r.take(safe, res)
		case <-o.poke:
			r.retryAll(safe, everyWay)
		}
		timer.Stop()
	}
	defer time.AfterFunc(grace, abort).Stop()
	for len(r.busy) > 0 {
		r.take(safe, <-r.results)
	}
	return nil
}

// result is what came of one try.
type result struct {
	mail   journal.Mail // as it was before
	answer string
	retry  bool
	err    error
	tried  time.Time
	words  error // why it was not told in the words of its template
}

// round is the state of a running outbox. Only Run's goroutine uses it.
type round struct {
	*Outbox
	sends   context.Context
	results chan result
	busy    map[string]bool  // recipients to whom something is being sent
	unsaved map[int64]result // what the journal could not take yet; these must not be sent again
	trouble map[string]bool  // ways by which the last try did not succeed
}

// mailing is how many mails are being sent to the mail server.
func (r *round) mailing() int {
	n := 0
	for recipient := range r.busy {
		if wayTo(recipient) == mailWay {
			n++
		}
	}
	return n
}

// dispatch starts what is due and returns when to look again.
func (r *round) dispatch(ctx context.Context, now time.Time) time.Time {
	for id, res := range r.unsaved {
		delete(r.unsaved, id)
		r.save(ctx, res)
	}
	sender, composer := r.using()
	if sender == nil {
		return now.Add(time.Hour)
	}
	due, err := r.journal.Due(ctx, now)
	if err != nil {
		r.log.Error("read the outbox", "err", err)
		return now.Add(troublePause)
	}
	ended := false // a mail has ended without being sent: the next one to that recipient may be due
	for _, m := range due {
		if _, waits := r.unsaved[m.ID]; waits || r.busy[m.Recipient] {
			continue
		}
		if wayTo(m.Recipient) == mailWay && r.mailing() >= atOnce {
			continue
		}
		if now.Sub(m.Created) >= keepTrying && m.Attempts > 0 {
			ended = true
			r.save(ctx, result{mail: m, err: fmt.Errorf("given up after %s; the last answer was: %s", span(keepTrying), m.Answer), tried: now})
			continue
		}
		if drop, err := r.tooMany(ctx, m, now); err != nil {
			r.log.Error("count the mails of the last hour", "err", err)
			return now.Add(troublePause)
		} else if drop {
			m.State, m.Done, m.Answer = journal.MailDropped, now, fmt.Sprintf("left out: more than %d mails in an hour", mailsPerHour)
			if err := r.journal.SaveMail(ctx, m); err != nil {
				r.log.Error("save a mail", "err", err)
				return now.Add(troublePause)
			}
			ended = true
			continue
		}
		message, err := composer.compose(ctx, r.journal, m, now)
		if err != nil {
			r.log.Error("compose a mail", "err", err)
			return now.Add(troublePause)
		}
		m.MessageID = message.MessageID
		r.start(sender, m, message, now)
	}
	switch {
	case len(r.unsaved) > 0:
		return now.Add(troublePause)
	case ended:
		return now
	}
	next, err := r.journal.NextTry(ctx, now)
	switch {
	case err != nil:
		r.log.Error("read the outbox", "err", err)
		return now.Add(troublePause)
	case next.IsZero():
		// Nothing waits, or what is due waits for a place: the end of a mail that is being sent wakes us.
		return now.Add(time.Hour)
	case next.Sub(now) > time.Hour:
		// No pause is that long: the clock was set back.
		r.retryAll(ctx, everyWay)
		return now.Add(troublePause)
	}
	return next
}

// start sends one mail in a goroutine, whose result Run takes.
func (r *round) start(sender Sender, m journal.Mail, message Message, now time.Time) {
	r.busy[m.Recipient] = true
	go func() {
		answer, retry, err := sender.Send(r.sends, message)
		r.results <- result{m, answer, retry, err, now, message.fallback}
	}()
}

// tooMany tells whether the mail must be dropped.
func (r *round) tooMany(ctx context.Context, m journal.Mail, now time.Time) (bool, error) {
	if KindOf(m.Kind).Protected {
		return false, nil
	}
	sent, err := r.journal.SentSince(ctx, m.Server, m.Recipient, now.Add(-time.Hour))
	return sent >= mailsPerHour, err
}

// take notes the result of one try.
func (r *round) take(ctx context.Context, res result) {
	delete(r.busy, res.mail.Recipient)
	r.save(ctx, res)
	way := wayTo(res.mail.Recipient)
	switch {
	case res.err != nil:
		r.trouble[way] = true
	case r.trouble[way]:
		// The way out works again: what was waiting for its next try need not wait longer.
		delete(r.trouble, way)
		r.retryAll(ctx, way)
	}
}

// retryAll makes everything due that goes that way.
func (r *round) retryAll(ctx context.Context, way string) {
	if err := r.journal.RetryMails(ctx, time.Now(), way); err != nil {
		r.log.Error("try the mails again", "err", err)
	}
}

// save writes down what came of a try, together with the event that tells it where that is the end.
func (r *round) save(ctx context.Context, res result) {
	now := time.Now()
	m := res.mail
	m.Attempts++
	if m.FirstTried.IsZero() {
		m.FirstTried = res.tried
	}
	event := journal.Event{
		Time: now, Server: m.Server, Incident: m.Incident, Actor: journal.Actor{Kind: "system", Name: "failoverd"},
		Evidence: map[string]any{"recipient": m.Recipient, "about": m.Kind, "event": m.Event, "attempts": m.Attempts},
	}
	var batch journal.Batch
	switch {
	case res.err == nil:
		m.State, m.Done, m.Answer = journal.MailSent, now, res.answer
		event.Kind, event.Severity = "alert.sent", journal.Info
		event.Message = fmt.Sprintf("%s about %s sent to %s", sortOf(m.Recipient), m.Kind, m.Recipient)
		event.Reason = res.answer
		batch.Events = []journal.Event{event}
	case res.retry:
		m.NextTry, m.Answer = res.tried.Add(pause(m.Attempts)), res.err.Error()
		if m.NextTry.Before(now) {
			m.NextTry = now.Add(pause(m.Attempts)) // The try itself took longer than the pause.
		}
	default:
		m.State, m.Done, m.Answer = journal.MailFailed, now, res.err.Error()
		event.Kind, event.Severity = "alert.failed", journal.Critical
		event.Message = fmt.Sprintf("%s about %s could not be sent to %s", sortOf(m.Recipient), m.Kind, m.Recipient)
		event.Reason = m.Answer
		batch.Events = []journal.Event{event}
	}
	if res.words != nil && len(batch.Events) > 0 && wayTo(m.Recipient) == mailWay {
		event.Kind, event.Severity = "alert.template_failed", journal.Warning
		event.Message = fmt.Sprintf("the mail about %s to %s has failoverd's own words: its template failed", m.Kind, m.Recipient)
		event.Reason = res.words.Error()
		batch.Events = append(batch.Events, event)
	}
	var err error
	if len(batch.Events) > 0 {
		batch.Mails = []journal.Mail{m}
		_, err = r.journal.Commit(ctx, batch)
	} else {
		err = r.journal.SaveMail(ctx, m)
	}
	if err != nil {
		r.log.Error("write down what came of a mail", "recipient", m.Recipient, "err", err)
		r.unsaved[m.ID] = res
		return
	}
	if res.err != nil && m.Attempts == 1 {
		r.log.Warn(sortOf(m.Recipient)+" not sent", "recipient", m.Recipient, "event", m.Kind, "retry", res.retry, "err", res.err)
	}
}
