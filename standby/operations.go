package standby

import (
	"context"
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

	home     *homeward // of a failback
	away     *outward  // of a hand-over
	rebooted bool      // the host has, and the operation goes on
}

// sketch is what a server's plans are drawn from: copied in the loop, so that a
// plan can be drawn outside of it.
type sketch struct {
	server    takeover.Server
	verify    []addr
	standIn   takeover.StandIn
	copies    takeover.Copies // nil where nothing is replicated
	incident  string
	announced chan struct{} // holds a token once the addresses were announced
	home      *homeward     // of a failback
	away      *outward      // of a hand-over
}

// sketch copies what the plans of a server are drawn from.
func (s *Standby) sketch(v *server, server takeover.Server) sketch {
	k := sketch{
		server: server, verify: v.config.Takeover.Verify, standIn: v.standIn, incident: v.facts.Incident,
		announced: make(chan struct{}, 1),
	}
	if len(v.catalogs)+len(v.trees) > 0 {
		k.copies = promotion{
			catalogs: v.catalogs, copies: v.copies, job: v.job,
			files: filePromotion{trees: s.deps.Trees, server: v.config.Name, names: v.treeNames()},
		}
	}
	return k
}

// draw draws a plan. The error says why it cannot be carried out now; the plan
// can be shown all the same.
func (s *Standby) draw(kind string, k sketch) (plan.Plan, error) {
	parts, err := s.parts(k)
	if kind == "release" {
		return takeover.Release(k.server, parts), nil // it needs no neighbours
	}
	if kind == status.Failback {
		return takeover.Failback(k.server, parts, k.home.home), err
	}
	if kind == status.Handover {
		return takeover.Handover(k.server, parts, k.away.departure), err
	}
	return takeover.Takeover(k.server, parts), err
}

// parts are what a server's plans act with.
func (s *Standby) parts(k sketch) (takeover.Parts, error) {
	p := takeover.Parts{Holder: markedHolder{Holder: s.deps.Holder, own: s.own}, StandIn: k.standIn, Copies: k.copies}
	if !k.server.Assume {
		return p, nil
	}
	seg := s.segmentFor(k.server.Link)
	if seg == nil {
		return p, fmt.Errorf("interface %q cannot be used for a takeover: it is not there, or has no hardware address", k.server.Link)
	}
	name, incident := k.server.Name, k.incident
	p.Inquiry = seg.inquiry
	p.Announcer = &announcer{s: s, seg: seg, verify: k.verify}
	p.Announced = func(ip addr, r takeover.Verified) {
		select {
		case k.announced <- struct{}{}:
		default:
		}
		s.announced(name, incident, ip, r)
	}
	return p, nil
}

// operate plans what an effect orders, has it written down with the transition,
// and runs it once both are durable.
func (t *turn) operate(v *server, kind string, e monitor.Effect) {
	o := t.order
	if !e.Ordered {
		o = ownOrder("decision", e.Reason)
	}
	k := t.s.sketch(v, v.plans(o, e.Ordered))
	p, err := t.s.draw(kind, k)
	if err != nil && !t.rebooted {
		// The transition and its end are one: no crash comes between the two.
		t.step(v, monitor.Event{Kind: monitor.TakeoverFailed, Step: takeover.StepProbe, Reason: err.Error()}, automatic("takeover"))
		return
	}
	id := newID(kind, t.now)
	if about := t.intended(v); kind == "takeover" && !e.Ordered && about != "" {
		id = about
	}
	r := plan.New(p, id, o.By, e.Reason, o.Accept, t.now)
	r.OrderKey = o.Key
	t.begin(v, p, k, r)
}

