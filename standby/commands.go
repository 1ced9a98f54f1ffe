package standby

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/status"
	"failoverd/takeover"
)

// command runs an order in the loop and returns once its turn is durable, or
// was refused.
func (s *Standby) command(ctx context.Context, name string, order func(*turn, *server) error) error {
	answer := make(chan error, 1)
	s.box.put(func(t *turn) {
		v, ok := s.servers[name]
		if !ok {
			answer <- s.unknown(name)
			return
		}
		if err := order(t, v); err != nil {
			answer <- err
			return
		}
		t.fails = append(t.fails, func(err error) {
			answer <- &status.Refusal{
				Code:   status.JournalUnwritable,
				Detail: "the journal cannot be written, and what cannot be remembered is not done: " + err.Error(),
				Try:    "df -h " + s.config.Standby.DataDir,
			}
		})
		t.after(func() { answer <- nil })
	})
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the order was given, but its answer was not awaited: %w", ctx.Err())
	}
}

// unknown refuses an order for a server that is not configured.
func (s *Standby) unknown(name string) error {
	return &status.Refusal{
		Code: status.NotFound, Detail: fmt.Sprintf("there is no server %q; there are: %s", name, strings.Join(s.order, ", ")),
		Try: "failoverd status",
	}
}

// wish carries out a wish that needs no operation, and returns the server.
func (s *Standby) wish(ctx context.Context, name string, o status.Order, e monitor.Event) (status.Server, error) {
	e.By, e.Reason, e.Until = o.By.Name, o.Reason, o.Until
	err := s.command(ctx, name, func(t *turn, v *server) error {
		if v.task != nil && e.Kind != monitor.Resume {
			if r, ok := s.operations.open(v.operation); ok && !(e.Kind == monitor.Suspend && r.By.Kind == "automatic") {
				return running(v, r)
			}
		}
		if e.Kind == monitor.Stop && v.facts.Role != monitor.StandingBy {
			return &status.Refusal{
				Code: status.WrongState, Detail: fmt.Sprintf("the standby is %s for %s: release it first, then stop it", v.facts.Role, name),
				Try: "failoverd release " + name,
			}
		}
		if already(v.facts, e) {
			return nil // asked for again: it is so already
		}
		t.step(v, e, o.By)
		return nil
	})
	if err != nil {
		return status.Server{}, err
	}
	return s.one(name)
}

// already reports whether a wish is fulfilled as it is, so that asking for it
// twice is no new event.
func already(f monitor.Facts, e monitor.Event) bool {
	switch e.Kind {
	case monitor.Suspend:
		return f.Mode == monitor.Suspended && f.Wish.Until.Equal(e.Until) && f.Wish.Reason == e.Reason
	case monitor.Stop:
		return f.Mode == monitor.Stopped
	case monitor.Resume:
		return f.Mode == monitor.Active && f.Acknowledged && f.Hold.Code == monitor.NoHold
	}
	return false
}

// Suspend stops watching the server, until resumed or until the order's end.
func (s *Standby) Suspend(ctx context.Context, name string, o status.Order) (status.Server, error) {
	if !o.Until.IsZero() && !o.Until.After(time.Now()) {
		return status.Server{}, refuse(status.WrongState, "the end of the suspension is in the past")
	}
	return s.wish(ctx, name, o, monitor.Event{Kind: monitor.Suspend})
}

// Resume watches the server again, or acknowledges what happened to it.
func (s *Standby) Resume(ctx context.Context, name string, o status.Order) (status.Server, error) {
	return s.wish(ctx, name, o, monitor.Event{Kind: monitor.Resume})
}

// Stop stops everything about the server.
func (s *Standby) Stop(ctx context.Context, name string, o status.Order) (status.Server, error) {
	o.Until = time.Time{}
	return s.wish(ctx, name, o, monitor.Event{Kind: monitor.Stop})
}

// running refuses a second operation while the first runs.
func running(v *server, r plan.Record) error {
	return &status.Refusal{
		Code: status.OperationRunning, Operation: r.ID,
		Detail: fmt.Sprintf("a %s of %s is running", r.Kind, v.config.Name),
		Try:    "failoverd operation watch " + r.ID,
	}
}

// open returns the record of an operation that has not ended.
func (o *operations) open(id string) (plan.Record, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r, ok := o.records[id]
	return r, ok && r.State.Open()
}

// Failover takes the server over by order of an operator.
func (s *Standby) Failover(ctx context.Context, name string, o status.Order) (plan.Record, error) {
	preview, err := s.Preview(ctx, name, "takeover", o)
	if err != nil {
		return plan.Record{}, err
	}
	if preview.Refused {
		return plan.Record{}, s.refusedBy(ctx, name, o, preview)
	}
	id := ""
	err = s.command(ctx, name, func(t *turn, v *server) error {
		if r, ok := s.operations.open(v.operation); ok && v.task != nil {
			return running(v, r)
		}
		if v.facts.Role == monitor.StandingIn && v.facts.Incomplete == "" {
			return &status.Refusal{Code: status.WrongState, Detail: "the standby stands in for " + name + " already", Try: "failoverd status " + name}
		}
		t.order = o
		t.step(v, monitor.Event{Kind: monitor.FailoverOrdered, By: o.By.Name, Reason: o.Reason}, o.By)
		t.order = status.Order{}
		id = v.operation
		return nil
	})
	if err != nil {
		return plan.Record{}, err
	}
	return s.operations.get(ctx, id)
}

