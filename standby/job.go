package standby

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/replicate/trees"
	"failoverd/status"
)

// job is a replication, or the putting back of previous copies: one that runs, or one that waits for its turn.
type job struct {
	task
	waiting bool
	record  plan.Record // as it was admitted, or taken up again
	plan    plan.Plan
	run     *replicate.Run     // nil when previous copies are put back
	restore *replicate.Restore // nil otherwise
	trees   []trees.Tree       // whose files are brought back
}

// copying reports whether an operation of this kind is a job.
func copying(kind string) bool {
	return kind == status.FromLive || kind == status.ToLive || kind == status.RollBack
}

// direction is which way a job's data travels.
func (j *job) direction() monitor.Activity {
	if j.record.Kind == status.ToLive {
		return monitor.ToLive
	}
	return monitor.FromLive
}

// discards reports whether the standby's newer data is given up by order.
func (j *job) discards() bool { return slices.Contains(j.record.Accept, status.DiscardDiverged) }

// touches reports whether the job has begun to change which copies are in service.
func (j *job) touches() bool { return j.run == nil || j.run.Swapping() }

// cargo is what a job is about.
type cargo struct {
	catalogs []replicate.Catalog
	trees    []trees.Tree
}

// cargoOf is what a job of this kind is about that is ordered now.
func cargoOf(v *server, kind string, accept []string) cargo {
	c := cargo{catalogs: v.catalogs}
	if kind == status.ToLive && !accepted(accept)(status.LeaveFiles) {
		c.trees = v.worked()
	}
	return c
}

// newJob draws the plan of a job. id names it.
func (s *Standby) newJob(v *server, kind, id string, c cargo, accept []string) *job {
	j := &job{task: task{id: id, cancel: func(error) {}, done: make(chan struct{})}, waiting: true, trees: c.trees}
	if kind == status.RollBack {
		j.restore = &replicate.Restore{
			ID: id, Kind: kind, Server: v.config.Name, Catalogs: c.catalogs,
			Note: func(ctx context.Context, catalog, what string) error {
				return s.exchanging(ctx, j.record, journal.Batch{}, catalog, what)
			},
		}
		j.plan = j.restore.Plan()
		return j
	}
	j.run = &replicate.Run{
		ID: id, Kind: kind, Server: v.config.Name, Standby: s.config.Standby.Name,
		DataDir:  filepath.Join(s.config.Standby.DataDir, "servers", v.config.Name),
		ToLive:   kind == status.ToLive,
		Diverged: v.facts.Diverged, Accepts: accepted(accept), Catalogs: c.catalogs, Trees: s.bringers(v, c.trees),
		Remember: func(ctx context.Context, catalog string, c replicate.Copy, what string) error {
			return s.exchanging(ctx, j.record, journal.Batch{Copies: []journal.Copy{copyRow(v.config.Name, catalog, c)}}, catalog, what)
		},
		Watch: s.meter(id),
	}
	j.run.Use(v.copies)
	j.plan = j.run.Plan()
	return j
}

// exchanging makes durable what is about to be done to a catalog's copies, before it is done.
func (s *Standby) exchanging(ctx context.Context, r plan.Record, b journal.Batch, catalog, what string) error {
	if what != "" {
		b.Events = []journal.Event{{
			Time: time.Now(), Kind: r.Kind + ".exchange", Severity: "info", Server: r.Server, Operation: r.ID,
			Actor: actor(r.By), Message: fmt.Sprintf("%s: %s", catalog, what),
		}}
	}
	_, err := s.deps.Journal.Commit(context.WithoutCancel(ctx), b)
	return err
}

