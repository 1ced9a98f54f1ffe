package standby

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/status"
)

// drill is a rehearsal of a server's takeover that runs. It gives way to everything: nothing waits for it but a
// replication, for its end.
type drill struct {
	task
	record   plan.Record
	plan     plan.Plan
	run      *replicate.Rehearsal
	left     []string // what it does not rehearse, and why
	incident string   // of its events: that of the failure before it, or one of its own
	yielding string   // why it was told to give way, empty if it was not
}

// newDrill draws the plan of a drill. id names it.
func (s *Standby) newDrill(v *server, id string, catalogs []replicate.Catalog) *drill {
	check := s.deps.Rehearse(*v.config)
	d := &drill{task: task{id: id, cancel: func(error) {}, done: make(chan struct{})}, left: leftOut(v, check), incident: v.drills.Incident}
	var mu sync.Mutex
	var meter replicate.Meter
	d.run = &replicate.Rehearsal{
		ID: id, Kind: status.Drill, Server: v.config.Name, Standby: s.config.Standby.Name,
		DataDir:  filepath.Join(s.config.Standby.DataDir, "servers", v.config.Name),
		Catalogs: catalogs, Check: check,
		Watch: func(step string, p database.Progress) {
			mu.Lock()
			defer mu.Unlock()
			s.operations.progress(id, meter.Observe(time.Now(), step, p))
		},
	}
	d.run.Use(v.copies)
	d.plan = d.run.Plan()
	return d
}

// leftOut is what a drill of a server does not rehearse.
func leftOut(v *server, check replicate.Check) []string {
	list := []string{}
	if check.Command == "" {
		list = append(list, "the application: no drill.check is configured")
	}
	if start := v.config.Takeover.Start; len(start.Units)+len(start.Command) > 0 {
		list = append(list, "the start of the stand-in")
	}
	if len(v.trees) > 0 {
		list = append(list, "the files: they are not copied once more, the check sees those in service")
	}
	return list
}

// calendar is when a drill of a server is made, and whether it is made by itself.
func calendar(d config.Drill) (c replicate.Calendar, scheduled bool) {
	var err error
	switch {
	case d.Weekly != "":
		c, err = replicate.ParseWeekly(d.Weekly)
	case d.Monthly != "":
		c, err = replicate.ParseMonthly(d.Monthly)
	default:
		return c, false
	}
	return c, err == nil // the configuration has been checked
}

// mayDrill refuses a drill that is out of place.
func (s *Standby) mayDrill(v *server) error {
	name := v.config.Name
	if !v.config.Rehearsable() {
		return &status.Refusal{
			Code: status.WrongState, Try: "failoverd config check",
			Detail: fmt.Sprintf("there is nothing to rehearse: %s has neither databases nor a drill's check", name),
		}
	}
	if r, ok := s.running(v); ok {
		return busy(v, r)
	}
	if j := v.job; j != nil {
		return busy(v, j.record)
	}
	for _, other := range s.all { // one at a time: what it costs the disk is for the others to bear as well
		if d := other.drill; d != nil {
			return busy(other, d.record)
		}
	}
	switch {
	case v.facts.Role != monitor.StandingBy:
		return &status.Refusal{Code: status.WrongState, Detail: fmt.Sprintf("the standby is %s for %s", v.facts.Role, name), Try: "failoverd status " + name}
	case v.facts.State() == monitor.StateFailure:
		return &status.Refusal{Code: status.WrongState, Detail: name + " has failed: this is no time for a drill", Try: "failoverd status " + name}
	}
	for _, c := range v.catalogs {
		if who := s.namesake(c.Drill); who != "" {
			return &status.Refusal{
				Code: status.WrongState, Try: "failoverd show " + who,
				Detail: fmt.Sprintf("a drill's copy of %s would be called %s, as a copy of %s is", c.Name, c.Drill.Catalog, who),
			}
		}
	}
	return nil
}

