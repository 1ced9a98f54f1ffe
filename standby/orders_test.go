package standby

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

func TestRefusalsChangeNothing(t *testing.T) {
	standingBy := func(w *world) { w.pass(5 * time.Second) }
	standingIn := func(w *world) { w.standsIn("pbx", pbx) }
	takingOver := func(w *world) {
		w.shut("start pbx")
		w.pass(5 * time.Second)
		w.dies(pbx)
		w.pass(40 * time.Second)
		w.is("pbx", "Failure", "taking over")
	}
	call := func(f func(s *Standby, ctx context.Context) error) func(*world) error {
		return func(w *world) error { return f(w.s, w.t.Context()) }
	}
	suspend := call(func(s *Standby, ctx context.Context) error {
		_, err := s.Suspend(ctx, "pbx", by("test"))
		return err
	})
	stop := call(func(s *Standby, ctx context.Context) error {
		_, err := s.Stop(ctx, "pbx", by("test"))
		return err
	})
	failover := func(accept ...string) func(*world) error {
		return call(func(s *Standby, ctx context.Context) error {
			_, err := s.Failover(ctx, "pbx", by("test", accept...))
			return err
		})
	}
	release := call(func(s *Standby, ctx context.Context) error {
		_, err := s.Release(ctx, "pbx", by("test"))
		return err
	})
	unwritable := func(w *world) {
		standingBy(w)
		w.memory.breaks(errors.New("disk full"))
	}
	tests := map[string]struct {
		given func(*world)
		order func(*world) error
		code  string
		notes int // events about the refusal itself
	}{
		"suspend, no such server": {standingBy, call(func(s *Standby, ctx context.Context) error {
			_, err := s.Suspend(ctx, "nope", by(""))
			return err
		}), status.NotFound, 0},
		"suspend until yesterday": {standingBy, call(func(s *Standby, ctx context.Context) error {
			o := by("")
			o.Until = time.Now().Add(-time.Hour)
			_, err := s.Suspend(ctx, "pbx", o)
			return err
		}), status.WrongState, 0},
		"stop while standing in":           {standingIn, stop, status.WrongState, 0},
		"stop while taking over":           {takingOver, stop, status.OperationRunning, 0},
		"failover while standing in":       {standingIn, failover(), status.WrongState, 0},
		"failover while taking over":       {takingOver, failover(), status.OperationRunning, 0},
		"failover of a primary that lives": {standingBy, failover(), status.ChecksFailed, 1},
		"failover of an address in use": {func(w *world) {
			w.set(func() { w.wire[pbx] = pbxMAC })
			standingBy(w)
		}, failover("primary-alive"), status.ChecksFailed, 1},
		"failover without an interface": {func(w *world) {
			w.conf.Servers[0].Takeover.Interface = "eth7"
			w.stopDaemon()
			w.start()
			standingBy(w)
		}, failover("primary-alive"), status.NotAvailable, 0},
		"failover, no such server": {standingBy, call(func(s *Standby, ctx context.Context) error {
			_, err := s.Failover(ctx, "nope", by(""))
			return err
		}), status.NotFound, 0},
		"release while standing by":  {standingBy, release, status.WrongState, 0},
		"release while taking over":  {takingOver, release, status.OperationRunning, 0},
		"suspend without a journal":  {unwritable, suspend, status.JournalUnwritable, 0},
		"failover without a journal": {unwritable, failover("primary-alive"), status.JournalUnwritable, 0},
		"cancel, no such operation": {standingBy, call(func(s *Standby, ctx context.Context) error {
			_, err := s.Cancel(ctx, "takeover-0", by(""))
			return err
		}), status.NotFound, 0},
		"cancel what has ended": {standingIn, func(w *world) error {
			ops, err := w.s.Operations(w.t.Context(), journal.OperationQuery{Server: "pbx", Limit: 1})
			if err != nil {
				return err
			}
			_, err = w.s.Cancel(w.t.Context(), ops[0].ID, by(""))
			return err
		}, status.WrongState, 0},
		"explain, no such server": {standingBy, call(func(s *Standby, ctx context.Context) error {
			_, err := s.Explain(ctx, "nope")
			return err
		}), status.NotFound, 0},
		"preview, no such server": {standingBy, call(func(s *Standby, ctx context.Context) error {
			_, err := s.Preview(ctx, "nope", "takeover", by(""))
			return err
		}), status.NotFound, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx)).start()
				test.given(w)
				before, was, facts := w.events(""), w.of("pbx"), fmt.Sprintf("%+v", w.facts("pbx"))
				w.done()
				err := test.order(w)
				w.memory.breaks(nil)
				if got := code(err); got != test.code {
					t.Fatalf("code %q (%v), want %q", got, err, test.code)
				}
				var r *status.Refusal
				if errors.As(err, &r) && r.Changed {
					t.Error("the refusal says that something was changed")
				}
				if got := w.events(""); len(got) != len(before)+test.notes {
					t.Errorf("events %v", got[len(before):])
				}
				if diff := cmp.Diff(facts, fmt.Sprintf("%+v", w.facts("pbx"))); diff != "" {
					t.Errorf("the facts in the journal (-want +got):\n%s", diff)
				}
				if is := w.of("pbx"); is.Mode != was.Mode || is.Role != was.Role || is.State != was.State || is.Operation != was.Operation {
					t.Errorf("was %s, %s, is %s, %s", was.State, was.Role, is.State, is.Role)
				}
				if acts := w.done(); len(acts) != 0 {
					t.Errorf("done: %v", acts)
				}
			})
		})
	}
}