// mayCopy says why a job of this kind may not run now; empty if it may.
func (s *Standby) mayCopy(v *server, kind string, discard bool) string {
	f, name := v.facts, v.config.Name
	switch {
	case len(v.catalogs) == 0 && kind != status.ToLive:
		return "no database of " + name + " is configured"
	case v.task != nil || f.Role != monitor.StandingBy:
		return fmt.Sprintf("the standby is %s for %s", f.Role, name)
	case kind == status.ToLive:
		return ""
	case f.Diverged && !discard:
		return "the standby's data is newer than the primary's (diverged)"
	case kind == status.RollBack:
		return ""
	case f.Mode == monitor.Stopped:
		return name + " is stopped"
	case f.State() == monitor.StateFailure:
		return name + " has failed"
	}
	return ""
}

// admit writes a job down with the turn, and begins it as soon as there is room for it.
func (t *turn) admit(v *server, kind string, c cargo, o status.Order) *job {
	s := t.s
	j := s.newJob(v, kind, newID(kind, t.now), c, o.Accept)
	j.record = plan.New(j.plan, j.id, o.By, o.Reason, o.Accept, t.now)
	j.record.OrderKey = o.Key
	t.remember(v)
	v.job, v.replication = j, j.id
	t.record(j.record)
	t.after(func() { s.operations.put(j.record) })
	t.fails = append(t.fails, func(error) { s.operations.forget(j.id) })
	t.dispatch()
	if v.job == j {
		why := fmt.Sprintf("replications_at_once is %d", s.atOnce())
		if v.drill != nil {
			why = "a drill gives way to it"
		}
		t.note(journal.Event{
			Kind: kind + ".queued", Severity: "info", Server: v.config.Name, Operation: j.id, Actor: actor(o.By),
			Message: fmt.Sprintf("%s of %s waits for its turn", kind, v.config.Name),
			Reason:  why,
		}, false)
	}
	return j
}

// atOnce is how many servers' data may travel at the same time.
func (s *Standby) atOnce() int { return max(s.config.Standby.AtOnce, 1) }

// dispatch begins jobs that wait while there is room, the oldest first.
func (t *turn) dispatch() {
	s := t.s
	if s.stopping {
		return
	}
	running := 0
	var waiting []*server
	for _, v := range s.all {
		switch {
		case v.job == nil:
		case v.job.waiting:
			waiting = append(waiting, v)
		default:
			running++
		}
	}
	slices.SortStableFunc(waiting, func(a, b *server) int { return a.job.record.Started.Compare(b.job.record.Started) })
	for _, v := range waiting {
		if running >= s.atOnce() {
			return
		}
		if why := s.mayCopy(v, v.job.record.Kind, v.job.discards()); why != "" {
			t.giveUp(v, v.job.record, why)
			continue
		}
		if v.drill != nil { // which reads the copies that would be exchanged; it ends soon
			t.giveWay(v, v.job.id+" is to begin")
			continue
		}
		t.launch(v, v.job)
		running++
	}
}

// giveUp ends a job that has not begun.
func (t *turn) giveUp(v *server, r plan.Record, why string) {
	t.remember(v)
	r.State, r.Error, r.Ended = plan.Cancelled, why, &t.now
	t.record(r)
	t.after(func() { t.s.operations.put(r) })
	t.note(journal.Event{
		Kind: "replication.failed", Severity: "warning", Server: v.config.Name, Incident: v.facts.Incident, Operation: r.ID,
		Actor: actor(r.By), Message: fmt.Sprintf("%s: %s did not begin; the previous copy stays in service", v.config.Name, r.Kind), Reason: why,
	}, true)
	v.job = nil
}

// launch begins a job, together with the transition that it means.
func (t *turn) launch(v *server, j *job) {
	t.remember(v)
	if j.run != nil {
		j.run.Use(v.copies)
		j.run.Diverged = v.facts.Diverged
		t.step(v, monitor.Event{
			Kind: monitor.CopyStarted, Direction: j.direction(), Discard: j.discards(), By: j.record.By.Name, Reason: j.record.Reason,
		}, j.record.By)
	}
	t.note(journal.Event{
		Kind: j.record.Kind + ".started", Severity: "info", Server: v.config.Name, Operation: j.id, Actor: actor(j.record.By),
		Message: fmt.Sprintf("%s of %s started", j.record.Kind, v.config.Name), Reason: j.record.Reason,
	}, false)
	t.proceed(v, j)
}

