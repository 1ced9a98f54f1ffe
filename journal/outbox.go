package journal

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// The states of a mail.
const (
	MailPending = "pending"
	MailSent    = "sent"
	MailFailed  = "failed"
	MailDropped = "dropped" // left out because there were too many; counted in the next one
)

// None is a least severity that no alert has.
const None = "none"

// Recipient is whom alerts may go to: a mail address, or the name of another way out.
type Recipient struct {
	To string
	// Least is the least severity of what goes there by itself; empty: everything. Whatever it is, the alerts of an
	// incident follow that went there before: who was told of a failure is told of its end.
	Least string
}

// Wants tells whether an alert of that severity goes there by itself. One without a severity goes everywhere.
func (r Recipient) Wants(severity string) bool {
	rank := map[string]int{Info: 1, Warning: 2, Critical: 3, None: 4}
	return severity == "" || rank[severity] >= rank[r.Least]
}

// Mail is one row of the outbox: one alert to one recipient, by whatever way, kept until it is sent or given up.
type Mail struct {
	ID         int64     `json:"id"`
	Event      int64     `json:"event"` // the event's Seq
	Kind       string    `json:"kind"`
	Server     string    `json:"server"`
	Incident   string    `json:"incident"`
	Recipient  string    `json:"recipient"`
	MessageID  string    `json:"message_id"`
	State      string    `json:"state"`  // one of the above
	Answer     string    `json:"answer"` // the last answer of the other side, or why there was none
	Attempts   int       `json:"attempts"`
	Created    time.Time `json:"created"`
	FirstTried time.Time `json:"first_tried"`
	NextTry    time.Time `json:"next_try"` // zero: at once
	Done       time.Time `json:"done"`
}

// MailQuery chooses mails; a zero field chooses all. The newest come first.
type MailQuery struct {
	State     string
	Server    string
	Servers   []string // about one of these; nil: about all
	Incident  string
	Recipient string
	Event     int64
	DoneSince time.Time // sent or given up since
	Before    int64     // ID < Before
	Limit     int       // 0: 1000
}

const selectMail = `SELECT id, event, kind, server, incident, recipient, message_id, state, answer, attempts,
	created, first_tried, next_try, done FROM outbox`

// selectDue jumps from recipient to recipient by the index outbox_due: while a mail server hangs, tens of thousands of mails
// may wait, and what is due is asked for whenever anything has happened.
const selectDue = `WITH RECURSIVE r (recipient) AS (SELECT min(recipient) FROM outbox WHERE state = 'pending'
	UNION ALL SELECT (SELECT min(recipient) FROM outbox WHERE state = 'pending' AND recipient > r.recipient) FROM r WHERE r.recipient IS NOT NULL)
	` + selectMail + ` WHERE id IN (SELECT (SELECT id FROM outbox WHERE state = 'pending' AND recipient = r.recipient AND next_try <= ?
	ORDER BY next_try, id LIMIT 1) FROM r WHERE r.recipient IS NOT NULL) ORDER BY next_try, id`

// Due returns of each recipient the pending mail that has waited longest, if its next try is not after now; the longest
// waiting of them first. A recipient to whom a thousand mails wait hides nobody else's.
func (j *Journal) Due(ctx context.Context, now time.Time) ([]Mail, error) {
	mails, err := collect(ctx, j.reader, scanMail, selectDue, nanos(now))
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return mails, nil
}

// Mails returns the mails that q chooses, the newest first.
func (j *Journal) Mails(ctx context.Context, q MailQuery) ([]Mail, error) {
	var w where
	w.and(q.State != "", "state = ?", q.State)
	w.and(q.Before > 0, "id < ?", q.Before)
	w.and(q.Server != "", "server = ?", q.Server)
	w.among("server", q.Servers)
	w.and(q.Incident != "", "incident = ?", q.Incident)
	w.and(q.Recipient != "", "recipient = ?", q.Recipient)
	w.and(q.Event > 0, "event = ?", q.Event)
	w.and(!q.DoneSince.IsZero(), "state <> 'pending' AND done >= ?", nanos(q.DoneSince))
	mails, err := collect(ctx, j.reader, scanMail, selectMail+w.String()+" ORDER BY id DESC"+w.limit(q.Limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return mails, nil
}

// Pending tells how many mails wait, and since when the oldest does; zero when none waits.
func (j *Journal) Pending(ctx context.Context) (n int, oldest time.Time, err error) {
	var created int64
	err = j.reader.QueryRowContext(ctx, `SELECT count(*), coalesce(min(created), 0) FROM outbox WHERE state = 'pending'`).Scan(&n, &created)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("read the outbox: %w", classify(err))
	}
	return n, moment(created), nil
}

// NextTry tells when the next pending mail becomes due after now; zero when none does.
func (j *Journal) NextTry(ctx context.Context, now time.Time) (time.Time, error) {
	var next int64
	err := j.reader.QueryRowContext(ctx, `SELECT coalesce(min(next_try), 0) FROM outbox WHERE state = 'pending' AND next_try > ?`, nanos(now)).Scan(&next)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the outbox: %w", classify(err))
	}
	return moment(next), nil
}