// begin writes an operation down with the turn, and starts it after.
func (t *turn) begin(v *server, p plan.Plan, k sketch, r plan.Record) {
	t.remember(v)
	run, back := plan.Run, r.State == plan.Cancelling
	if r.Resumed == 0 && !t.rebooted {
		// A plan that starts at once, and has not been started before, is written
		// down together with its beginning.
		r, run = plan.Begin(p, r), plan.RunBegun
	}
	t.record(r)
	v.operation = r.ID
	verb := "started"
	if r.Resumed > 0 {
		verb = "resumed"
	}
	t.note(journal.Event{
		Kind: p.Kind + "." + verb, Severity: "info", Server: v.config.Name, Incident: v.facts.Incident, Operation: r.ID,
		Actor: actor(r.By), Message: fmt.Sprintf("%s of %s %s", p.Kind, v.config.Name, verb), Reason: r.Reason,
	}, p.Kind == "takeover" && verb == "started" && r.By.Kind != "automatic") // an automatic one was announced as a failure
	ctx, cancel := context.WithCancelCause(t.s.stop)
	job := &task{id: r.ID, cancel: cancel, done: make(chan struct{}), home: k.home, away: k.away, rebooted: t.rebooted}
	previous, superseded := v.watch, v.task
	v.task = job
	if working := p.Kind == status.Failback && v.facts.Role == monitor.StandingIn; working {
		previous = nil // the stand-in works, and is watched, until the final stop
	} else {
		v.watch = nil
	}
	s := t.s
	// After a reboot of the host its network comes up a while later, and says
	// nothing that can be trusted before it has settled.
	wait, settledAt := t.rebooted && k.server.Assume && !back, s.self.settledAt
	s.operations.put(r)
	// What was intended on disk need not wait until it is written down that it has begun.
	ahead := r.ID == t.intended(v)
	written := newPromise()
	t.fails = append(t.fails, func(error) {
		written.settle(false)
		cancel(errNotWritten)
		s.operations.forget(r.ID)
	})
	t.after(func() { written.settle(true) })
	s.run(func() {
		defer close(job.done)
		defer cancel(nil)
		if p.Kind == "takeover" && k.server.Assume {
			s.deps.Holder.Prepare() // It only asks, and need not wait for the disk.
		}
		if !ahead && !written.kept() {
			return
		}
		if superseded != nil {
			// A failback that has stopped nothing yet, of a standby that has to yield; or such a hand-over, of a primary that has
			// failed.
			superseded.cancel(errors.Join(plan.ErrCancelled, fmt.Errorf("a %s has begun", p.Kind)))
			<-superseded.done
		}
		if previous != nil {
			previous.cancel(nil)
			<-previous.done
		}
		if wait {
			p = s.awaitLink(ctx, p, k, settledAt)
		}
		telling, told := context.WithCancel(ctx)
		var repeating sync.WaitGroup
		repeating.Go(func() { s.repeat(telling, k) })
		rec := s.newRecorder(k.incident, r)
		rec.begun = written
		r, err := run(ctx, p, r, rec)
		told()
		repeating.Wait()
		steps := rec.events(r)
		s.box.put(func(t *turn) { t.ended(v, job, p, r, steps, err) })
	})
}

// record writes an operation down with the turn.
func (t *turn) record(r plan.Record) {
	op, err := encode(r)
	if err != nil {
		panic(fmt.Sprintf("operation %s: %v", r.ID, err)) // it consists of texts and times
	}
	t.batch.Operations = append(t.batch.Operations, op)
}

// ended takes the end of an operation to the machine.
func (t *turn) ended(v *server, job *task, p plan.Plan, r plan.Record, steps []journal.Event, err error) {
	if v.task != job {
		if (job.home != nil || job.away != nil) && !errors.Is(err, plan.ErrInterrupted) {
			t.record(r) // it was superseded before it had stopped anything
			t.batch.Events = append(t.batch.Events, steps...)
			t.stayed(v, r, "another host has its address, and the standby gives way")
			t.after(func() { t.s.operations.put(r) })
		}
		return
	}
	if errors.Is(err, plan.ErrInterrupted) {
		v.task = nil
		return // it stays open in the journal, and the next start goes on with it
	}
	t.remember(v)
	t.fails = append(t.fails, func(error) {
		t.s.retry = append(t.s.retry, func(t *turn) { t.ended(v, job, p, r, steps, err) })
	})
	v.task = nil
	t.record(r)
	t.batch.Events = append(t.batch.Events, steps...)
	t.after(func() { t.s.operations.put(r) })
	was := v.facts.Role
	t.step(v, v.outcome(p, r, err), r.By)
	if job.home != nil {
		t.cameHome(v, job, r, was)
	}
	if job.away != nil {
		t.wentAway(v, job, r, was)
	}
	if r.Kind == "takeover" && r.Ended != nil {
		t.after(func() { t.s.deps.Metrics.ObserveTakeover(v.config.Name, string(r.State), r.Ended.Sub(r.Started)) })
	}
	since := t.now
	if d := r.Step(takeover.StepAnnounce); d != nil && d.Started != nil {
		since = *d.Started
	}
	t.after(func() { t.s.settleRole(v, since) })
}