// refusedBy is the refusal that the checks of a preview amount to. It is in the
// history: somebody wanted to, and was not let.
func (s *Standby) refusedBy(ctx context.Context, name string, o status.Order, p status.Preview) error {
	r := &status.Refusal{Code: status.ChecksFailed, Detail: name + " is not taken over", Checks: p.Checks}
	accept := ""
	for _, c := range p.Checks {
		if c.Result == "critical" && !o.Accepts(c.Accept) {
			r.Detail = fmt.Sprintf("%s is not taken over: %s: %s", name, c.Name, c.Value)
			if c.Accept != "" {
				accept += " --accept " + c.Accept
			}
		}
	}
	if accept != "" {
		r.Try = "failoverd failover " + name + accept
	}
	err := s.command(ctx, name, func(t *turn, v *server) error {
		t.note(journal.Event{
			Kind: "decision.refused", Severity: "warning", Server: name, Incident: v.facts.Incident, Actor: actor(o.By),
			Message: "the order of " + o.By.Name + " to take " + name + " over was refused", Reason: r.Detail,
		}, false)
		return nil
	})
	if err != nil {
		s.log.Warn("a refused order is not in the history", "server", name, "err", err)
	}
	return r
}

// Release gives the server's role back by order of an operator.
func (s *Standby) Release(ctx context.Context, name string, o status.Order) (plan.Record, error) {
	id := ""
	err := s.command(ctx, name, func(t *turn, v *server) error {
		if r, ok := s.operations.open(v.operation); ok && v.task != nil {
			return running(v, r)
		}
		if v.facts.Role != monitor.StandingIn {
			return &status.Refusal{
				Code: status.WrongState, Detail: fmt.Sprintf("the standby does not stand in for %s (it is %s)", name, v.facts.Role),
				Try: "failoverd status " + name,
			}
		}
		t.order = o
		t.step(v, monitor.Event{Kind: monitor.ReleaseOrdered, By: o.By.Name, Reason: o.Reason}, o.By)
		t.order = status.Order{}
		id = v.operation
		return nil
	})
	if err != nil {
		return plan.Record{}, err
	}
	return s.operations.get(ctx, id)
}

// primaryAlive is the word by which an operator accepts that the primary
// answers pings while it is taken over.
const primaryAlive = "primary-alive"

// Preview shows what a takeover or a release would do now, and whether the
// order as it stands would be refused. It changes nothing.
func (s *Standby) Preview(ctx context.Context, name, kind string, o status.Order) (status.Preview, error) {
	var p plan.Plan
	out := status.Preview{Kind: kind, Server: name, At: time.Now(), Skips: []string{}, Checks: []status.Check{}, Steps: []plan.Shown{}}
	var problem error
	asked := s.ask(ctx, func(t *turn) {
		v, ok := s.servers[name]
		if !ok {
			problem = s.unknown(name)
			return
		}
		parts, err := s.parts(v, "")
		if err != nil {
			problem = refuse(status.NotAvailable, err.Error())
			return
		}
		switch kind {
		case "release":
			p = takeover.Release(v.plans(o, true), parts)
			if v.facts.Role != monitor.StandingIn {
				out.Checks = append(out.Checks, status.Check{
					Name: "standing-in", Result: "critical", Value: "the standby is " + v.facts.Role.String() + " for " + name,
					Limit: "it stands in", Help: "failoverd status " + name,
				})
			}
		default:
			p = takeover.Takeover(v.plans(o, true), parts)
			out.Checks = append(out.Checks, alive(v, t.now)...)
			out.Skips = skips(s.situation(v, t.now))
		}
	})
	if err := errors.Join(asked, problem); err != nil {
		if problem != nil {
			return out, problem
		}
		return out, err
	}
	out.Steps = plan.Show(ctx, p)
	for _, step := range out.Steps {
		if step.Blocked {
			out.Checks = append(out.Checks, status.Check{
				Name: step.Name, Result: "critical", Value: step.Value, Limit: step.Limit, Accept: step.Accept,
				Help: "failoverd explain " + name,
			})
		}
	}
	for _, c := range out.Checks {
		if c.Result == "critical" && !o.Accepts(c.Accept) {
			out.Refused = true
		}
	}
	return out, nil
}

// alive refuses an operator's takeover of a primary that answers.
func alive(v *server, now time.Time) []status.Check {
	f := v.facts
	if f.Role != monitor.StandingBy || f.LastAnswer.IsZero() || f.Misses > 0 || now.Sub(f.LastAnswer) > v.policy.Window(2) {
		return nil
	}
	return []status.Check{{
		Name: primaryAlive, Result: "critical",
		Value: fmt.Sprintf("%s answers pings (last %s, %s ago)", v.config.Address, f.RTT.Round(10*time.Microsecond), now.Sub(f.LastAnswer).Round(10*time.Millisecond)),
		Limit: "no answer", Accept: primaryAlive, Help: "failoverd show " + v.config.Name,
	}}
}

