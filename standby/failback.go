package standby

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/monitor/probe"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/replicate/trees"
	"failoverd/status"
	"failoverd/takeover"
)

// homeward is what a failback moves, and how.
type homeward struct {
	run   *replicate.Run
	trees []trees.Tree // whose files are brought back
	home  takeover.Home
}

// homeward draws what a failback of a server moves. id names the operation.
func (s *Standby) homeward(v *server, id string, c cargo, o status.Order) *homeward {
	r := plan.Record{ID: id, Kind: status.Failback, Server: v.config.Name, By: o.By}
	run := s.moving(v, r, c, true, o)
	var application takeover.Application
	if s.deps.Application != nil {
		application = s.deps.Application(*v.config)
	}
	h := &homeward{run: run, trees: c.trees, home: takeover.Home{
		Back:        func(ctx context.Context) (string, error) { return s.isBack(ctx, r.Server, application) },
		Ahead:       run.Ahead(),
		Turn:        func(ctx context.Context) error { return s.turnHome(ctx, r.Server, id, o) },
		Application: application,
	}}
	if len(c.catalogs)+len(c.trees) > 0 {
		h.home.Data = run.Plan().Steps
	} else {
		h.home.Ahead = nil
	}
	return h
}

// moving is the run by which an operation that moves the role moves the data.
func (s *Standby) moving(v *server, r plan.Record, c cargo, toLive bool, o status.Order) *replicate.Run {
	run := &replicate.Run{
		ID: r.ID, Kind: r.Kind, Server: v.config.Name, Standby: s.config.Standby.Name,
		DataDir: filepath.Join(s.config.Standby.DataDir, "servers", v.config.Name),
		ToLive:  toLive, Diverged: v.facts.Diverged, Accepts: accepted(o.Accept), Catalogs: c.catalogs, Trees: s.bringers(v, c.trees),
		Remember: func(ctx context.Context, catalog string, c replicate.Copy, what string) error {
			return s.exchanging(ctx, r, journal.Batch{Copies: []journal.Copy{copyRow(r.Server, catalog, c)}}, catalog, what)
		},
		Watch: s.meter(r.ID),
	}
	run.Use(v.copies)
	return run
}

// meter shows how far a step of an operation is.
func (s *Standby) meter(id string) func(step string, p database.Progress) {
	var mu sync.Mutex
	var meter replicate.Meter
	return func(step string, p database.Progress) {
		mu.Lock()
		defer mu.Unlock()
		s.operations.progress(id, meter.Observe(time.Now(), step, p))
	}
}

// mayFailback refuses a failback that is out of place.
func (s *Standby) mayFailback(v *server) error {
	name, f := v.config.Name, v.facts
	if j := v.job; j != nil {
		return busy(v, j.record)
	}
	if r, ok := s.running(v); ok {
		return busy(v, r)
	}
	r := &status.Refusal{Code: status.WrongState, Try: "failoverd status " + name}
	switch {
	case f.Role == monitor.StandingBy && f.Diverged:
		r.Detail = fmt.Sprintf("the standby does not stand in for %s any more; its data can still be brought back", name)
		r.Try = "failoverd replicate to-live " + name + " --dry-run"
	case f.Role != monitor.StandingIn:
		r.Detail = fmt.Sprintf("the standby does not stand in for %s (it is %s)", name, f.Role)
	case f.Incomplete != "":
		r.Detail = fmt.Sprintf("the standby stands in for %s only in part: it stopped at %s", name, f.Incomplete)
		r.Try = "failoverd failover " + name + ", or failoverd release " + name
	default:
		return nil
	}
	return r
}

// Failback brings a server's data and role back by order of an operator. It returns once the order is durable.
func (s *Standby) Failback(ctx context.Context, name string, o status.Order) (plan.Record, error) {
	return s.guided(ctx, name, status.Failback, o, s.mayFailback)
}

// leftBehind are the files in which the stand-in has been at work, and that nobody brings back.
func leftBehind(v *server) []status.Check {
	var checks []status.Check
	for _, t := range v.trees {
		if t.Agent == "" && v.tree(t.Name).Diverged {
			checks = append(checks, status.Check{
				Name: status.LeaveFiles + " files " + t.Name, Result: "critical", Limit: "files that come from the agent", Accept: status.LeaveFiles,
				Value: fmt.Sprintf("the files %s are mounted here: a failback does not bring them back", t.Name),
				Help:  "copy them back by hand, or leave them as they are at both ends",
			})
		}
	}
	return checks
}

