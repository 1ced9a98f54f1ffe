package standby

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/replicate/trees"
	"failoverd/status"
	"failoverd/takeover"
)

// outward is what a hand-over moves, and how.
type outward struct {
	run       *replicate.Run
	departure takeover.Departure
	// level says that the final stop has begun and that the files still come from live. It belongs to the loop.
	level bool
}

// leaving reports whether the server is in the final stop of a hand-over, and its files still come from live.
func (s *server) leaving() bool {
	return s.task != nil && s.task.away != nil && s.task.away.level && s.facts.Role == monitor.TakingOver
}

// outward draws what a hand-over of a server moves. id names the operation.
func (s *Standby) outward(v *server, id string, c cargo, o status.Order) *outward {
	r := plan.Record{ID: id, Kind: status.Handover, Server: v.config.Name, By: o.By}
	run := s.moving(v, r, cargo{catalogs: c.catalogs}, false, o)
	var application takeover.Application
	if s.deps.Application != nil {
		application = s.deps.Application(*v.config)
	}
	out := &outward{run: run}
	followed := s.followed(v, c.trees)
	out.departure = takeover.Departure{
		Live:        func(ctx context.Context) (string, error) { return s.isLive(ctx, r.Server, application, o) },
		Ahead:       run.Preparing(followed),
		Turn:        func(ctx context.Context) error { return s.turnAway(ctx, r.Server, id, o) },
		Data:        run.Handing(followed),
		Rest:        func(ctx context.Context) error { return s.restFiles(ctx, r.Server, id) },
		Application: application,
	}
	return out
}

// handing is what the plan of a hand-over is drawn from.
func (s *Standby) handing(v *server, id string, c cargo, o status.Order) sketch {
	k := s.sketch(v, v.plans(o, true))
	k.away = s.outward(v, id, c, o)
	if p, ok := k.copies.(promotion); ok {
		p.fresh = true
		k.copies = p
	}
	return k
}

// followed are trees as a hand-over has them.
func (s *Standby) followed(v *server, list []trees.Tree) []replicate.Followed {
	var out []replicate.Followed
	for _, t := range list {
		source := t.Agent
		if source == "" {
			source = t.Path
		}
		out = append(out, replicate.Followed{
			Name: t.Name, From: fmt.Sprintf("%s (%s)", v.config.Name, v.config.Address), Source: source,
			To: s.config.Standby.Name, Place: t.Directory,
			Follower: follower{bringer{s.deps.Trees, trees.Order{Tree: t, Epoch: v.facts.Epoch}}},
		})
	}
	return out
}

// follower brings the copy of one tree up to date.
type follower struct{ bringer }

func (f follower) Near(context.Context) (string, error) {
	t := f.order.Tree
	v := f.trees.Status(t.Server, t.Name)
	lag, known := v.Lag(time.Now())
	switch {
	case !v.Following:
		return "", fmt.Errorf("the files %s are not copied at present: %s", t.Name, orNone(v.Problem))
	case !known:
		return "", fmt.Errorf("the copy of the files %s was never complete", t.Name)
	}
	return fmt.Sprintf("%d files, %s behind", v.Files, lag.Round(time.Millisecond)), nil
}

func (f follower) Ahead(ctx context.Context, watch func(database.Progress)) error {
	return f.trees.Near(ctx, f.order.Tree, f.progress(watch))
}

func (f follower) Level(ctx context.Context, watch func(database.Progress)) (replicate.Brought, error) {
	got, err := f.trees.Level(ctx, f.order, f.progress(watch))
	return broughtOf(got), err
}

// mayHandover refuses a hand-over that is out of place.
func (s *Standby) mayHandover(v *server) error {
	name, f := v.config.Name, v.facts
	if j := v.job; j != nil {
		return busy(v, j.record)
	}
	if r, ok := s.running(v); ok {
		return busy(v, r)
	}
	r := &status.Refusal{Code: status.WrongState, Try: "failoverd status " + name}
	switch {
	case v.drill != nil:
		r.Detail, r.Try = v.drill.id+" is running", "failoverd operation cancel "+v.drill.id
	case f.Role != monitor.StandingBy:
		r.Detail = fmt.Sprintf("the standby is %s for %s", f.Role, name)
	case f.Mode != monitor.Active:
		r.Detail, r.Try = fmt.Sprintf("%s is %s: nobody knows whether it serves", name, f.Mode), "failoverd resume "+name
	case f.Diverged, slices.ContainsFunc(v.trees, func(t trees.Tree) bool { return v.tree(t.Name).Diverged }):
		r.Detail = "the standby has data that is newer than the primary's (diverged): bring it back, or give it up, first"
		r.Try = "failoverd replicate to-live " + name + " --dry-run"
	default:
		return nil
	}
	return r
}