// namesake is the server that has a copy of that name.
func (s *Standby) namesake(e database.End) string {
	for _, v := range s.all {
		for _, c := range v.catalogs {
			n := database.NamesOf(c.Standby.Catalog)
			if c.Standby.DSN == e.DSN && slices.Contains([]string{n.Live, n.Staging, n.Previous}, e.Catalog) {
				return v.config.Name
			}
		}
	}
	return ""
}

// Drill rehearses a takeover of a server by order of an operator. It returns once the drill is durable; it goes on.
func (s *Standby) Drill(ctx context.Context, name string, o status.Order) (plan.Record, error) {
	id, err := order(ctx, s, func(t *turn) (string, error) {
		v, err := s.find(name)
		if err != nil {
			return "", err
		}
		if err := s.mayDrill(v); err != nil {
			return "", err
		}
		return t.rehearse(v, o).id, nil
	})
	if err != nil {
		return plan.Record{}, err
	}
	return s.operations.get(ctx, id)
}

// previewDrill shows what a drill would do now. It changes nothing.
func (s *Standby) previewDrill(ctx context.Context, name string) (status.Preview, error) {
	out := status.Preview{
		Kind: status.Drill, Server: name, At: time.Now(), Skips: []string{}, Checks: []status.Check{}, Steps: []plan.Shown{}, Crossings: []status.Crossing{}, Trees: []status.TreeCrossing{},
	}
	d, err := consult(ctx, s, func(*turn) (*drill, error) {
		v, err := s.find(name)
		if err != nil {
			return nil, err
		}
		out.Checks = append(out.Checks, outOfPlace(s.mayDrill(v))...)
		for _, c := range v.catalogs {
			if v.copies[c.Name].Last == nil {
				out.Checks = append(out.Checks, status.Check{
					Name: "data " + c.Name, Result: "critical", Value: "no copy was ever completed", Limit: "a complete copy",
					Help: "failoverd replicate from-live " + name,
				})
			}
		}
		return s.newDrill(v, "preview", v.catalogs), nil
	})
	if err != nil {
		return out, err
	}
	for _, what := range d.left {
		out.Skips = append(out.Skips, "NOT REHEARSED: "+what)
	}
	out.Steps = plan.Show(ctx, d.plan)
	out.Refused = len(out.Checks) > 0
	return out, nil
}

// rehearse writes a drill down with the turn, and begins it once that is durable.
func (t *turn) rehearse(v *server, o status.Order) *drill {
	d := t.s.newDrill(v, newID(status.Drill, t.now), v.catalogs)
	d.record = plan.New(d.plan, d.id, o.By, o.Reason, o.Accept, t.now)
	d.record.OrderKey = o.Key
	if d.incident == "" {
		d.incident = v.config.Name + "-d" + t.now.UTC().Format("20060102-150405")
	}
	t.note(journal.Event{
		Kind: "drill.started", Severity: "info", Server: v.config.Name, Incident: d.incident, Operation: d.id, Actor: actor(o.By),
		Message: "a takeover of " + v.config.Name + " is rehearsed", Reason: o.Reason,
	}, false)
	t.practise(v, d)
	return d
}

// practise has a drill run from where its record says that it stands, once that is durable.
func (t *turn) practise(v *server, d *drill) {
	t.remember(v)
	r, run := d.record, plan.Run
	if r.Resumed == 0 {
		r, run = plan.Begin(d.plan, r), plan.RunBegun
	}
	t.record(r)
	s := t.s
	ctx, cancel := context.WithCancelCause(s.stop)
	d.cancel = cancel
	v.drill = d
	t.fails = append(t.fails, func(error) {
		cancel(errNotWritten)
		s.operations.forget(d.id)
	})
	s.operations.put(r)
	t.after(func() {
		s.run(func() {
			defer close(d.done)
			defer cancel(nil)
			rec := s.newRecorder(d.incident, r)
			ended, err := run(ctx, d.plan, r, rec)
			steps := rec.events(ended)
			s.box.put(func(t *turn) { t.drilled(v, d, ended, steps, err) })
		})
	})
}

