package standby

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"failoverd/alerts/incident"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// operations are the records of what runs, and of what ran last.
type operations struct {
	journal Journal

	mu      sync.Mutex
	records map[string]plan.Record
}

// put keeps the newest record of an operation. Ended ones are in the journal;
// only the open ones are kept here for long.
func (o *operations) put(r plan.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.records == nil {
		o.records = map[string]plan.Record{}
	}
	o.records[r.ID] = r
	if len(o.records) > 64 {
		for id, old := range o.records {
			if !old.State.Open() && id != r.ID {
				delete(o.records, id)
			}
		}
	}
}

// progress notes how far an operation has come that runs. Its next record, with the next step, begins without.
func (o *operations) progress(id string, p plan.Progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r, ok := o.records[id]; ok && r.State.Open() {
		r.Progress = &p
		o.records[id] = r
	}
}

// forget takes back an operation that was not begun.
func (o *operations) forget(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.records, id)
}

// open returns the record of an operation that has not ended.
func (o *operations) open(id string) (plan.Record, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r, ok := o.records[id]
	return r, ok && r.State.Open()
}

// get returns the record of an operation.
func (o *operations) get(ctx context.Context, id string) (plan.Record, error) {
	o.mu.Lock()
	r, ok := o.records[id]
	o.mu.Unlock()
	if ok {
		return r, nil
	}
	op, err := o.journal.Operation(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return plan.Record{}, refuse(status.NotFound, fmt.Sprintf("there is no operation %q", id))
	}
	if err != nil {
		return plan.Record{}, err
	}
	return decode(op)
}

// current is the record of an operation that was read from the journal: of one that had not ended, as it is now.
func (o *operations) current(ctx context.Context, op journal.Operation) (plan.Record, error) {
	if op.Open {
		return o.get(ctx, op.ID)
	}
	return decode(op)
}

// decode reads an operation's record from the journal.
func decode(op journal.Operation) (plan.Record, error) {
	var r plan.Record
	if err := json.Unmarshal(op.Body, &r); err != nil {
		return r, fmt.Errorf("operation %s: %w", op.ID, err)
	}
	return r, nil
}

// rehearse encodes a record and an incident of nothing. What the encoder makes at its first use
// takes a tenth of a millisecond, for which the users of a dead primary need not
// wait.
func rehearse() error {
	_, err := encode(plan.Record{})
	if err == nil {
		_, err = keptIncident(incident.Incident{})
	}
	return err
}

// encode is an operation as the journal keeps it.
func encode(r plan.Record) (journal.Operation, error) {
	body, err := json.Marshal(r)
	op := journal.Operation{ID: r.ID, Kind: r.Kind, Server: r.Server, Open: r.State.Open(), Started: r.Started, Body: body}
	if r.Ended != nil {
		op.Ended = *r.Ended
	}
	return op, err
}

// newID names an operation so that the newest sorts last.
func newID(kind string, now time.Time) string {
	return fmt.Sprintf("%s-%s-%s", kind, now.UTC().Format("20060102T150405"), strings.ToLower(rand.Text()[:6]))
}

// recorder writes a running operation down. What need not be durable at once
// waits for the next durable record.
type recorder struct {
	s        *Standby
	incident string
	said     map[string]plan.State // the steps of which the history knows
	begun    *promise              // that the beginning of the operation is on disk
}

// newRecorder records an operation of which the history knows what r says.
func (s *Standby) newRecorder(incident string, r plan.Record) *recorder {
	rec := &recorder{s: s, incident: incident, said: map[string]plan.State{}}
	rec.told(r)
	return rec
}

// told notes what the history knows.
func (r *recorder) told(rec plan.Record) {
	for _, d := range rec.Steps {
		r.said[d.Name] = d.State
	}
}

// errUnwritten is why a step was not done that could not be written down. It is
// checked where the end of an operation is weighed: what failed for the disk is
// tried again.
var errUnwritten = errors.New("the journal cannot be written")

// Record satisfies plan.Recorder. The end of an operation is not written here:
// it is written with the transition that follows from it, in one transaction, so
// that no crash comes between the two.
func (r *recorder) Record(ctx context.Context, rec plan.Record, durable bool) error {
	if !rec.State.Open() {
		return nil
	}
	if durable && !r.begun.kept() {
		return errUnwritten
	}
	r.s.operations.put(rec)
	if !durable {
		return nil
	}
	op, err := encode(rec)
	if err != nil {
		return err
	}
	_, err = r.s.deps.Journal.Commit(context.WithoutCancel(ctx), journal.Batch{
		Operations: []journal.Operation{op}, Events: r.events(rec),
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errUnwritten, err)
	}
	r.told(rec)
	return nil
}

// events says what became of the steps of which the history does not know yet.
func (r *recorder) events(rec plan.Record) []journal.Event {
	var events []journal.Event
	for _, d := range rec.Steps {
		if e, ok := r.event(rec, d); ok {
			events = append(events, e)
		}
	}
	return events
}

// event says what became of a step that the history does not know of.
func (r *recorder) event(rec plan.Record, d plan.Done) (journal.Event, bool) {
	if r.said[d.Name] == d.State || d.State == plan.Queued || d.State == plan.Running {
		return journal.Event{}, false
	}
	at := time.Now()
	if d.Ended != nil && d.State != plan.Undone { // it ended when it was done, and is undone now
		at = *d.Ended
	}
	e := journal.Event{
		Time: at, Kind: rec.Kind + ".step", Severity: "info", Server: rec.Server, Incident: r.incident, Operation: rec.ID,
		Actor:   actor(rec.By),
		Message: stepLine(d),
		Evidence: map[string]any{
			"step": d.Name, "title": d.Title, "state": string(d.State), "duration_s": d.Duration().Seconds(),
		},
	}
	if d.Error != "" {
		e.Severity, e.Reason = "critical", d.Error
	}
	return e, true
}

// stepLine is what became of a step, for people: what it brought, or that it
// did not succeed.
func stepLine(d plan.Done) string {
	switch {
	case d.State == plan.Succeeded && d.Note != "":
		return d.Name + ": " + d.Note
	case d.State == plan.Succeeded:
		return d.Name + ": done"
	}
	return d.Name + ": " + string(d.State)
}
