package standby

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/status"
	"failoverd/takeover"
)

// task is an operation that runs, or the watch over a takeover.
type task struct {
	id     string
	cancel context.CancelCauseFunc
	done   chan struct{}
}

// operations are the records of what runs, and of what ran last.
type operations struct {
	journal Journal

	mu      sync.Mutex
	records map[string]plan.Record
	changed chan struct{}
}

// operationView is a record with its key.
type operationView struct{ record plan.Record }

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

// decode reads an operation's record from the journal.
func decode(op journal.Operation) (plan.Record, error) {
	var r plan.Record
	if err := json.Unmarshal(op.Body, &r); err != nil {
		return r, fmt.Errorf("operation %s: %w", op.ID, err)
	}
	return r, nil
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
	again    bool
}

// Record satisfies plan.Recorder. The end of an operation is not written here:
// it is written with the transition that follows from it, in one transaction, so
// that no crash comes between the two.
func (r *recorder) Record(ctx context.Context, rec plan.Record, durable bool) error {
	if !rec.State.Open() {
		return nil
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
	return err
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

// event says what became of a step, once.
func (r *recorder) event(rec plan.Record, d plan.Done) (journal.Event, bool) {
	if r.said[d.Name] == d.State || d.State == plan.Queued || d.State == plan.Running {
		return journal.Event{}, false
	}
	r.said[d.Name] = d.State
	at := time.Now()
	if d.Ended != nil {
		at = *d.Ended
	}
	e := journal.Event{
		Time: at, Kind: rec.Kind + ".step", Severity: "info", Server: rec.Server, Incident: r.incident, Operation: rec.ID,
		Actor:   actor(rec.By),
		Message: fmt.Sprintf("%s of %s: %s %s", rec.Kind, rec.Server, d.Name, d.State),
		Reason:  d.Note,
		Evidence: map[string]any{
			"step": d.Name, "title": d.Title, "state": string(d.State), "duration_s": d.Duration().Seconds(),
		},
	}
	if d.Error != "" {
		e.Severity, e.Reason = "critical", d.Error
	}
	return e, true
}

// parts are what a server's plans act with.
func (s *Standby) parts(v *server, incident string) (takeover.Parts, error) {
	seg := s.segmentFor(v.link)
	p := takeover.Parts{Holder: markedHolder{Holder: s.deps.Holder, own: s.own}, StandIn: v.standIn}
	if !v.config.Takeover.AssumeAddress {
		return p, nil
	}
	if seg == nil {
		return p, fmt.Errorf("interface %q cannot be used for a takeover: it is not there, or has no hardware address", v.link)
	}
	p.Inquiry = seg.inquiry
	p.Announcer = &announcer{s: s, seg: seg, v: v.config}
	p.Announced = func(ip addr, r takeover.Verified) { s.announced(v.config.Name, incident, ip, r) }
	return p, nil
}

// beginTakeover plans a takeover, has it written down with the transition, and
// runs it once both are durable.
func (t *turn) beginTakeover(v *server, e monitor.Effect, by plan.Actor) {
	o := t.order
	if !e.Ordered {
		o = ownOrder("decision", e.Reason)
	}
	parts, err := t.s.parts(v, v.facts.Incident)
	if err != nil {
		t.fail(v, "probe", err)
		return
	}
	p := takeover.Takeover(v.plans(o, e.Ordered), parts)
	t.begin(v, p, plan.New(p, newID("takeover", t.now), o.By, e.Reason, o.Accept, t.now), false)
}

// beginRelease plans a release.
func (t *turn) beginRelease(v *server, e monitor.Effect, by plan.Actor) {
	o := t.order
	if !e.Ordered {
		o = ownOrder("decision", e.Reason)
	}
	parts, err := t.s.parts(v, v.facts.Incident)
	if err != nil {
		t.fail(v, "stop", err)
		return
	}
	server := v.plans(o, e.Ordered)
	p := takeover.Release(server, parts)
	t.begin(v, p, plan.New(p, newID("release", t.now), o.By, e.Reason, o.Accept, t.now), false)
}

// fail ends an operation that could not even be planned.
func (t *turn) fail(v *server, step string, err error) {
	kind := monitor.TakeoverFailed
	if v.facts.Role == monitor.Releasing {
		kind = monitor.ReleaseFailed
	}
	t.s.box.put(func(t *turn) {
		t.step(v, monitor.Event{Kind: kind, Step: step, Reason: err.Error()}, automatic("takeover"))
	})
}

// begin writes an operation down with the turn, and starts it after.
func (t *turn) begin(v *server, p plan.Plan, r plan.Record, back bool) {
	t.remember(v)
	op, err := encode(r)
	if err != nil {
		t.fail(v, "record", err)
		return
	}
	t.batch.Operations = append(t.batch.Operations, op)
	v.operation = r.ID
	verb := "started"
	if r.Resumed > 0 {
		verb = "resumed"
	}
	t.note(journal.Event{
		Kind: p.Kind + "." + verb, Severity: "info", Server: v.config.Name, Incident: v.facts.Incident, Operation: r.ID,
		Actor: actor(r.By), Message: fmt.Sprintf("%s of %s %s", p.Kind, v.config.Name, verb), Reason: r.Reason,
	}, false)
	ctx, cancel := context.WithCancelCause(t.s.stop)
	job := &task{id: r.ID, cancel: cancel, done: make(chan struct{})}
	v.task = job
	s, incident, previous := t.s, v.facts.Incident, v.watch
	// After a reboot of the host its network comes up a while later, and says
	// nothing that can be trusted before it has settled.
	settle, settledAt, link := t.rebooted, s.self.settledAt, v.link
	v.watch = nil
	s.operations.put(r)
	t.fails = append(t.fails, func(err error) {
		r.State, r.Error = plan.Failed, "not begun: "+err.Error()
		s.operations.put(r)
		cancel(nil)
	})
	t.after(func() {
		s.run(p.Kind, func() {
			defer close(job.done)
			defer cancel(nil)
			if previous != nil {
				previous.cancel(nil)
				<-previous.done
			}
			rec := &recorder{s: s, incident: incident, said: map[string]plan.State{}}
			for _, d := range r.Steps {
				rec.said[d.Name] = d.State
			}
			var err error
			if settle {
				s.awaitLink(ctx, link, settledAt)
			}
			if back {
				r, err = plan.Back(ctx, p, r, errors.New("interrupted by a crash"), rec)
			} else {
				r, err = plan.Run(ctx, p, r, rec)
			}
			steps := rec.events(r)
			s.box.put(func(t *turn) { t.ended(v, job, r, steps, err) })
		})
	})
}

// ended takes the end of an operation to the machine.
func (t *turn) ended(v *server, job *task, r plan.Record, steps []journal.Event, err error) {
	if v.task != job {
		return
	}
	if errors.Is(err, plan.ErrInterrupted) {
		v.task = nil
		return // it stays open in the journal, and the next start goes on with it
	}
	t.remember(v)
	t.fails = append(t.fails, func(error) {
		t.s.retry = append(t.s.retry, func(t *turn) { t.ended(v, job, r, steps, err) })
	})
	v.task = nil
	op, broken := encode(r)
	if broken != nil {
		t.s.log.Error("the end of an operation cannot be written down", "operation", r.ID, "err", broken)
	} else {
		t.batch.Operations = append(t.batch.Operations, op)
	}
	t.batch.Events = append(t.batch.Events, steps...)
	t.after(func() { t.s.operations.put(r) })
	e := monitor.Event{Reason: took(r), Touched: r.Begun(takeover.StepStart)}
	if r.By.Kind != "automatic" {
		e.By = r.By.Name
	}
	failed := r.State != plan.Succeeded && r.State != plan.Partial
	if failed {
		e.Step, e.Reason = failedStep(r), r.Error
		e.Kept = r.State == plan.Failed && keptBack(r)
	}
	switch {
	case r.Kind == "takeover" && !failed:
		e.Kind = monitor.TakeoverDone
	case r.Kind == "takeover":
		e.Kind = monitor.TakeoverFailed
		var held *takeover.HeldError
		if errors.As(err, &held) && !e.Kept {
			e.Refused, e.Reason = monitor.AddressInUse, held.Error()
			if known := v.facts.Neighbour.Known; known != "" && held.MAC != known {
				e.Refused = monitor.Conflict
				e.Reason += "; the primary was known as " + known
			}
		}
	case !failed:
		e.Kind = monitor.ReleaseDone
	default:
		e.Kind = monitor.ReleaseFailed
	}
	t.step(v, e, r.By)
	if r.Kind == "takeover" && r.Ended != nil {
		t.after(func() { t.s.deps.Metrics.ObserveTakeover(v.config.Name, string(r.State), r.Ended.Sub(r.Started)) })
	}
	if v.facts.Role == monitor.StandingIn {
		t.after(func() { t.s.beginWatch(v, r) })
	}
	if v.facts.Role == monitor.StandingBy {
		t.after(func() {
			for _, a := range v.service() {
				t.s.own.unmark(a) // if it was not assumed, nobody else has
			}
			if v.facts.Health != monitor.OK && v.facts.Mode == monitor.Active {
				t.s.beginAsking(v)
			} else {
				t.s.stopAsking(v)
			}
		})
	}
}

// keptBack reports whether steps of a failed operation were left as they are.
func keptBack(r plan.Record) bool {
	return slices.ContainsFunc(r.Steps, func(d plan.Done) bool { return d.State == plan.Succeeded && changes(d.Name) }) &&
		!slices.ContainsFunc(r.Steps, func(d plan.Done) bool { return d.State == plan.Undone })
}

// changes reports whether a step changes something that outlives the plan.
func changes(step string) bool {
	return step == takeover.StepAssume || step == takeover.StepStart
}

// failedStep names the step at which an operation stopped.
func failedStep(r plan.Record) string {
	for _, d := range r.Steps {
		if d.Error != "" {
			return d.Name
		}
	}
	return "the beginning"
}

// took says how long an operation took, and what for.
func took(r plan.Record) string {
	if r.Ended == nil {
		return r.Reason
	}
	return fmt.Sprintf("it took %s", r.Ended.Sub(r.Started).Round(time.Millisecond))
}

// run starts a goroutine that the standby waits for before it ends.
func (s *Standby) run(_ string, f func()) { s.tasks.Go(f) }
