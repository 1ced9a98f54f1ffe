package standby

import (
	"context"
	"fmt"
	"strings"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/status"
)

// find returns a server, or refuses what was asked of it.
func (s *Standby) find(name string) (*server, error) {
	if v, ok := s.servers[name]; ok {
		return v, nil
	}
	return nil, &status.Refusal{
		Code: status.NotFound, Detail: fmt.Sprintf("there is no server %q; there are: %s", name, strings.Join(s.order, ", ")),
		Try: "failoverd status",
	}
}

// running is the record of the operation that runs for a server.
func (s *Standby) running(v *server) (plan.Record, bool) {
	if v.task == nil {
		return plan.Record{}, false
	}
	return s.operations.open(v.task.id)
}

// busy refuses a second operation while the first runs.
func busy(v *server, r plan.Record) error {
	return &status.Refusal{
		Code: status.OperationRunning, Operation: r.ID,
		Detail: fmt.Sprintf("a %s of %s is running", r.Kind, v.config.Name),
		Try:    "failoverd operation watch " + r.ID,
	}
}

// wish carries out a wish that needs no operation, and returns the server.
func (s *Standby) wish(ctx context.Context, name string, o status.Order, e monitor.Event) (status.Server, error) {
	e.By, e.Reason, e.Until = o.By.Name, o.Reason, o.Until
	_, err := order(ctx, s, func(t *turn) (none, error) {
		v, err := s.find(name)
		if err != nil {
			return none{}, err
		}
		if r, ok := s.running(v); ok && e.Kind != monitor.Resume && (e.Kind != monitor.Suspend || r.By.Kind != "automatic") {
			return none{}, busy(v, r)
		}
		if e.Kind == monitor.Stop && v.facts.Role != monitor.StandingBy {
			return none{}, &status.Refusal{
				Code: status.WrongState, Detail: fmt.Sprintf("the standby is %s for %s: release it first, then stop it", v.facts.Role, name),
				Try: "failoverd release " + name,
			}
		}
		if !already(v.facts, e) { // asked for again, it is so already
			t.step(v, e, o.By)
		}
		return none{}, nil
	})
	if err != nil {
		return status.Server{}, err
	}
	return s.one(ctx, name)
}

// kindSuspended is the kind of a reminder that a server is still suspended: it tells nothing new.
const kindSuspended = "server.still_suspended"

// remind reminds people of a server that has been suspended for long. While the standby is isolated that alone is told, and the
// reminder comes after it.
func (t *turn) remind(v *server) {
	if t.s.self.isolated {
		return
	}
	next, due := v.facts.Remind(v.config.Name, t.s.config.Alerts.RemindSuspended, t.now)
	if next == v.facts.Wish {
		return
	}
	t.remember(v)
	v.facts.Wish = next
	if due {
		t.say(stillSuspended(v.config.Name, next), true)
	}
}

// stillSuspended is a reminder.
func stillSuspended(server string, w monitor.Wish) journal.Event {
	reason := "suspended by " + w.By + ", without an end"
	if !w.Until.IsZero() {
		reason = "suspended by " + w.By + " until " + hm(w.Until)
	}
	if w.Reason != "" {
		reason += ": " + w.Reason
	}
	evidence := map[string]any{"since": w.Since.Format(time.RFC3339Nano), "by": w.By}
	if !w.Until.IsZero() {
		evidence["until"] = w.Until.Format(time.RFC3339)
	}
	return journal.Event{
		Kind: kindSuspended, Severity: journal.Warning, Server: server, Incident: w.Incident, Actor: actor(automatic("reminder")),
		Message: fmt.Sprintf("%s is still suspended, since %s", server, hm(w.Since)), Reason: reason, Evidence: evidence,
	}
}

// none is what an order brings that brings nothing.
type none struct{}

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