// skips says what the automatic decision would have answered to its four
// questions, which an operator's order skips.
func skips(m monitor.Situation) []string {
	var said []string
	for _, a := range monitor.Decide(m).Steps {
		switch {
		case !a.Asked:
			said = append(said, a.Question+" not asked")
		case a.Passed:
			said = append(said, a.Question+" yes: "+a.Reason)
		default:
			said = append(said, a.Question+" no: "+a.Reason)
		}
	}
	return said
}

// Operation returns the record of an operation.
func (s *Standby) Operation(ctx context.Context, id string) (plan.Record, error) {
	return s.operations.get(ctx, id)
}

// Operations returns the last operations, newest first.
func (s *Standby) Operations(ctx context.Context, name string, limit int) ([]plan.Record, error) {
	ops, err := s.deps.Journal.Operations(ctx, journal.OperationQuery{Server: name, Limit: limit})
	if err != nil {
		return nil, err
	}
	records := make([]plan.Record, 0, len(ops))
	for _, op := range ops {
		r, err := s.operations.get(ctx, op.ID)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	slices.SortStableFunc(records, func(a, b plan.Record) int { return b.Started.Compare(a.Started) })
	return records, nil
}

// Cancel asks an operation that runs to stop and to undo what it did.
func (s *Standby) Cancel(ctx context.Context, id string, o status.Order) (plan.Record, error) {
	r, err := s.operations.get(ctx, id)
	if err != nil {
		return r, err
	}
	err = s.command(ctx, r.Server, func(t *turn, v *server) error {
		if v.task == nil || v.task.id != id {
			return &status.Refusal{Code: status.WrongState, Detail: fmt.Sprintf("operation %s is %s: there is nothing to cancel", id, r.State), Try: "failoverd operations"}
		}
		t.note(journal.Event{
			Kind: r.Kind + ".cancelled", Severity: "warning", Server: r.Server, Incident: v.facts.Incident, Operation: id, Actor: actor(o.By),
			Message: fmt.Sprintf("%s cancels the %s of %s", o.By.Name, r.Kind, r.Server), Reason: o.Reason,
		}, false)
		task := v.task
		t.after(func() { task.cancel(errors.Join(plan.ErrCancelled, fmt.Errorf("by %s", o.By.Name))) })
		return nil
	})
	if err != nil {
		return r, err
	}
	return s.operations.get(ctx, id)
}

// Explain says why the last decision about a server was taken.
func (s *Standby) Explain(ctx context.Context, name string) (status.Explanation, error) {
	var out status.Explanation
	var problem error
	operation := ""
	var v *server
	if err := s.ask(ctx, func(*turn) {
		var ok bool
		if v, ok = s.servers[name]; !ok {
			problem = s.unknown(name)
			return
		}
		operation = v.operation
		out = v.explanation(nil)
	}); err != nil || problem != nil {
		return out, errors.Join(problem, err)
	}
	if operation == "" {
		ops, err := s.Operations(ctx, name, 1)
		if err != nil {
			return out, err
		}
		if len(ops) > 0 {
			operation = ops[0].ID
		}
	}
	if operation == "" {
		return out, nil
	}
	r, err := s.operations.get(ctx, operation)
	if err != nil {
		return out, err
	}
	err = s.ask(ctx, func(*turn) { out = v.explanation(&operationView{record: r}) })
	return out, err
}

// TestAlert sends a real mail to every recipient and shows the dialogue.
func (s *Standby) TestAlert(ctx context.Context, o status.Order) ([]status.TestMail, error) {
	var to []string
	if err := s.ask(ctx, func(*turn) {
		if e := s.config.Alerts.Email; e != nil {
			to = append(to, e.To...)
		}
	}); err != nil {
		return nil, err
	}
	if len(to) == 0 {
		return nil, &status.Refusal{
			Code: status.NotAvailable, Detail: "no alerts.email is configured: nobody would be told of a failure",
			Try: "failoverd config check",
		}
	}
	results := make([]status.TestMail, 0, len(to))
	for _, one := range to {
		transcript, likely, err := s.deps.TestMail(ctx, one)
		m := status.TestMail{OK: err == nil, Recipient: one, Transcript: transcript, Likely: likely}
		if err != nil {
			m.Error = err.Error()
		}
		results = append(results, m)
	}
	return results, s.ask(ctx, func(t *turn) {
		failed := 0
		for _, m := range results {
			if !m.OK {
				failed++
			}
		}
		t.note(journal.Event{
			Kind: "alert.test", Severity: "info", Actor: actor(o.By),
			Message: fmt.Sprintf("a test alert was sent to %d recipients, %d failed", len(results), failed), Reason: o.Reason,
		}, false)
	})
}
