package standby

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/status"
	"failoverd/takeover"
)

// mayFailover refuses an operator's takeover that is out of place.
func (s *Standby) mayFailover(v *server) error {
	name := v.config.Name
	if r, ok := s.running(v); ok {
		return busy(v, r)
	}
	if v.facts.Role == monitor.StandingIn && v.facts.Incomplete == "" {
		return &status.Refusal{Code: status.WrongState, Detail: "the standby stands in for " + name + " already", Try: "failoverd status " + name}
	}
	return nil
}

// mayRelease refuses a release that is out of place.
func (s *Standby) mayRelease(v *server) error {
	name := v.config.Name
	if r, ok := s.running(v); ok {
		return busy(v, r)
	}
	if v.facts.Role != monitor.StandingIn {
		return &status.Refusal{
			Code: status.WrongState, Detail: fmt.Sprintf("the standby does not stand in for %s (it is %s)", name, v.facts.Role),
			Try: "failoverd status " + name,
		}
	}
	return nil
}

// unrefused returns nil if an operation of that kind may be ordered of the server, and its preview refuses nothing.
func (s *Standby) unrefused(ctx context.Context, name, kind string, o status.Order, may func(*server) error) error {
	if err := s.unknowing(); err != nil {
		return err
	}
	_, err := consult(ctx, s, func(*turn) (none, error) {
		v, err := s.find(name)
		if err != nil {
			return none{}, err
		}
		return none{}, may(v)
	})
	if err != nil {
		return err
	}
	preview, err := s.Preview(ctx, name, kind, o)
	if err != nil {
		return err
	}
	if preview.Refused {
		return s.refusedBy(ctx, name, o, preview)
	}
	return nil
}

// Failover takes the server over by order of an operator.
func (s *Standby) Failover(ctx context.Context, name string, o status.Order) (plan.Record, error) {
	if err := s.unrefused(ctx, name, "takeover", o, s.mayFailover); err != nil {
		return plan.Record{}, err
	}
	return s.operation(ctx, name, o, monitor.FailoverOrdered, func(v *server) error {
		if _, err := s.draw("takeover", s.sketch(v, v.plans(o, true))); err != nil {
			return refuse(status.NotAvailable, err.Error())
		}
		return s.mayFailover(v)
	})
}

// Release gives the server's role back by order of an operator.
func (s *Standby) Release(ctx context.Context, name string, o status.Order) (plan.Record, error) {
	return s.operation(ctx, name, o, monitor.ReleaseOrdered, s.mayRelease)
}

// operation has an operation begun, and returns its record once it is durable.
func (s *Standby) operation(ctx context.Context, name string, o status.Order, kind monitor.Kind, may func(*server) error) (plan.Record, error) {
	id, err := order(ctx, s, func(t *turn) (string, error) {
		v, err := s.find(name)
		if err != nil {
			return "", err
		}
		if err := may(v); err != nil {
			return "", err
		}
		before := v.operation
		t.order = o
		t.step(v, monitor.Event{Kind: kind, By: o.By.Name, Reason: o.Reason}, o.By)
		t.order = status.Order{}
		if v.operation == before {
			return "", &status.Refusal{
				Code: status.WrongState, Detail: fmt.Sprintf("the standby is %s for %s", v.facts.Role, name), Try: "failoverd status " + name,
			}
		}
		return v.operation, nil
	})
	if err != nil {
		return plan.Record{}, err
	}
	return s.operations.get(ctx, id)
}