func TestSuspendEndsByItself(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		o := by("maintenance")
		o.Until = time.Now().Add(2 * time.Hour)
		v, err := w.s.Suspend(t.Context(), "pbx", o)
		if err != nil || v.State != "Suspended" || v.Suspension == nil || v.Suspension.By != "ann" || v.Suspension.Reason != "maintenance" {
			t.Fatalf("%+v, %v", v, err)
		}
		before := w.memory.count()
		if _, err := w.s.Suspend(t.Context(), "pbx", o); err != nil || w.memory.count() != before {
			t.Errorf("asked for again: %v, %d commits", err, w.memory.count()-before)
		}
		if diff := cmp.Diff([]string{"witness 192.168.11.254"}, w.pinger.asks()); diff != "" {
			t.Errorf("asked while suspended (-want +got):\n%s", diff)
		}
		w.dies(pbx)
		w.pass(2*time.Hour - time.Second)
		w.is("pbx", "Suspended", "standing by")
		w.pass(2 * time.Second)
		if v := w.of("pbx"); v.Mode != "active" {
			t.Fatalf("two hours later it is %s", v.Mode)
		}
		if got := w.happened("server.resumed"); got != 1 {
			t.Errorf("server.resumed %d times", got)
		}
		if k := w.facts("pbx"); k.Acknowledged {
			t.Error("the end of a suspension has acknowledged something: nobody did")
		}
		w.pass(time.Minute)
		w.is("pbx", "Failure", "standing in")
	})
}

func TestSuspendingCancelsAnAutomaticTakeover(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.shut("start pbx")
		w.pass(5 * time.Second)
		w.dies(pbx)
		w.pass(40 * time.Second)
		if _, err := w.s.Suspend(t.Context(), "pbx", by("stop it")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.is("pbx", "Suspended", "standing by")
		if w.holds(pbx) || w.openOperations() != 0 {
			t.Errorf("holds %t, %d open operations", w.holds(pbx), w.openOperations())
		}
	})
}

func TestAnOperatorsFailoverReleaseAndCancel(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		open := w.shut("start pbx")
		r, err := w.s.Failover(t.Context(), "pbx", by("test", "primary-alive"))
		if err != nil {
			t.Fatal(err)
		}
		w.pass(5 * time.Second)
		if got := w.of("pbx").Operation; got != r.ID {
			t.Errorf("operation %q runs, want %q", got, r.ID)
		}
		if _, err := w.s.Cancel(t.Context(), r.ID, by("wrong server")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if r, err = w.s.Operation(t.Context(), r.ID); err != nil || r.State != plan.Undone || w.holds(pbx) {
			t.Errorf("cancelled: %s, %v, holds %t", r.State, err, w.holds(pbx))
		}
		open()
		if _, err := w.s.Failover(t.Context(), "pbx", by("again", "primary-alive")); err != nil {
			t.Fatal(err)
		}
		w.pass(5 * time.Second)
		w.is("pbx", "Failure", "standing in")
		// A segment that is gone is no reason not to give the address back.
		w.crash()
		w.set(func() { delete(w.links, "eth0") })
		w.start()
		if _, err := w.s.Release(t.Context(), "pbx", by("done")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if w.holds(pbx) || w.runs("pbx") || w.facts("pbx").Role.String() != "standing by" {
			t.Errorf("released: holds %t, runs %t", w.holds(pbx), w.runs("pbx"))
		}
	})
}

func TestAPreviewChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		before := w.memory.count()
		p, err := w.s.Preview(t.Context(), "pbx", "takeover", by(""))
		if err != nil || !p.Refused || len(p.Steps) != 5 || len(p.Skips) != 4 || len(p.Checks) != 1 || p.Checks[0].Accept != "primary-alive" {
			t.Errorf("%+v, %v", p, err)
		}
		if p, err := w.s.Preview(t.Context(), "pbx", "takeover", by("", "primary-alive")); err != nil || p.Refused {
			t.Errorf("accepted: %+v, %v", p, err)
		}
		p, err = w.s.Preview(t.Context(), "pbx", "release", by(""))
		if err != nil || !p.Refused || len(p.Steps) != 2 || p.Checks[0].Name != "role" {
			t.Errorf("release: %+v, %v", p, err)
		}
		if got := w.memory.count() - before; got != 0 || len(w.done()) != 0 {
			t.Errorf("%d commits", got)
		}
		w.standsIn("pbx", pbx)
		if p, err = w.s.Preview(t.Context(), "pbx", "takeover", by("")); err != nil || !p.Refused || p.Checks[0].Name != "role" {
			t.Errorf("takeover while standing in: %+v, %v", p, err)
		}
		if p, err = w.s.Preview(t.Context(), "pbx", "release", by("")); err != nil || p.Refused {
			t.Errorf("release while standing in: %+v, %v", p, err)
		}
	})
}

// A preview asks the network for an address that the loop begins and ends to ask
// for at the same time.
func TestAPreviewDoesNotEndTheInquiry(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9800 * time.Millisecond)
		w.dies(pbx)
		// The first miss is known at 11 s; the preview runs from 10.8 s to 11.25 s.
		w.pass(time.Second)
		if _, err := w.s.Preview(t.Context(), "pbx", "takeover", by("")); err != nil {
			t.Fatal(err)
		}
		w.pass(40 * time.Second)
		w.is("pbx", "Failure", "standing in")
	})
}

func TestExplain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		e, err := w.s.Explain(t.Context(), "pbx")
		if err != nil || e.Verdict != "none" || e.At != nil {
			t.Errorf("before anything was decided: %+v, %v", e, err)
		}
		w.standsIn("pbx", pbx)
		e, err = w.s.Explain(t.Context(), "pbx")
		if err != nil || e.Verdict != "take over" || len(e.Steps) != 4 || len(e.Evidence) == 0 || len(e.Plan) != 5 || len(e.Timing) == 0 {
			t.Errorf("%+v, %v", e, err)
		}
		for _, s := range e.Steps {
			if s.Passed == nil || !*s.Passed {
				t.Errorf("%s: %v", s.Question, s.Answer)
			}
		}
		// After a restart the operation is found in the journal.
		w.crash()
		w.start()
		if e, err = w.s.Explain(t.Context(), "pbx"); err != nil || len(e.Plan) != 5 {
			t.Errorf("after a restart: %+v, %v", e, err)
		}
	})
}

func TestTestAlert(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.recipients = append(w.recipients, "webhook:chat")
		w.set(func() { w.fail["mail op@example.com"] = errors.New("refused") })
		got, err := w.s.TestAlert(t.Context(), by(""))
		if err != nil || len(got) != 2 || got[0].OK || got[0].Error != "refused" || !got[1].OK || got[1].Recipient != "webhook:chat" {
			t.Errorf("%+v, %v", got, err)
		}
		w.pass(time.Second)
		if n := w.happened("alert.test"); n != 1 {
			t.Errorf("alert.test %d times", n)
		}
		w.stopDaemon()
		w.conf.Alerts.Email, w.recipients = nil, nil
		w.start()
		if _, err := w.s.TestAlert(t.Context(), by("")); code(err) != status.NotAvailable {
			t.Errorf("without alerts: %v", err)
		}
	})
}

func TestAnOrderThatNobodyWaitsForIsNotCarriedOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		release := w.memory.blocks()
		w.pinger.stalled(time.Minute) // something that the loop writes down
		w.pass(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := w.s.Suspend(ctx, "pbx", by("")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		release()
		w.pass(time.Second)
		if v := w.of("pbx"); v.Mode != "active" {
			t.Errorf("it is %s: an order was carried out long after who gave it had given up", v.Mode)
		}
	})
}
