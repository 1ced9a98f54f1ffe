package main

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

const (
	waitBeat  = time.Second            // how often the waiting line moves on
	askBeat   = 250 * time.Millisecond // how often the operation is asked for
	lostAfter = 2 * time.Minute        // how long a daemon that is away is waited for
	tellBeat  = time.Minute            // how often progress is a line where there is no terminal
)

// wait shows the steps of an operation as they end, until it has ended, the
// patience is over (0: never) or ctx ends. With lines, --json prints every
// change as a line; otherwise one document at the end.
func (p *program) wait(ctx context.Context, client *api.Client, record plan.Record, patience time.Duration, lines bool) error {
	began := p.now()
	var over <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		over = timer.C
	}
	poll := time.NewTicker(askBeat)
	defer poll.Stop()
	beat := time.NewTicker(waitBeat)
	defer beat.Stop()

	show := &progress{p: p, began: began, told: began, patience: patience, lines: lines}
	if err := show.begin(record); err != nil {
		return err
	}
	var lostSince time.Time
	for record.State.Open() {
		select {
		case <-ctx.Done():
			return show.leave(record, "you left it")
		case <-over:
			return show.leave(record, "waited for "+duration(patience))
		case <-beat.C:
			show.waiting(record)
			continue
		case <-poll.C:
		}
		next, err := client.Operation(ctx, record.ID)
		switch {
		case ctx.Err() != nil:
			return show.leave(record, "you left it")
		case err != nil && lostContact(err):
			// The daemon may be restarting: it takes the operation up again.
			if lostSince.IsZero() {
				lostSince = time.Now()
				show.erase()
				p.aside("No daemon answers (%v); trying again. It takes the operation up at its start.", rootCause(err))
			}
			if time.Since(lostSince) > lostAfter {
				return show.leave(record, "no daemon answered for "+duration(lostAfter))
			}
			continue
		case err != nil:
			show.erase()
			return err
		}
		lostSince, record = time.Time{}, next
		if err := show.update(record); err != nil {
			return err
		}
	}
	return show.end(record)
}

// progress is what has been shown of an operation.
type progress struct {
	p        *program
	began    time.Time
	patience time.Duration
	lines    bool
	shown    map[int]plan.State // last state that was printed of each step
	seen     string             // last document that was printed
	drawn    bool               // a waiting line stands on the terminal
	told     time.Time          // when progress was last a line of its own
}

// begin shows what there is at first.
func (s *progress) begin(r plan.Record) error {
	s.shown = map[int]plan.State{}
	if !s.p.global.json {
		line(s.p.out, "%s of %s, operation %s", r.Kind, r.Server, r.ID)
	}
	return s.update(r)
}

// update prints every step that has ended since.
func (s *progress) update(r plan.Record) error {
	if s.p.global.json {
		if !s.lines {
			return nil
		}
		text := fmt.Sprintf("%+v", documentKey(r))
		if text == s.seen {
			return nil
		}
		s.seen = text
		return s.p.document(r)
	}
	colours := s.p.colours()
	longest := 10
	for _, d := range r.Steps {
		longest = max(longest, utf8.RuneCountInString(d.Name))
	}
	for i, d := range r.Steps {
		if d.State.Open() || s.shown[i] == d.State {
			continue
		}
		s.erase()
		s.shown[i] = d.State
		t := table{}
		t.rows = append(t.rows, []cell{
			{text: "  " + pad(plain(d.Name), longest)},
			{pad(string(d.State), 9), paintState(d.State)},
			{text: pad(tookStep(d), 8)},
			{text: plain(stepText(d))},
		})
		t.write(s.p.out, colours)
	}
	s.waiting(r)
	return nil
}

// documentKey is what makes two states of an operation different.
func documentKey(r plan.Record) []string {
	key := []string{string(r.State), r.Error}
	for _, d := range r.Steps {
		key = append(key, string(d.State), d.Note, d.Error)
	}
	if r.Progress != nil {
		key = append(key, progressOf(*r.Progress))
	}
	return key
}

// tookStep is how long a step took, empty if it was not done.
func tookStep(d plan.Done) string {
	if d.Started == nil || d.Ended == nil {
		return ""
	}
	return duration(d.Duration())
}

// stepText is what a step did and what came of it.
func stepText(d plan.Done) string {
	text := d.Title
	if d.Note != "" {
		text += ": " + d.Note
	}
	if moved := movedBy(d); moved != "" {
		text += " (" + moved + ")"
	}
	if d.Error != "" {
		text += ": " + d.Error
	}
	return text
}

// movedBy is what a step moved and how fast, empty if it moved nothing.
func movedBy(d plan.Done) string {
	var parts []string
	if d.Bytes > 0 {
		parts = append(parts, size(d.Bytes))
	}
	if d.Rows > 0 {
		parts = append(parts, count(int(d.Rows), "row", "rows"))
	}
	if took := d.Duration(); d.Bytes > 0 && took > 0 {
		parts = append(parts, size(int64(float64(d.Bytes)/took.Seconds()))+"/s")
	}
	return strings.Join(parts, ", ")
}