// FirstMail returns the number of the event that the incident's first mail is about, 0 when there was none.
func (j *Journal) FirstMail(ctx context.Context, incident string) (int64, error) {
	var event int64
	err := j.reader.QueryRowContext(ctx, `SELECT coalesce(min(event), 0) FROM outbox WHERE incident <> '' AND incident = ?`, incident).Scan(&event)
	if err != nil {
		return 0, fmt.Errorf("read the outbox: %w", classify(err))
	}
	return event, nil
}

// SentSince tells how many mails about a server were sent to a recipient since then.
func (j *Journal) SentSince(ctx context.Context, server, recipient string, since time.Time) (n int, err error) {
	err = j.reader.QueryRowContext(ctx, `SELECT count(*) FROM outbox WHERE state <> 'pending' AND done >= ?
		AND state = 'sent' AND server = ? AND recipient = ?`, nanos(since), server, recipient).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("read the outbox: %w", classify(err))
	}
	return n, nil
}

// DroppedMails returns the mails about a server that were left out since the last one that was sent to the recipient.
func (j *Journal) DroppedMails(ctx context.Context, server, recipient string) ([]Mail, error) {
	mails, err := collect(ctx, j.reader, scanMail, selectMail+` WHERE state = 'dropped' AND server = ?1 AND recipient = ?2 AND done >
		(SELECT coalesce(max(done), 0) FROM outbox WHERE state = 'sent' AND server = ?1 AND recipient = ?2) ORDER BY id`, server, recipient)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return mails, nil
}

// RetryMails makes every mail due at now that waits for a recipient of that pattern ("*" is everybody), since what kept
// it may be over.
func (j *Journal) RetryMails(ctx context.Context, now time.Time, pattern string) error {
	err := j.write(ctx, func(tx *transaction) error {
		_, err := tx.Exec(`UPDATE outbox SET next_try = ?1 WHERE state = 'pending' AND next_try > ?1 AND recipient GLOB ?2`, nanos(now), pattern)
		return err
	})
	if err != nil {
		return fmt.Errorf("try the mails again: %w", err)
	}
	return nil
}

// SaveMail stores what has become of a mail: everything but what it is about and for whom.
// Batch.Mails does the same together with events.
func (j *Journal) SaveMail(ctx context.Context, m Mail) error {
	if err := j.write(ctx, func(tx *transaction) error { return tx.saveMail(m) }); err != nil {
		return fmt.Errorf("save a mail: %w", err)
	}
	return nil
}

// saveMail writes one row.
func (tx *transaction) saveMail(m Mail) error {
	row, err := tx.Stmt(tx.prepared.saveMail).Exec(m.MessageID, m.State, m.Answer, m.Attempts, nanos(m.FirstTried), nanos(m.NextTry), nanos(m.Done), m.ID)
	if err != nil {
		return fmt.Errorf("mail %d: %w", m.ID, err)
	}
	return touched(row, "mail", m.ID)
}

// touched gives ErrNotFound when a change met no row.
func touched(r sql.Result, what string, id any) error {
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = fmt.Errorf("%s %v: %w", what, id, ErrNotFound)
	}
	return err
}

// scanMail reads one row of the outbox.
func scanMail(row *sql.Rows) (m Mail, err error) {
	var created, first, next, done int64
	err = row.Scan(&m.ID, &m.Event, &m.Kind, &m.Server, &m.Incident, &m.Recipient, &m.MessageID, &m.State, &m.Answer, &m.Attempts,
		&created, &first, &next, &done)
	m.Created, m.FirstTried, m.NextTry, m.Done = moment(created), moment(first), moment(next), moment(done)
	return m, err
}