// Handover brings the data and the role of a primary that lives to the standby, by order of an operator. It returns once the
// order is durable.
func (s *Standby) Handover(ctx context.Context, name string, o status.Order) (plan.Record, error) {
	return s.guided(ctx, name, status.Handover, o, s.mayHandover)
}

// isLive says by what the primary is known to serve, and that its application can be stopped.
func (s *Standby) isLive(ctx context.Context, name string, application takeover.Application, o status.Order) (string, error) {
	type found struct {
		evidence string
		assume   bool
	}
	got, err := consult(ctx, s, func(t *turn) (found, error) {
		v, err := s.find(name)
		if err != nil {
			return found{}, err
		}
		f := v.facts
		if f.Health != monitor.OK || f.LastAnswer.IsZero() || f.Misses > 0 || t.now.Sub(f.LastAnswer) > v.policy.Window(2) {
			return found{}, fmt.Errorf("%s does not answer as it should: failoverd failover %s takes over what has failed", name, name)
		}
		if why := v.stranded(application != nil); why != "" {
			return found{}, errors.New(why)
		}
		return found{fmt.Sprintf("%s answers in %s", v.config.Address, f.RTT.Round(10*time.Microsecond)), v.config.Takeover.AssumeAddress}, nil
	})
	if err != nil {
		return "", err
	}
	what, running := "", false
	if application != nil {
		if what, running, err = application.Running(ctx); err != nil {
			return "", fmt.Errorf("its agent is asked about the application: %w", err)
		}
	}
	switch {
	case what != "" && running:
		return got.evidence + "; its agent stops " + what, nil
	case what != "":
		return got.evidence + "; " + what + " does not run there", nil
	case !got.assume:
		return "", fmt.Errorf("no agent of %s stops its application, and without a service address that moves nobody could tell that it is stopped", name)
	case !o.Accepts(takeover.StopByHand):
		return "", &takeover.ByHandError{Server: name}
	}
	return got.evidence + "; you stop its application by hand", nil
}

// stranded says what of the primary would be asked at an address that it gives up.
func (s *server) stranded(application bool) string {
	away := func(a netip.Addr) bool { return slices.Contains(s.service(), a) }
	for _, d := range s.config.Databases {
		for _, a := range s.service() {
			if mentions(d.Primary.DSN, a) {
				return fmt.Sprintf("the database %s of %s is configured at %s, which moves to the standby: write its management address into primary.dsn", d.Name, s.config.Name, a)
			}
		}
	}
	byAgent := application || slices.ContainsFunc(s.trees, func(t trees.Tree) bool { return t.Agent != "" }) ||
		slices.ContainsFunc(s.catalogs, func(c replicate.Catalog) bool { return c.Primary.Shelf != nil })
	if byAgent && away(s.config.Agent.Address.Addr()) {
		return fmt.Sprintf("the agent of %s is asked at %s, which moves to the standby: write a management_address, or agent.address", s.config.Name, s.config.Agent.Address.Addr())
	}
	return ""
}

// turnAway begins the final stop of a hand-over: the standby is taking over. It returns when that is durable.
func (s *Standby) turnAway(ctx context.Context, name, id string, o status.Order) error {
	_, err := order(ctx, s, func(t *turn) (none, error) {
		v, err := s.find(name)
		switch {
		case err != nil:
			return none{}, err
		case v.task == nil || v.task.id != id:
			return none{}, errors.New("something else is being done for " + name)
		case v.facts.Role == monitor.TakingOver:
			return none{}, nil // it has begun before
		case v.facts.Role != monitor.StandingBy || v.facts.Health == monitor.Failure:
			return none{}, fmt.Errorf("the standby is %s for %s, which is %s", v.facts.Role, name, v.facts.State())
		}
		t.remember(v)
		v.task.away.level = true
		t.step(v, monitor.Event{Kind: monitor.FailoverOrdered, Planned: true, By: o.By.Name, Reason: o.Reason}, o.By)
		if v.facts.Role != monitor.TakingOver {
			return none{}, fmt.Errorf("the standby is %s for %s", v.facts.Role, name)
		}
		return none{}, nil
	})
	return err
}