// waiting draws the line about the step that runs, which a terminal has; a file gets a line of progress now and then.
func (s *progress) waiting(r plan.Record) {
	p := s.p
	if p.global.json || !r.State.Open() {
		return
	}
	if !p.isTerminal(p.out) {
		s.tell(r)
		return
	}
	what, since := "the operation to begin", s.began
	for _, d := range r.Steps {
		if d.State == plan.Running {
			what = d.Title
			if d.Started != nil {
				since = *d.Started
			}
		}
	}
	switch {
	case r.State == plan.Cancelling:
		what = "what was done to be taken back"
	case r.State == plan.Queued:
		what = "its turn: another replication runs"
	}
	waited := duration(p.now().Sub(since))
	if s.patience > 0 {
		waited = fmt.Sprintf("%s of at most %s", duration(p.now().Sub(s.began)), duration(s.patience))
	}
	text := fmt.Sprintf("  waiting for: %s (%s)", what, waited)
	if r.Progress != nil && r.State == plan.Running {
		// What changes stands first: a narrow terminal cuts the end off.
		text = fmt.Sprintf("  %s: %s (%s)", r.Progress.Step, progressOf(*r.Progress), waited)
	}
	text = plain(text)
	if limit := width(p.out) - 1; utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit])
	}
	fmt.Fprintf(p.out, "\r%s\x1b[K", text)
	s.drawn = true
}

// tell prints how far an operation is, once a tellBeat: a log stays short, and shows that something goes on.
func (s *progress) tell(r plan.Record) {
	now := s.p.now()
	if r.Progress == nil || r.State != plan.Running || now.Sub(s.told) < tellBeat {
		return
	}
	s.told = now
	line(s.p.out, "  %s: %s", r.Progress.Step, progressOf(*r.Progress))
}

// erase takes the waiting line away.
func (s *progress) erase() {
	if s.drawn {
		fmt.Fprint(s.p.out, "\r\x1b[K")
		s.drawn = false
	}
}

// leave ends the waiting while the operation goes on.
func (s *progress) leave(r plan.Record, why string) error {
	s.erase()
	if s.p.global.json && !s.lines {
		if err := s.p.document(r); err != nil {
			return err
		}
	}
	return &failure{
		code:   codeStillRunning,
		detail: fmt.Sprintf("%s; the %s of %s GOES ON in the daemon", why, r.Kind, r.Server),
		try:    fmt.Sprintf("failoverd operation watch %s, or to stop it: failoverd operation cancel %s", r.ID, r.ID),
	}
}

// end says what came of the operation.
func (s *progress) end(r plan.Record) error {
	s.erase()
	p := s.p
	if p.global.json && !s.lines {
		if err := p.document(r); err != nil {
			return err
		}
	}
	took := ""
	if r.Ended != nil {
		took = " in " + duration(r.Ended.Sub(r.Started))
	}
	if r.State == plan.Succeeded {
		if !p.global.json {
			line(p.out, "Done%s.  %s", took, followUp(r))
		}
		return nil
	}
	try := "failoverd explain " + r.Server + "; failoverd status"
	if api.Replicates(r.Kind) || r.Kind == status.Drill {
		try = "failoverd show " + r.Server + "; failoverd events --server " + r.Server
	}
	return &failure{code: codeOf(r.State), detail: verdict(r), try: try}
}

// followUp is what a person does after an operation that succeeded.
func followUp(r plan.Record) string {
	switch r.Kind {
	case api.Release:
		return fmt.Sprintf("Bring the primary %s up now. To see that it serves: failoverd status %s", r.Server, r.Server)
	case status.Failback:
		return afterFailback(r)
	case status.Handover:
		return afterHandover(r)
	case status.FromLive:
		return fmt.Sprintf("The standby has complete copies. To see their age: failoverd show %s", r.Server)
	case status.ToLive:
		text := fmt.Sprintf("%s has the standby's data; start its application now.", r.Server)
		files, databases := cameBack(r)
		if databases || !files {
			text += " What it held before is kept there as previous."
		}
		if files {
			text += fmt.Sprintf(" What only its files had is set aside: failoverd files set-aside %s TREE", r.Server)
		}
		return text
	case status.Drill:
		return fmt.Sprintf("A takeover of %s would work, as far as it was rehearsed. What was not: failoverd show %s", r.Server, r.Server)
	case status.RollBack:
		return fmt.Sprintf("The previous copies are in service again. To see them: failoverd show %s", r.Server)
	}
	return fmt.Sprintf("The standby stands in for %s. How to give the role back: failoverd show %s", r.Server, r.Server)
}

// cameBack says what an operation has begun to bring back: files, and whether it was about databases as well.
func cameBack(r plan.Record) (files, databases bool) {
	for _, d := range r.Steps {
		files = files || strings.HasPrefix(d.Name, "bring ") && d.State != plan.Queued
		databases = databases || strings.HasPrefix(d.Name, "swap ")
	}
	return files, databases
}

// codeOf is the problem that an operation's end is.
func codeOf(s plan.State) string {
	switch s {
	case plan.Partial:
		return codePartial
	case plan.Cancelled:
		return codeCancelled
	}
	return codeFailed
}

// verdict is the end of an operation that did not succeed, in a sentence.
func verdict(r plan.Record) string {
	text := fmt.Sprintf("the %s of %s ended as %s", r.Kind, r.Server, r.State)
	if r.State == plan.Undone {
		text = fmt.Sprintf("the %s of %s was not possible, and what had been done is taken back", r.Kind, r.Server)
		if files, _ := cameBack(r); files {
			text += ", but for files that have come back"
		}
	}
	if r.Error != "" {
		text += ": " + r.Error
	}
	var failed []string
	for _, d := range r.Steps {
		if d.State == plan.Failed && !strings.Contains(r.Error, d.Error) {
			failed = append(failed, d.Name+": "+d.Error)
		}
	}
	if len(failed) > 0 {
		text += " (" + strings.Join(failed, "; ") + ")"
	}
	return text
}

// paintState is the colour of a step's state.
func paintState(s plan.State) colour {
	switch s {
	case plan.Succeeded:
		return green
	case plan.Failed:
		return red
	case plan.Undone, plan.Skipped, plan.Cancelled, plan.Partial:
		return yellow
	}
	return noColour
}
