package takeover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"failoverd/plan"
)

// Names of the steps of a failback, beside those of a release and of a replication to live.
const (
	StepBack        = "back"
	StepTurn        = "turn"
	StepApplication = "application"
)

// Home is what a failback brings a server home with.
type Home struct {
	// Back says by what the primary is known to be back, or why it is not, or why it is not as it has to be.
	Back func(context.Context) (evidence string, err error)
	// Ahead are done while the stand-in is at work, Data while nobody is.
	Ahead, Data []plan.Step
	// Turn begins the final stop: the standby does not stand in any more.
	Turn func(context.Context) error
	// Application is the primary's own, nil where somebody starts it by hand.
	Application Application
}

// Application is the application on a primary, as its agent starts and stops it.
type Application interface {
	// Running says what the application is and whether it runs. What is empty where the agent may start nothing.
	Running(context.Context) (what string, running bool, err error)
	// Start returns when it runs, Stop when it does not any more.
	Start(context.Context) (note string, err error)
	Stop(context.Context) (note string, err error)
}

const (
	// turnTimeout bounds the waiting for the watch over the takeover to end.
	turnTimeout = time.Minute
	// hasty bounds what is done at the primary before the stand-in is started again: its users wait. A primary that has
	// died once more is not waited for. What is left half there is taken back before the next replication.
	hasty = 10 * time.Second
	// applicationTimeout bounds the start of the primary's application. The agent's configuration says when it gives up.
	applicationTimeout = 10 * time.Minute
)

// Failback is the plan by which the primary gets its data and its role back. Up to the start of its application all of it
// can be taken back, and is if a step fails: the stand-in goes on with its data, which is complete all the time.
func Failback(s Server, p Parts, h Home) plan.Plan {
	steps := append([]plan.Step{s.back(p, h)}, h.Ahead...)
	steps = append(steps, turn(h.Turn), s.halt(p))
	if p.Copies != nil && p.Copies.Names() != "" {
		steps = append(steps, s.seal(p))
	}
	for _, d := range h.Data {
		steps = append(steps, quickly(d))
	}
	if s.Assume {
		steps = append(steps, s.handOver(p))
	}
	if h.Application != nil {
		steps = append(steps, s.startThere(h.Application))
	}
	return plan.Plan{Kind: "failback", Server: s.Name, Steps: steps}
}

// back makes sure that there is somebody to give the role to.
func (s Server) back(p Parts, h Home) plan.Step {
	ask := func(ctx context.Context) (string, error) {
		evidence, err := h.Back(ctx)
		if err != nil || !s.Assume {
			return evidence, err
		}
		return evidence, s.unclaimed(ctx, p)
	}
	return plan.Step{
		Name: StepBack, Title: "see that " + s.Name + " is back, and leaves its service address to the standby", Timeout: time.Minute,
		Durable: true, // so that what follows is not noted as begun before it is
		Check: func(ctx context.Context) plan.Finding {
			evidence, err := ask(ctx)
			if err != nil {
				return plan.Finding{Blocked: true, Will: "refuse", Value: err.Error(), Limit: s.Name + " answers by another way than its service address, which it does not hold"}
			}
			return plan.Finding{Will: "go on", Value: evidence}
		},
		Do: ask,
	}
}

// unclaimed asks whether another host answers for an address that the standby holds.
func (s Server) unclaimed(ctx context.Context, p Parts) error {
	err := s.unheld(ctx, p)
	if _, held := errors.AsType[*HeldError](err); held {
		return fmt.Errorf("%w: the primary must not have it before it is released", err)
	}
	return err
}

// turn begins the final stop. It is written down with the change of role.
func turn(begin func(context.Context) error) plan.Step {
	return plan.Step{
		Name: StepTurn, Title: "begin the final stop: from here on nobody serves the users", Timeout: turnTimeout,
		Do: func(ctx context.Context) (string, error) { return "", begin(ctx) },
	}
}

// halt stops the stand-in. Undone, the users have the stand-in that they had.
func (s Server) halt(p Parts) plan.Step {
	return plan.Step{
		Name: StepStop, Title: "stop the stand-in", Durable: true, Timeout: s.Start,
		Do: func(ctx context.Context) (string, error) {
			if err := p.StandIn.Stop(ctx); err != nil {
				return "", err
			}
			return "stopped", nil
		},
		Undo: p.StandIn.Start,
	}
}

// seal lets nobody write to the copies that are about to be read.
func (s Server) seal(p Parts) plan.Step {
	return plan.Step{
		Name: StepSeal, Title: "let nobody write to " + p.Copies.Names(), Durable: true, Timeout: promoteTimeout,
		Do: func(ctx context.Context) (string, error) {
			if err := p.Copies.Release(ctx, false); err != nil {
				return "", err
			}
			return p.Copies.Names() + " are sealed", nil
		},
		Undo: func(ctx context.Context) error { return p.Copies.Release(ctx, true) },
	}
}

// quickly bounds the undoing of a step that the users wait for.
func quickly(d plan.Step) plan.Step {
	if undo := d.Undo; undo != nil {
		d.Undo = func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, hasty)
			defer cancel()
			return undo(ctx)
		}
	}
	return d
}

// handOver drops the service address. It is taken again only if nobody has it.
func (s Server) handOver(p Parts) plan.Step {
	return plan.Step{
		Name: StepDrop, Title: fmt.Sprintf("drop %s from %s", s.addresses(), s.Link), Durable: true, Timeout: 10 * time.Second,
		Do: func(ctx context.Context) (string, error) {
			if err := s.dropAll(ctx, p); err != nil {
				return "", err
			}
			return s.addresses() + " dropped", nil
		},
		Undo: func(ctx context.Context) error {
			if err := s.unclaimed(ctx, p); err != nil {
				return err
			}
			for _, a := range s.Addresses {
				if err := p.Holder.Assume(ctx, s.Link, a); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// startThere is the point of no return: what the primary's users write from then on, the standby does not have.
func (s Server) startThere(a Application) plan.Step {
	return plan.Step{
		Name: StepApplication, Title: "POINT OF NO RETURN: have the agent start the application of " + s.Name,
		Durable: true, Final: true, Optional: true, Timeout: applicationTimeout,
		Check: func(ctx context.Context) plan.Finding {
			what, _, err := a.Running(ctx)
			switch {
			case err != nil:
				return plan.Finding{Will: "try to have the application started", Value: err.Error(), Limit: "the agent answers"}
			case what == "":
				return plan.Finding{Will: "nothing: the agent's configuration names no application, so start it yourself then"}
			}
			return plan.Finding{Will: "POINT OF NO RETURN: have the agent start " + what}
		},
		Do: a.Start,
	}
}

// Onward reports whether a failback that a crash interrupted in its final stop goes on. Everything else is taken back:
// the stand-in goes on. Whole says that the primary's data can be put in service to the end, or has been.
func Onward(r plan.Record, whole bool) bool {
	switch {
	case r.Begun(StepApplication):
		return true // nothing is taken back any more
	case r.State == plan.Cancelling:
		return false
	case r.Begun(StepDrop):
		return true
	}
	return whole
}
