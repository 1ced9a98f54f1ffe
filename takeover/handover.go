package takeover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"failoverd/plan"
)

// Names of the steps of a hand-over, beside those of a takeover and of a replication from live.
const (
	StepLive  = "live"
	StepLeave = "leave"
	StepGone  = "gone"
)

// StopByHand is the word by which an operator promises to stop the primary's application, and to take its service address
// off, when the hand-over waits for it.
const StopByHand = "stop-by-hand"

// Departure is what a hand-over has the primary leave with.
type Departure struct {
	// Live says by what the primary is known to serve, or why it may not be handed over.
	Live func(context.Context) (evidence string, err error)
	// Ahead are done while the primary's application is at work, Data while nobody is.
	Ahead, Data []plan.Step
	// Turn begins the final stop: the role is being taken over.
	Turn func(context.Context) error
	// Rest returns when nothing comes from live any more.
	Rest func(context.Context) error
	// Application is the primary's own, nil where its agent is not asked.
	Application Application
	// Resumed says that a crash has interrupted the hand-over when the stand-in was being started: users may have written.
	Resumed bool
}

const (
	// byHand is how long it is waited for a person at the primary. Nobody serves meanwhile.
	byHand = 10 * time.Minute
	// leaveTimeout bounds the stop of the primary's application, and its start when that is taken back.
	leaveTimeout = 3 * time.Minute
)

// Handover is the plan by which the standby gets the data and the role of a primary that lives. Until the stand-in runs, all
// of it can be taken back, and is if a step fails: the primary's application goes on with its data, which is complete all
// the time.
func Handover(s Server, p Parts, d Departure) plan.Plan {
	s.Seize, s.Ordered, s.Fence = false, true, nil // the address is given up, by a host that lives
	steps := append([]plan.Step{s.live(d)}, d.Ahead...)
	steps = append(steps, turn(d.Turn))
	if d.Application != nil {
		steps = append(steps, s.leave(d.Application))
	}
	if s.Assume {
		steps = append(steps, s.gone(p))
	}
	steps = append(steps, d.Data...)
	if p.Copies != nil {
		quiesce := s.quiesce(p)
		quiesce.Do = func(ctx context.Context) (string, error) {
			if err := d.Rest(ctx); err != nil {
				return "", err
			}
			return p.Copies.Quiesce(ctx)
		}
		steps = append(steps, quiesce)
		if p.Copies.Names() != "" {
			steps = append(steps, s.promote(p))
		}
	}
	if s.Assume {
		steps = append(steps, s.probe(p), s.assume(p), s.announce(p))
	}
	steps = append(steps, s.startHere(p, d), s.ready(p))
	for i := range steps {
		if steps[i].Name == StepProbe {
			steps[i].Check = nil // the primary has the address until it is asked to leave
		}
	}
	return plan.Plan{Kind: "handover", Server: s.Name, Steps: steps}
}

// live makes sure that there is a primary that serves, and that its application will be stopped.
func (s Server) live(d Departure) plan.Step {
	return plan.Step{
		Name: StepLive, Title: "see that " + s.Name + " serves, and who stops its application", Timeout: time.Minute,
		Durable: true, // so that what follows is not noted as begun before it is
		Check: func(ctx context.Context) plan.Finding {
			evidence, err := d.Live(ctx)
			var hand *ByHandError
			switch {
			case errors.As(err, &hand):
				return plan.Finding{Blocked: true, Will: "refuse", Value: err.Error(), Limit: "its agent stops it, or you promise to", Accept: StopByHand}
			case err != nil:
				return plan.Finding{Blocked: true, Will: "refuse", Value: err.Error(), Limit: s.Name + " serves its users, and can be reached without its service address"}
			}
			return plan.Finding{Will: "go on", Value: evidence}
		},
		Do: d.Live,
	}
}

// ByHandError says that nobody but a person can stop the primary's application.
type ByHandError struct{ Server string }

// Error is the text for people.
func (e *ByHandError) Error() string {
	return "no agent of " + e.Server + " stops its application: you would have to, by hand, when the hand-over waits for it"
}

