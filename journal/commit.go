package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// checkpointEvery is after how many commits Run is asked to fold the log into the file.
const checkpointEvery = 250

// foldWithoutReserve is after how many commits the log is folded when the disk has no room: a log that is
// folded often stays small, and leaves what little room there is to the file.
const foldWithoutReserve = 16

// Commit stores the batch in one transaction that is on the disk when it returns, and returns the
// events with their numbers. Events without a time get the present one. ctx bounds only the waiting
// for another writer: once begun, a transaction is finished, so that nobody has to guess its end.
// On an error nothing was stored; errors.Is(err, ErrFull) when the disk has no room.
func (j *Journal) Commit(ctx context.Context, b Batch) ([]Event, error) {
	for _, a := range b.Alerts {
		if a.Event < 0 || a.Event >= len(b.Events) {
			return nil, fmt.Errorf("commit to the journal: alert %s is about event %d of %d", a.Kind, a.Event, len(b.Events))
		}
	}
	if b.empty() {
		return nil, nil
	}
	events := slices.Clone(b.Events)
	now := time.Now()
	for i := range events {
		if events[i].Time.IsZero() {
			events[i].Time = now
		}
		events[i].Time = events[i].Time.Round(0).UTC()
	}
	if err := j.write(ctx, func(tx *transaction) error { return tx.store(b, events) }); err != nil {
		return nil, fmt.Errorf("commit to the journal: %w", err)
	}
	j.announce()
	return events, nil
}

// write runs fill in a transaction. When the disk is full it gives up the reserve, folds the log into the
// file so that the log's own room can be used again, and tries once more.
func (j *Journal) write(ctx context.Context, fill func(*transaction) error) error {
	if j.writer == nil {
		return errors.New("the journal is open for reading only")
	}
	select {
	case j.turn <- struct{}{}:
	default: // Somebody else is writing.
		select {
		case j.turn <- struct{}{}:
		case <-j.ended:
			return fmt.Errorf("the journal is closed: %w", os.ErrClosed)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-j.turn }()

	err := j.attempt(fill)
	if errors.Is(err, ErrFull) {
		j.reserve.giveUp()
		if foldErr := j.fold(context.Background()); foldErr != nil && !errors.Is(foldErr, ErrFull) {
			j.log.Warn("fold the journal's log on a full disk", "err", foldErr)
		}
		err = j.attempt(fill)
	}
	j.lastCommit.Store(time.Now().UnixNano())
	n := j.commits.Add(1)
	if !j.reserve.whole() && n%foldWithoutReserve == 0 {
		j.report("fold the journal's log", j.fold(context.Background()))
	}
	if n >= checkpointEvery {
		select {
		case j.tidy <- struct{}{}:
		default: // It has been asked already.
		}
	}
	return err
}

// attempt is one transaction.
func (j *Journal) attempt(fill func(*transaction) error) error {
	tx, err := j.writer.BeginTx(context.Background(), nil)
	if err != nil {
		return classify(err)
	}
	if err := fill(&transaction{tx, j.stmts, j.recipients}); err != nil {
		tx.Rollback()
		return classify(err)
	}
	return classify(tx.Commit())
}

// transaction is a running transaction of the writer.
type transaction struct {
	*sql.Tx
	prepared   *statements
	recipients func(kind string) []Recipient
}

// store writes the whole batch; events are those of the batch and get their numbers.
func (tx *transaction) store(b Batch, events []Event) error {
	for i := range events {
		if err := tx.storeEvent(&events[i]); err != nil {
			return err
		}
	}
	for server, body := range b.Facts {
		var err error
		if body == nil {
			_, err = tx.Stmt(tx.prepared.dropFacts).Exec(server)
		} else {
			_, err = tx.Stmt(tx.prepared.putFacts).Exec(server, string(body))
		}
		if err != nil {
			return fmt.Errorf("facts of %s: %w", server, err)
		}
	}
	for _, o := range b.Operations {
		if _, err := tx.Stmt(tx.prepared.putOperation).Exec(o.ID, o.Kind, o.Server, o.Open, nanos(o.Started), nanos(o.Ended), text(o.Body)); err != nil {
			return fmt.Errorf("operation %s: %w", o.ID, err)
		}
	}
	for _, c := range b.Copies {
		if _, err := tx.Stmt(tx.prepared.putCopy).Exec(c.Server, c.Catalog, string(c.Body)); err != nil {
			return fmt.Errorf("copy of %s of %s: %w", c.Catalog, c.Server, err)
		}
	}
	for _, i := range b.Incidents {
		if _, err := tx.Stmt(tx.prepared.putIncident).Exec(i.ID, i.Server, nanos(i.Opened), nanos(i.Ended), string(i.Body)); err != nil {
			return fmt.Errorf("incident %s: %w", i.ID, err)
		}
	}
	for name, value := range b.Values {
		if _, err := tx.Stmt(tx.prepared.putValue).Exec(name, value); err != nil {
			return fmt.Errorf("value %s: %w", name, err)
		}
	}
	for _, m := range b.Mails {
		if err := tx.saveMail(m); err != nil {
			return err
		}
	}
	if len(b.Alerts) == 0 {
		return nil
	}
	for _, a := range b.Alerts {
		e := events[a.Event]
		for _, r := range tx.recipients(a.Kind) {
			stmt, args := tx.prepared.addMail, []any{e.Seq, a.Kind, a.Server, a.Incident, r.To, nanos(e.Time)}
			if wants := r.Wants(e.Severity); !wants || a.Reminder {
				stmt, args = tx.prepared.askMail, append(args, wants, a.Reminder)
			}
			if _, err := tx.Stmt(stmt).Exec(args...); err != nil {
				return fmt.Errorf("alert %s to %s: %w", a.Kind, r.To, err)
			}
		}
	}
	return nil
}

// storeEvent writes one event and takes its number.
func (tx *transaction) storeEvent(e *Event) error {
	evidence, err := encodeEvidence(e.Evidence)
	if err != nil {
		return fmt.Errorf("evidence of %s: %w", e.Kind, err)
	}
	row, err := tx.Stmt(tx.prepared.addEvent).Exec(nanos(e.Time), e.Kind, e.Severity, e.Server, e.Incident, e.Operation,
		e.Actor.Kind, e.Actor.Name, e.Actor.Via, e.Actor.From, e.Message, e.Reason, evidence)
	if err != nil {
		return fmt.Errorf("event %s: %w", e.Kind, err)
	}
	e.Seq, err = row.LastInsertId()
	return err
}

// text gives the stored form of JSON, NULL for none.
func text(body json.RawMessage) any {
	if body == nil {
		return nil
	}
	return string(body)
}