// isBack says by what the primary is known to be back, while the standby has its service address.
func (s *Standby) isBack(ctx context.Context, name string, application takeover.Application) (string, error) {
	evidence, err := consult(ctx, s, func(t *turn) (string, error) {
		v, err := s.find(name)
		if err != nil {
			return "", err
		}
		if f := v.facts; f.Claim != "" {
			return "", fmt.Errorf("%s claims the service address: take it off that host first", f.Claim)
		}
		if why := circular(v); why != "" {
			return "", errors.New(why)
		}
		return answersNow(v, t.now), nil
	})
	if err != nil {
		return "", err
	}
	if application != nil {
		what, running, err := application.Running(ctx)
		switch {
		case err != nil && evidence == "":
			return "", err
		case err != nil:
			evidence += "; its agent does not: " + err.Error()
		case running:
			return "", fmt.Errorf("the application of %s runs there already (%s), on data that is about to be replaced: stop it first", name, what)
		case evidence == "":
			evidence = "its agent answers"
		}
	}
	if evidence == "" {
		return "", fmt.Errorf("%s does not answer: it needs a management_address, or an agent, that answers while the standby has its service address", name)
	}
	return evidence, nil
}

// answersNow says over which address the primary answers, other than those that the standby holds; empty if over none, or if
// nobody asks any more.
func answersNow(v *server, now time.Time) string {
	for i, a := range v.asked {
		if i < len(v.outcomes) && v.outcomes[i].Outcome == probe.Answered && now.Sub(v.outcomes[i].At) <= v.policy.Window(3) && !slices.Contains(v.service(), a) {
			return fmt.Sprintf("%s answers in %s", a, v.outcomes[i].RTT.Round(10*time.Microsecond))
		}
	}
	return ""
}

// circular says what of the primary would be asked at an address that the standby itself holds until the final stop ends.
func circular(v *server) string {
	for _, a := range v.service() {
		for _, d := range v.config.Databases {
			if mentions(d.Primary.DSN, a) {
				return fmt.Sprintf("the database %s of %s is configured at %s, which the standby holds: write its management address into primary.dsn", d.Name, v.config.Name, a)
			}
		}
		if len(v.worked())+len(v.catalogs) > 0 && v.config.Agent.Address.Addr() == a && v.agentMoves() {
			return fmt.Sprintf("the agent of %s is asked at %s, which the standby holds: write a management_address, or agent.address", v.config.Name, a)
		}
	}
	return ""
}

// agentMoves reports whether the agent is needed to move data.
func (s *server) agentMoves() bool {
	return len(s.worked()) > 0 || slices.ContainsFunc(s.catalogs, func(c replicate.Catalog) bool { return c.Primary.Shelf != nil })
}