// settleRole does what a role wants that an operation has led to.
func (s *Standby) settleRole(v *server, since time.Time) {
	switch v.facts.Role {
	case monitor.StandingIn:
		s.beginWatch(v, since)
	case monitor.StandingBy:
		for _, a := range v.service() {
			s.own.unmark(a) // if it was not assumed, nobody else has
		}
		s.relink(v)
		if v.facts.Health != monitor.OK && v.facts.Mode == monitor.Active {
			s.beginAsking(v)
		} else {
			s.stopAsking(v)
		}
	}
}

// outcome is the end of an operation as the machine takes it.
func (s *server) outcome(p plan.Plan, r plan.Record, err error) monitor.Event {
	e := monitor.Event{Reason: took(r), Touched: r.Begun(takeover.StepStart)}
	if r.By.Kind != "automatic" {
		e.By = r.By.Name
	}
	failed := r.State != plan.Succeeded && r.State != plan.Partial
	if failed {
		e.Step, e.Reason, e.Kept = failedStep(r), r.Error, keptBack(r)
	}
	switch {
	case r.Kind == status.Handover && failed:
		e.Kind, e.Planned = monitor.TakeoverFailed, true
	case r.Kind == status.Handover:
		e.Kind, e.Planned, e.Reason = monitor.TakeoverDone, true, unserved(r)+"; "+took(r)
	case r.Kind == status.Failback && failed:
		e.Kind, e.Back, e.Kept = monitor.ReleaseFailed, true, halfHome(r)
	case r.Kind == status.Failback:
		e.Kind, e.Back, e.Reason = monitor.ReleaseDone, true, stopped(r)+"; "+took(r)
	case r.Kind == "release" && failed:
		e.Kind = monitor.ReleaseFailed
	case r.Kind == "release":
		e.Kind = monitor.ReleaseDone
	case failed:
		e.Kind = monitor.TakeoverFailed
		if !e.Kept {
			e.Refused, e.Reason = s.refusal(r, err)
		}
	default:
		e.Kind = monitor.TakeoverDone
	}
	return e
}

// refusal is the code of a takeover that may be tried again by itself, because
// nothing is wrong with the standby's way of doing it: another host holds the
// address, or the disk did not take the next step.
func (s *server) refusal(r plan.Record, err error) (monitor.Code, string) {
	var held *takeover.HeldError
	switch {
	case errors.As(err, &held):
		if known := s.facts.Neighbour.Known; known != "" && held.MAC != known {
			return monitor.Conflict, held.Error() + "; the primary was known as " + known
		}
		return monitor.AddressInUse, held.Error()
	case errors.Is(err, errUnwritten):
		return monitor.Unwritable, r.Error
	}
	return monitor.NoHold, r.Error
}

// keptBack reports whether something that a failed operation has begun is still
// there: its steps were kept, or could not all be undone.
func keptBack(r plan.Record) bool {
	return r.State == plan.Failed && slices.ContainsFunc(r.Steps, func(d plan.Done) bool {
		return changes(d.Name) && d.State != plan.Undone && d.State != plan.Queued && d.State != plan.Skipped
	})
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

// took says how long an operation took, and what of it failed all the same.
func took(r plan.Record) string {
	if r.Ended == nil {
		return r.Reason
	}
	text := fmt.Sprintf("it took %s", r.Ended.Sub(r.Started).Round(time.Millisecond))
	var failed []string
	for _, d := range r.Steps {
		if d.State == plan.Failed {
			failed = append(failed, fmt.Sprintf("%s failed: %s", d.Name, d.Error))
		}
	}
	return strings.Join(append([]string{text}, failed...), "; ")
}

// run starts a goroutine that the standby waits for before it ends. It is
// called in the loop.
func (s *Standby) run(f func()) {
	if s.stopping {
		return // what is written down is gone on with at the next start
	}
	s.tasks.Go(f)
	s.ran = true
}