// giveWay ends the drill of a server, if there is one, because there is something better to do.
func (t *turn) giveWay(v *server, why string) {
	if v.drill == nil || v.drill.yielding != "" {
		return
	}
	t.remember(v)
	d := *v.drill
	d.yielding = why
	v.drill = &d
	t.note(journal.Event{
		Kind: "drill.gave_way", Severity: "info", Server: v.config.Name, Operation: d.id, Actor: actor(automatic("drill")),
		Message: "the drill of " + v.config.Name + " gives way", Reason: why,
	}, false)
	t.after(func() { d.cancel(errors.Join(plan.ErrCancelled, errors.New(why))) })
}

// makeRoom ends the drill of a server that has failed, or about which something is done. Nobody waits for it.
func (t *turn) makeRoom(v *server) {
	switch {
	case v.facts.Role != monitor.StandingBy:
		t.giveWay(v, fmt.Sprintf("the standby is %s", v.facts.Role))
	case v.facts.State() == monitor.StateFailure:
		t.giveWay(v, v.config.Name+" has failed")
	}
}

// drilled takes the end of a drill: what it has shown is remembered with it, in one transaction.
func (t *turn) drilled(v *server, d *drill, r plan.Record, steps []journal.Event, err error) {
	if v.drill == nil || v.drill.id != d.id {
		return
	}
	t.remember(v)
	v.drill = nil
	if errors.Is(err, plan.ErrInterrupted) {
		return // it stays open in the journal, and the next start drops what it has made
	}
	t.fails = append(t.fails, func(error) {
		t.s.retry = append(t.s.retry, func(t *turn) { t.drilled(v, d, r, steps, err) })
	})
	r = replicate.Rehearsed(r)
	t.record(r)
	t.batch.Events = append(t.batch.Events, steps...)
	t.after(func() { t.s.operations.put(r) })
	broken := r.Resumed > 0 || errors.Is(err, plan.ErrCancelled)
	if r.Ended != nil && !broken {
		t.after(func() { t.s.deps.Metrics.ObserveDrill(v.config.Name, string(r.State), r.Ended.Sub(r.Started)) })
	}
	if broken {
		t.brokenOff(v, r)
	} else {
		t.proved(v, d, r)
	}
	t.dispatch()
}

// brokenOff says what became of a drill that did not come to its end. It proves nothing.
func (t *turn) brokenOff(v *server, r plan.Record) {
	e := journal.Event{
		Kind: "drill.broken_off", Severity: "info", Message: "the drill of " + v.config.Name + " was broken off, and nothing of it is left", Reason: r.Error,
	}
	if r.State == plan.Failed {
		e.Severity, e.Message = "warning", "the drill of "+v.config.Name+" was broken off, and what it has made could not be dropped"
	}
	t.about(v, r, e, false)
}

// proved remembers what a drill has shown, and says it. A failure is mailed, and the next success after it.
func (t *turn) proved(v *server, d *drill, r plan.Record) {
	mail := v.drills.Incident != ""
	v.drills = v.drills.Ended(r, d.left)
	e := journal.Event{
		Kind: "drill.passed", Severity: "info", Server: v.config.Name, Incident: d.incident, Operation: r.ID, Actor: actor(r.By),
		Message: "the drill of " + v.config.Name + " shows that a takeover would work", Reason: took(r),
		Evidence: map[string]any{"not_rehearsed": d.left},
	}
	if len(d.left) > 0 {
		e.Reason += "; not rehearsed: " + strings.Join(d.left, "; ")
	}
	v.drills.Incident = ""
	if !v.drills.Last.OK {
		v.drills.Incident = d.incident
		e.Kind, e.Severity, mail = "drill.failed", "warning", true
		e.Message, e.Reason = "the drill of "+v.config.Name+" has failed", r.Error
	}
	t.note(e, mail)
}

// dueDrill begins the scheduled drill of a server if it is due.
func (t *turn) dueDrill(v *server, settled bool) {
	c, scheduled := calendar(v.config.Drill)
	if !scheduled {
		return
	}
	day, joined, wanted := v.drills.Wanted(c, t.now)
	switch {
	case joined:
		t.remember(v)
		v.drills.Day = day
		return
	case !wanted, !settled, t.s.self.isolated, v.facts.Health != monitor.OK, v.facts.Mode != monitor.Active, t.s.mayDrill(v) != nil:
		return // it is looked at again
	}
	t.remember(v)
	v.drills.Day = day
	t.rehearse(v, ownOrder("schedule", "drill: "+v.config.Drill.Weekly+v.config.Drill.Monthly))
}