// mentions reports whether a data source names an address.
func mentions(dsn string, a netip.Addr) bool {
	part := func(c byte) bool { return c == '.' || c == ':' || c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
	text := a.String()
	for from := 0; ; {
		i := strings.Index(dsn[from:], text)
		if i < 0 {
			return false
		}
		i += from
		from = i + 1
		end := i + len(text)
		before := i > 0 && part(dsn[i-1]) && !strings.HasSuffix(dsn[:i], "//")
		if !before && (end == len(dsn) || dsn[end] == ':' || !part(dsn[end])) {
			return true
		}
	}
}

// turnHome begins the final stop of a failback: the standby does not stand in any more. It returns when that is durable,
// and nobody looks after the takeover.
func (s *Standby) turnHome(ctx context.Context, name, id string, o status.Order) error {
	watch, err := order(ctx, s, func(t *turn) (*task, error) {
		v, err := s.find(name)
		if err != nil {
			return nil, err
		}
		if v.task == nil || v.task.id != id {
			return nil, errors.New("something else is being done for " + name)
		}
		if v.facts.Role == monitor.Releasing {
			return nil, nil // it has begun before
		}
		t.remember(v)
		watch := v.watch
		t.step(v, monitor.Event{Kind: monitor.ReleaseOrdered, Back: true, By: o.By.Name, Reason: o.Reason}, o.By)
		if v.facts.Role != monitor.Releasing {
			return nil, fmt.Errorf("the standby is %s for %s", v.facts.Role, name)
		}
		v.watch = nil
		if watch != nil {
			t.after(func() { watch.cancel(nil) })
		}
		return watch, nil
	})
	if err != nil || watch == nil {
		return err
	}
	select {
	case <-watch.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// goHome finishes a failback that a crash interrupted in its final stop, or takes it back. It says which.
func (t *turn) goHome(v *server, r plan.Record) {
	o := status.Order{By: r.By, Reason: r.Reason, Accept: r.Accept}
	k := t.s.sketch(v, v.plans(o, true))
	k.home = t.s.homeward(v, r.ID, cargo{catalogsOf(v.catalogs, r), treesIn(v.trees, r)}, o)
	p, _ := t.s.draw(status.Failback, k) // where its interface is not there, its steps say so
	onward := takeover.Onward(r, sameSteps(p, r) && k.home.run.Resumable(r))
	k.home.run.Resumed = onward
	r = carried(p, r, onward, func(step string) bool { return step == takeover.StepDrop || step == takeover.StepApplication })
	r.Resumed++
	if t.rebooted {
		afterBoot(&r, onward)
	}
	t.examined(v, &r, onward)
	t.begin(v, p, k, r)
}

// examined says what becomes of an operation that a crash interrupted in its final stop.
func (t *turn) examined(v *server, r *plan.Record, onward bool) {
	what := "is finished"
	if !onward {
		what = "is taken back"
		r.State = plan.Cancelling
		if r.Error == "" {
			r.Error = "interrupted: failoverd ended in the middle"
		}
	}
	t.note(journal.Event{
		Kind: r.Kind + ".examined", Severity: "warning", Server: v.config.Name, Incident: v.facts.Incident, Operation: r.ID,
		Actor: actor(automatic("recovery")), Message: fmt.Sprintf("%s of %s was interrupted and %s", r.Kind, v.config.Name, what), Reason: r.Error,
	}, false)
}

// carried is the record of an interrupted failback or hand-over for the plan as it is drawn now. Where the configuration has
// changed since, a step that is not on record may have been begun; when the address was being moved, which is where after
// says yes, it was done.
func carried(p plan.Plan, r plan.Record, onward bool, after func(step string) bool) plan.Record {
	out := r
	out.Steps = make([]plan.Done, len(p.Steps))
	last := true // of the steps that come before the address is moved
	for i, step := range p.Steps {
		if after(step.Name) {
			last = false
		}
		d := r.Step(step.Name)
		switch {
		case d != nil:
			out.Steps[i] = *d
		case onward && last:
			out.Steps[i] = plan.Done{Name: step.Name, Title: step.Title, State: plan.Succeeded, Note: "not on record"}
		case onward:
			out.Steps[i] = plan.Done{Name: step.Name, Title: step.Title, State: plan.Queued}
		default:
			out.Steps[i] = plan.Done{Name: step.Name, Title: step.Title, State: plan.Unknown}
		}
		if out.Steps[i].State == plan.Running {
			out.Steps[i].State = plan.Unknown
		}
	}
	return out
}

// afterBoot says of a record what a reboot of the host has done: nothing of the stand-in runs, and no address is held.
// What goes on makes sure of that; what is taken back leaves both to the takeover that follows, which asks who has the
// address before it takes it.
func afterBoot(r *plan.Record, onward bool) {
	for i := range r.Steps {
		d := &r.Steps[i]
		if d.Name != takeover.StepStop && d.Name != takeover.StepDrop || d.State == plan.Queued {
			continue
		}
		d.State = plan.Undone
		if onward {
			d.State = plan.Unknown
		}
	}
}

// cameHome notes what came of a failback, beside what the machine says.
func (t *turn) cameHome(v *server, job *task, r plan.Record, was monitor.Role) {
	h := job.home
	if was == monitor.StandingIn { // there was no final stop
		t.stayed(v, r, "the stand-in goes on")
	}
	if r.Ended != nil {
		var stop time.Duration
		if succeeded(r) {
			free, started := finalStop(r)
			stop = max(free, started)
		}
		t.after(func() { t.s.deps.Metrics.ObserveFailback(v.config.Name, string(r.State), stop) })
	}
	if job.rebooted && v.facts.Role == monitor.StandingIn {
		// What the host has forgotten is taken again as after every reboot: if nobody else has it.
		t.step(v, monitor.Event{Kind: monitor.Started, Rebooted: true}, automatic("recovery"))
	}
	if replicate.BegunData(r) {
		copies, _ := h.run.Ended(r)
		for _, c := range h.run.Catalogs {
			t.keep(v, c.Name, copies[c.Name])
		}
	}
	t.brought(v, h.trees, r)
}

// stayed says that a failback ended before its final stop, and who serves now.
func (t *turn) stayed(v *server, r plan.Record, who string) {
	t.about(v, r, journal.Event{
		Kind: "failback.failed", Severity: "warning", Reason: r.Error,
		Message: fmt.Sprintf("%s could not be failed back: it stopped at %s; %s", v.config.Name, failedStep(r), who),
	}, true)
}

// finalStop is how long nobody served: until the primary could, and until its application was started, zero if it was not.
func finalStop(r plan.Record) (free, started time.Duration) {
	turned := r.Step(takeover.StepTurn)
	if turned == nil || turned.Started == nil {
		return 0, 0
	}
	for _, d := range r.Steps {
		switch {
		case d.Ended == nil || d.State != plan.Succeeded:
		case d.Name == takeover.StepApplication:
			started = d.Ended.Sub(*turned.Started)
		default:
			free = max(free, d.Ended.Sub(*turned.Started))
		}
	}
	return free, started
}

// stopped says how long nobody served.
func stopped(r plan.Record) string {
	free, started := finalStop(r)
	text := fmt.Sprintf("the final stop took %s until the primary could serve", free.Round(time.Millisecond))
	if started > 0 {
		text += fmt.Sprintf(", %s until its application was started", started.Round(time.Millisecond))
	}
	return text
}

// halfHome reports whether a failback could not be taken back whole: the stand-in does not run, or an address is not held.
func halfHome(r plan.Record) bool {
	return slices.ContainsFunc(r.Steps, func(d plan.Done) bool {
		return (d.Name == takeover.StepStop || d.Name == takeover.StepSeal || d.Name == takeover.StepDrop) && r.State == plan.Failed && d.State == plan.Failed
	})
}