// leave has the agent stop the primary's application. Undone, the users have the application that they had.
func (s Server) leave(a Application) plan.Step {
	return plan.Step{
		Name: StepLeave, Title: "have the agent stop the application of " + s.Name, Durable: true, Timeout: leaveTimeout,
		Check: func(ctx context.Context) plan.Finding {
			what, _, err := a.Running(ctx)
			switch {
			case err != nil:
				return plan.Finding{Will: "try to have the application stopped", Value: err.Error(), Limit: "the agent answers"}
			case what == "":
				return plan.Finding{Will: "nothing: the agent's configuration names no application, so stop it yourself then"}
			}
			return plan.Finding{Will: "have the agent stop " + what}
		},
		Do: a.Stop,
		Undo: func(ctx context.Context) error {
			_, err := a.Start(ctx)
			return err
		},
	}
}

// startHere is the point of no return: what users write from then on, the primary does not have. A stand-in that does not start
// is taken back; one of which a crash has left it open whether it did is not.
func (s Server) startHere(p Parts, d Departure) plan.Step {
	const mark = "POINT OF NO RETURN: "
	start := s.start(p)
	start.Title, start.Settles, start.Final = mark+start.Title, true, d.Resumed
	check := start.Check
	start.Check = func(ctx context.Context) plan.Finding {
		f := check(ctx)
		f.Will = mark + f.Will
		return f
	}
	return start
}

// gone waits until the primary has given its service address up. Whoever does it by hand tells by that that the
// application is stopped.
func (s Server) gone(p Parts) plan.Step {
	return plan.Step{
		Name: StepGone, Title: fmt.Sprintf("wait until %s has no %s any more (not given up with its application: take it off by hand now)", s.Name, s.addresses()),
		Durable: true, Timeout: byHand + time.Minute,
		Check: func(context.Context) plan.Finding {
			if p.Inquiry == nil {
				return plan.Finding{Blocked: true, Will: "refuse", Value: errNobodyToAsk.Error(), Limit: "an interface with neighbours"}
			}
			return plan.Finding{Will: fmt.Sprintf("wait, %s at most, until nobody answers for %s", byHand, s.addresses())}
		},
		Do: func(ctx context.Context) (string, error) {
			began := time.Now()
			for {
				err := s.unheld(ctx, p)
				var held *HeldError
				switch {
				case err == nil:
					return fmt.Sprintf("nobody answers for %s, after %s", s.addresses(), time.Since(began).Round(time.Millisecond)), nil
				case !errors.As(err, &held):
					return "", err
				case time.Since(began) >= byHand:
					return "", fmt.Errorf("not given up within %s: %w", byHand, err)
				}
				timer := time.NewTimer(checkSpacing)
				select {
				case <-timer.C:
				case <-ctx.Done():
					timer.Stop()
					return "", errors.Join(context.Cause(ctx), err)
				}
			}
		},
	}
}

// PastHandover reports whether a hand-over has begun what only goes on: the start of the stand-in.
func PastHandover(r plan.Record) bool { return r.Begun(StepStart) }

// OnwardAway reports whether a hand-over that a crash interrupted in its final stop goes on. Everything else is taken back:
// the primary's application is started again. Whole says that the standby's copies can be put in service to the end, or are.
func OnwardAway(r plan.Record, whole bool) bool {
	switch {
	case r.State == plan.Cancelling:
		return false
	case PastHandover(r):
		return true
	case r.Begun(StepAssume):
		return true // the data is there, and nobody else has the address
	}
	return whole
}

// unheld asks whether any host answers for a service address.
func (s Server) unheld(ctx context.Context, p Parts) error {
	if p.Inquiry == nil {
		return errNobodyToAsk
	}
	for _, a := range s.Addresses {
		if _, err := p.Inquiry.Afresh(ctx, a.Addr(), max(s.Spacing, checkSpacing)); err != nil {
			return err
		}
	}
	return nil
}

// errNobodyToAsk is why nothing is known of who has an address.
var errNobodyToAsk = errors.New("the interface of the service address is not there: nobody can be asked who holds it")