// clearDrill takes up a drill that was open when failoverd ended: what it has made is dropped.
func (t *turn) clearDrill(v *server, r plan.Record) {
	made := slices.DeleteFunc(slices.Clone(v.catalogs), func(c replicate.Catalog) bool { return r.Step(replicate.StepBeside(c.Name)) == nil })
	d := t.s.newDrill(v, r.ID, made)
	if !sameSteps(d.plan, r) {
		// The configuration has changed since. What is still configured may have been begun, and is dropped.
		fresh := plan.New(d.plan, r.ID, r.By, r.Reason, r.Accept, r.Started)
		fresh.Resumed, fresh.Error, fresh.OrderKey = r.Resumed, r.Error, r.OrderKey
		for i := range fresh.Steps {
			fresh.Steps[i].State = plan.Unknown
		}
		r = fresh
	}
	r.Steps = slices.Clone(r.Steps)
	for i := range r.Steps {
		if r.Steps[i].State == plan.Running {
			r.Steps[i].State = plan.Unknown
		}
	}
	r.Resumed++
	r.State = plan.Cancelling
	if r.Error == "" {
		r.Error = "interrupted: failoverd ended in the middle"
	}
	d.record = r
	t.note(journal.Event{
		Kind: "drill.examined", Severity: "warning", Server: v.config.Name, Operation: r.ID, Actor: actor(automatic("recovery")),
		Message: "the drill of " + v.config.Name + " was interrupted, and what it has made is dropped", Reason: r.Error,
	}, false)
	t.practise(v, d)
}

// drillView is what people see of the drills of a server, nil where there is nothing to rehearse.
func (v *sight) drillView(now time.Time) *status.Drills {
	if !v.config.Rehearsable() {
		return nil
	}
	out := &status.Drills{Operation: v.drill}
	if c, scheduled := calendar(v.config.Drill); scheduled {
		next := c.Next(now)
		out.Next = &next
	}
	if limit := v.config.Drill.MaxAge; limit > 0 {
		seconds := limit.Seconds()
		out.MaxAge = &seconds
	}
	if age, proved := v.drills.Age(now); proved {
		at, seconds := v.drills.Proved, age.Seconds()
		out.Proved, out.Age = &at, &seconds
	}
	if last := v.drills.Last; last != nil {
		out.Last = &status.Drilled{
			At: last.At, Took: last.Took.Seconds(), OK: last.OK, Error: last.Error, Operation: last.Operation, Left: nonNil(last.Left),
		}
	}
	return out
}

// drillCheck asks whether it was ever proved that a takeover would work, and not too long ago.
func (v *sight) drillCheck(now time.Time) []status.Check {
	if !v.config.Rehearsable() {
		return nil
	}
	limit := v.config.Drill.MaxAge
	check := status.Check{Name: "drill", Result: "ok", Limit: "rehearsed", Help: "failoverd drill " + v.config.Name}
	if limit > 0 {
		check.Limit = fmt.Sprintf("rehearsed within %s", limit)
	}
	switch why := v.drills.Doubt(limit, now); {
	case v.drills.Last == nil:
		check.Result, check.Value = "unknown", why
	case why != "":
		check.Result, check.Value = "warning", why
	default:
		last := v.drills.Last
		check.Value = fmt.Sprintf("proved at %s in %s", last.At.Local().Format("2006-01-02 15:04"), last.Took.Round(time.Millisecond))
		if len(last.Left) > 0 {
			check.Value += "; not rehearsed: " + strings.Join(last.Left, "; ")
		}
	}
	return []status.Check{check}
}

// unproved reports whether drills are wanted, and none has ever proved anything.
func (v *sight) unproved() bool {
	_, scheduled := calendar(v.config.Drill)
	return scheduled && v.config.Rehearsable() && v.drills.Proved.IsZero()
}