// refusedBy is the refusal that the checks of a preview amount to. It is in the
// history: somebody wanted to, and was not let.
func (s *Standby) refusedBy(ctx context.Context, name string, o status.Order, p status.Preview) error {
	what, command := "taken over", "failover "+name
	switch p.Kind {
	case status.FromLive:
		what, command = "replicated from live", "replicate from-live "+name
	case status.ToLive:
		what, command = "replicated to live", "replicate to-live "+name
	case status.RollBack:
		what, command = "rolled back", "replicate rollback "+name
	case status.Failback:
		what, command = "failed back", "failback "+name
	case status.Handover:
		what, command = "handed over", "handover "+name
	}
	r := &status.Refusal{Code: status.ChecksFailed, Detail: name + " is not " + what, Checks: p.Checks}
	accept := ""
	for _, c := range p.Checks {
		if c.Result == "critical" && !o.Accepts(c.Accept) {
			r.Detail = fmt.Sprintf("%s is not %s: %s: %s", name, what, c.Name, c.Value)
			if c.Accept != "" && !strings.Contains(accept, c.Accept) {
				accept += " --accept " + c.Accept
			}
		}
	}
	if accept != "" {
		r.Try = "failoverd " + command + accept
	}
	_, err := order(ctx, s, func(t *turn) (none, error) {
		v, err := s.find(name)
		if err != nil {
			return none{}, err
		}
		t.note(journal.Event{
			Kind: "decision.refused", Severity: "warning", Server: name, Incident: v.facts.Incident, Actor: actor(o.By),
			Message: "an order of " + o.By.Name + " was refused: " + name + " is not " + what, Reason: r.Detail,
		}, false)
		return none{}, nil
	})
	if err != nil {
		s.log.Warn("a refused order is not in the history", "server", name, "err", err)
	}
	return r
}

// Operation returns the record of an operation.
func (s *Standby) Operation(ctx context.Context, id string) (plan.Record, error) {
	return s.operations.get(ctx, id)
}

// Operations returns the operations that q chooses, the newest first; those that run as they are now.
func (s *Standby) Operations(ctx context.Context, q journal.OperationQuery) ([]plan.Record, error) {
	ops, err := s.deps.Journal.Operations(ctx, q)
	if err != nil {
		return nil, err
	}
	records := make([]plan.Record, 0, len(ops))
	for _, op := range ops {
		r, err := s.operations.current(ctx, op)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// Cancel asks an operation that runs to stop and to undo what it did.
func (s *Standby) Cancel(ctx context.Context, id string, o status.Order) (plan.Record, error) {
	r, err := s.operations.get(ctx, id)
	if err != nil {
		return r, err
	}
	_, err = order(ctx, s, func(t *turn) (none, error) {
		v, err := s.find(r.Server)
		if err != nil {
			return none{}, err
		}
		if r.Begun(takeover.StepApplication) && r.State.Open() {
			return none{}, refuse(status.WrongState, "the failback is past its point of no return: the primary's application is being started")
		}
		if r.Kind == status.Handover && takeover.PastHandover(r) && r.State.Open() {
			return none{}, refuse(status.WrongState, "the hand-over is at its point of no return: the stand-in is being started")
		}
		task := v.task
		if j := v.job; j != nil && j.id == id {
			if j.waiting {
				t.giveUp(v, j.record, "cancelled by "+o.By.Name)
				return none{}, nil
			}
			task = &j.task
		}
		if d := v.drill; d != nil && d.id == id {
			task = &d.task
		}
		if task == nil || task.id != id {
			return none{}, &status.Refusal{
				Code: status.WrongState, Detail: fmt.Sprintf("operation %s has ended: there is nothing to cancel", id), Try: "failoverd operations",
			}
		}
		t.note(journal.Event{
			Kind: r.Kind + ".cancelled", Severity: "warning", Server: r.Server, Incident: v.facts.Incident, Operation: id, Actor: actor(o.By),
			Message: fmt.Sprintf("%s cancels the %s of %s", o.By.Name, r.Kind, r.Server), Reason: o.Reason,
		}, false)
		t.after(func() { task.cancel(errors.Join(plan.ErrCancelled, fmt.Errorf("by %s", o.By.Name))) })
		return none{}, nil
	})
	if err != nil {
		return r, err
	}
	return s.operations.get(ctx, id)
}