// restFiles has no file come from live any more.
func (s *Standby) restFiles(ctx context.Context, name, id string) error {
	_, err := consult(ctx, s, func(*turn) (none, error) {
		v, err := s.find(name)
		if err != nil {
			return none{}, err
		}
		if v.task == nil || v.task.id != id {
			return none{}, errors.New("something else is being done for " + name)
		}
		v.task.away.level = false
		s.follow(v)
		return none{}, nil
	})
	return err
}

// goAway finishes a hand-over that a crash interrupted in its final stop, or takes it back. It says which.
func (t *turn) goAway(v *server, r plan.Record) {
	o := status.Order{By: r.By, Reason: r.Reason, Accept: r.Accept}
	k := t.s.handing(v, r.ID, cargo{catalogsOf(v.catalogs, r), levelled(v.trees, r)}, o)
	k.away.departure.Resumed = takeover.PastHandover(r) && r.State != plan.Cancelling
	p, _ := t.s.draw(status.Handover, k) // where its interface is not there, its steps say so
	onward := takeover.OnwardAway(r, sameSteps(p, r) && k.away.run.Resumable(r))
	k.away.run.Resumed = onward
	r = carried(p, r, onward, func(step string) bool {
		return step == takeover.StepQuiesce || step == takeover.StepProbe || step == takeover.StepStart
	})
	r.Resumed++
	if onward {
		for i := range r.Steps {
			switch d := &r.Steps[i]; {
			case d.State == plan.Queued:
			case d.Name == takeover.StepProbe, d.Name == takeover.StepAnnounce, d.Name == takeover.StepReady:
				d.State = plan.Queued // what was true before the crash is asked again
			case d.Name == takeover.StepAssume:
				d.State = plan.Unknown
			}
		}
	}
	if t.rebooted && k.away.departure.Resumed {
		t.standsInAgain(v, r, k.away.run)
		return
	}
	t.examined(v, &r, onward)
	t.begin(v, p, k, r)
}

// standsInAgain ends a hand-over whose stand-in had been started when the host rebooted: users may have written on the
// standby, and it stands in again if nobody has the address, as after every reboot.
func (t *turn) standsInAgain(v *server, r plan.Record, run *replicate.Run) {
	t.examined(v, &r, true)
	r.State, r.Error, r.Ended = plan.Partial, "the host rebooted when the stand-in had been started", &t.now
	t.remember(v)
	t.record(r)
	copies, _ := run.Ended(r)
	for _, c := range run.Catalogs {
		t.keep(v, c.Name, copies[c.Name])
	}
	t.step(v, monitor.Event{Kind: monitor.TakeoverDone, Planned: true, Touched: true, Reason: r.Error, By: r.By.Name}, r.By)
	t.step(v, monitor.Event{Kind: monitor.Started, Rebooted: true}, automatic("recovery"))
}

// levelled are the trees that a hand-over on record is about, as they are configured now.
func levelled(all []trees.Tree, r plan.Record) []trees.Tree {
	return slices.DeleteFunc(slices.Clone(all), func(t trees.Tree) bool { return r.Step(replicate.StepLevel(t.Name)) == nil })
}

// wentAway notes what came of a hand-over, beside what the machine says.
func (t *turn) wentAway(v *server, job *task, r plan.Record, was monitor.Role) {
	if was == monitor.StandingBy { // there was no final stop
		t.about(v, r, journal.Event{
			Kind: "handover.failed", Severity: "warning", Reason: r.Error,
			Message: fmt.Sprintf("%s could not be handed over: it stopped at %s; the primary goes on", v.config.Name, failedStep(r)),
		}, true)
	}
	if r.Ended != nil {
		var stop time.Duration
		if succeeded(r) {
			stop, _ = finalStop(r)
		}
		t.after(func() { t.s.deps.Metrics.ObserveHandover(v.config.Name, string(r.State), stop) })
	}
	if replicate.BegunData(r) {
		copies, _ := job.away.run.Ended(r)
		for _, c := range job.away.run.Catalogs {
			t.keep(v, c.Name, copies[c.Name])
		}
	}
}

// unserved says how long nobody served.
func unserved(r plan.Record) string {
	stop, _ := finalStop(r)
	return fmt.Sprintf("the final stop took %s until the stand-in was ready", stop.Round(time.Millisecond))
}