// proceed has a job run from where its record says that it stands, once that is durable.
func (t *turn) proceed(v *server, admitted *job) {
	running := *admitted
	j := &running
	j.waiting = false
	t.remember(v)
	v.job = j
	r, run := j.record, plan.Run
	if r.Resumed == 0 {
		r, run = plan.Begin(j.plan, r), plan.RunBegun
	}
	t.record(r)
	s, incident := t.s, v.facts.Incident
	ctx, cancel := context.WithCancelCause(s.stop)
	j.cancel = cancel
	t.fails = append(t.fails, func(error) { cancel(errNotWritten) })
	t.after(func() {
		s.operations.put(r)
		s.run(func() {
			defer close(j.done)
			defer cancel(nil)
			rec := s.newRecorder(incident, r)
			ended, err := run(ctx, j.plan, r, rec)
			steps := rec.events(ended)
			s.box.put(func(t *turn) { t.copied(v, j, ended, steps, err) })
		})
	})
}

// copied takes the end of a job to the machine, together with what is remembered of the copies.
func (t *turn) copied(v *server, j *job, r plan.Record, steps []journal.Event, err error) {
	if v.job != j {
		return
	}
	t.remember(v)
	v.job = nil
	if errors.Is(err, plan.ErrInterrupted) {
		return // it stays open in the journal, and the next start examines it
	}
	t.fails = append(t.fails, func(error) {
		t.s.retry = append(t.s.retry, func(t *turn) { t.copied(v, j, r, steps, err) })
	})
	t.record(r)
	t.batch.Events = append(t.batch.Events, steps...)
	t.after(func() { t.s.operations.put(r) })
	if r.Ended != nil {
		t.after(func() {
			t.s.deps.Metrics.ObserveReplication(v.config.Name, r.Kind, string(r.State), r.Ended.Sub(r.Started))
		})
	}
	if j.restore != nil {
		t.restored(v, j, r)
		t.dispatch()
		return
	}
	copies, rolledBack := j.run.Ended(r)
	for _, c := range j.run.Catalogs {
		next := copies[c.Name]
		if !succeeded(r) && r.Resumed > 0 && r.By.Kind == "automatic" {
			next = next.GiveBack()
		}
		t.keep(v, c.Name, next)
	}
	if !j.run.ToLive { // which has asked about the other way
		v.probed = probedBy(v.probed, j.run.Found(), t.now)
	}
	t.brought(v, j.trees, r)
	e := monitor.Event{Kind: monitor.CopyEnded, Successful: succeeded(r), RolledBack: rolledBack, Reason: r.Error}
	if e.Successful {
		e.Reason = took(r)
	}
	t.step(v, e, r.By)
	t.dispatch()
}

// restored says what came of putting the previous copies back.
func (t *turn) restored(v *server, j *job, r plan.Record) {
	var names []string
	for catalog, c := range j.restore.Ended(r, v.copies) {
		t.keep(v, catalog, c)
		names = append(names, catalog)
	}
	slices.Sort(names)
	e := journal.Event{
		Kind: "rollback.done", Severity: "info", Server: v.config.Name, Operation: r.ID, Actor: actor(r.By),
		Message: fmt.Sprintf("%s: the previous copies are in service again: %s", v.config.Name, strings.Join(names, ", ")), Reason: r.Reason,
	}
	if !succeeded(r) {
		e.Kind, e.Severity, e.Reason = "replication.failed", "critical", r.Error
		e.Message = v.config.Name + ": the previous copies could not all be put back into service"
	}
	t.note(e, !succeeded(r))
}
