package standby

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/status"
)

// remembers puts what an earlier run knew of a copy into the journal.
func (w *world) remembers(catalog string, c replicate.Copy) {
	w.t.Helper()
	if _, err := w.memory.Journal.Commit(context.Background(), journal.Batch{Copies: []journal.Copy{copyRow("pbx", catalog, c)}}); err != nil {
		w.t.Fatal(err)
	}
}

// replicated is a primary with two databases that are copied at one o'clock.
func replicated(c config.Server) config.Server {
	for _, name := range []string{"calls", "users"} {
		c.Databases = append(c.Databases, config.Database{Name: name, Engine: "sqlite", ReplicateDaily: "01:00", CatchUp: true})
	}
	return c
}

// newCompany is a standby with a primary whose databases hold 1.
func newCompany(t *testing.T) *world {
	w := newWorld(t, replicated(primary("pbx", pbx)))
	w.fills(1)
	return w
}

// fills has both databases of the primary hold n.
func (w *world) fills(n int) {
	w.engine.Put("pbx", "calls", n)
	w.engine.Put("pbx", "users", n)
}

// stands checks what the standby has in service, as previous ones, and that nothing is staged. 0 is nothing.
func (w *world) stands(live, previous int) {
	w.t.Helper()
	want := map[string]int{}
	for _, name := range []string{"standby/pbx_calls", "standby/pbx_users"} {
		if live != 0 {
			want[name] = live
		}
		if previous != 0 {
			want[name+"__prev"] = previous
		}
	}
	got := w.engine.All()
	maps.DeleteFunc(got, func(name string, _ int) bool { return !strings.HasPrefix(name, "standby/pbx_") })
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("at the standby (-want +got):\n%s", diff)
	}
}

// orders has an operator replicate, and waits until that has ended.
func (w *world) orders(kind string, accept ...string) plan.Record {
	w.t.Helper()
	o := by("by order")
	o.Accept = accept
	r, err := w.s.Replicate(context.Background(), "pbx", kind, o)
	if err != nil {
		w.t.Fatalf("%s: %v", kind, err)
	}
	return w.endOf(r.ID)
}

// endOf waits until an operation has ended.
func (w *world) endOf(id string) plan.Record {
	w.t.Helper()
	for range 600 {
		r, err := w.s.Operation(context.Background(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if !r.State.Open() {
			return r
		}
		w.pass(time.Second)
	}
	w.t.Fatalf("%s does not end", id)
	return plan.Record{}
}

func TestTheFirstCopyAndTheNext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		v := w.of("pbx")
		if v.Readiness.Verdict != "not ready" || v.Copies[0].Snapshot != nil {
			t.Errorf("never copied: %s, %+v", v.Readiness.Verdict, v.Copies[0])
		}
		r := w.orders(status.FromLive)
		if r.State != plan.Succeeded {
			t.Fatalf("%s: %s", r.State, r.Error)
		}
		if diff := cmp.Diff([]string{"pbx replicate-from-live succeeded true"}, w.took); diff != "" {
			t.Errorf("measured (-want +got):\n%s", diff)
		}
		w.stands(1, 0)
		if !w.engine.Sealed("standby", "pbx_calls") {
			t.Error("the copy can be written to")
		}
		v = w.of("pbx")
		c := v.Copies[0]
		if v.Readiness.Verdict != "ready" || c.Snapshot == nil || c.Name != "pbx_calls" || c.Operation != r.ID || c.Rows != 1 || c.Check == "" || !c.Attempt.OK {
			t.Errorf("copied: %s, %+v", v.Readiness.Verdict, c)
		}
		w.fills(2)
		w.orders(status.FromLive)
		w.stands(2, 1)
		if c := w.of("pbx").Copies[0]; c.Source != "changed" || c.Previous == nil {
			t.Errorf("copied again: %+v", c)
		}
		w.orders(status.FromLive)
		if c := w.of("pbx").Copies[0]; c.Source != "unchanged" {
			t.Errorf("nothing new: %s", c.Source)
		}
		if d := r.Step("copy calls"); d.Bytes != 1000 || d.Rows != 1 {
			t.Errorf("measured: %+v", d)
		}
	})
}

// TestWhateverFailsAllOfItIsTakenBack lets each call fail at the second copy.
func TestWhateverFailsAllOfItIsTakenBack(t *testing.T) {
	for _, call := range []string{"copy", "verify", "swap"} {
		t.Run(call, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newCompany(t).start()
				w.orders(status.FromLive)
				w.fills(2)
				w.engine.Fail(call, errors.New("disk full"))
				r := w.orders(status.FromLive)
				if r.State != plan.Undone || !strings.Contains(r.Error, "disk full") {
					t.Errorf("%s: %s", r.State, r.Error)
				}
				w.stands(1, 0)
				if got := count(w.mails(), "replication.failed") + count(w.mails(), "replication.rolled_back"); got != 1 {
					t.Errorf("%d mails", got)
				}
				w.engine.Fail(call, nil)
				w.orders(status.FromLive)
				w.stands(2, 1)
				if got := count(w.mails(), "replication.done"); got != 1 {
					t.Errorf("that it succeeds again was mailed %d times", got)
				}
			})
		})
	}
}

// TestKilledAtEveryStatement kills the daemon before each statement that a replication executes at the servers, in the
// middle of the second copy and of the third. The next start finishes or takes back; never half, never older over newer.
func TestKilledAtEveryStatement(t *testing.T) {
	for n := 1; ; n++ {
		killed := false
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newCompany(t).start()
				w.orders(status.FromLive)
				w.fills(2)
				w.orders(status.FromLive)
				w.fills(3)
				w.engine.Died = func() { w.set(func() { w.dead = true }) }
				w.engine.DieAt(n)
				r, err := w.s.Replicate(context.Background(), "pbx", status.FromLive, by("by order"))
				if err != nil {
					t.Fatal(err)
				}
				w.pass(10 * time.Second)
				if !w.crashed() {
					w.stands(3, 2)
					return
				}
				killed = true
				w.crash()
				w.start()
				r = w.endOf(r.ID)
				w.pass(time.Second)
				switch {
				case r.State == plan.Succeeded || r.State == plan.Partial:
					w.stands(3, 2)
				case n <= 6 || w.engine.Holds("standby", "pbx_calls__prev") != 0: // the previous one may have been dropped by the swap
					w.stands(2, w.engine.Holds("standby", "pbx_calls__prev"))
				}
				if w.engine.Holds("standby", "pbx_calls") != w.engine.Holds("standby", "pbx_users") {
					t.Errorf("one catalog is newer than the other: %v", w.engine.All())
				}
				if got := w.happened(status.FromLive + ".examined"); got != 1 {
					t.Errorf("what became of it was said %d times", got)
				}
				if got := w.openOperations(); got != 0 {
					t.Errorf("%d operations are open", got)
				}
				w.fills(4)
				if r := w.orders(status.FromLive); r.State != plan.Succeeded {
					t.Errorf("the next one: %s: %s", r.State, r.Error)
				}
				if w.engine.Holds("standby", "pbx_calls") != 4 {
					t.Errorf("after the next one: %v", w.engine.All())
				}
			})
		})
		if !killed {
			if n < 10 {
				t.Errorf("only %d statements", n)
			}
			return
		}
	}
}

// TestKilledWhileTakingBack kills the daemon at each statement of a rollback too.
func TestKilledWhileTakingBack(t *testing.T) {
	for n := 1; ; n++ {
		killed := false
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newCompany(t).start()
				w.orders(status.FromLive)
				w.fills(2)
				w.engine.Fail("swap", nil)
				open := w.engine.Shut("swap")
				r, err := w.s.Replicate(context.Background(), "pbx", status.FromLive, by("by order"))
				if err != nil {
					t.Fatal(err)
				}
				w.pass(time.Second)
				// The first catalog is swapped, the second fails: both are taken back, and the daemon is killed meanwhile.
				w.engine.FailAfter("swap", 1, errors.New("deadlock"))
				w.engine.Died = func() { w.set(func() { w.dead = true }) }
				w.engine.DieAt(2 + n)
				open()
				w.pass(10 * time.Second)
				if !w.crashed() {
					w.stands(1, 0)
					return
				}
				killed = true
				w.crash()
				w.start()
				if r = w.endOf(r.ID); r.State != plan.Undone {
					t.Errorf("%s: %s", r.State, r.Error)
				}
				w.stands(1, 0)
			})
		})
		if !killed {
			if n < 4 {
				t.Errorf("only %d statements", n)
			}
			return
		}
	}
}

// The primary dies while it is copied: the run is given up, and the takeover works on the copy before.
func TestThePrimaryDiesInTheMiddle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		w.orders(status.FromLive)
		w.fills(2)
		w.engine.Shut("copy")
		r, err := w.s.Replicate(context.Background(), "pbx", status.FromLive, by("by order"))
		if err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Second)
		v := w.of("pbx")
		if v.Replication != r.ID || v.State != "Replicating" {
			t.Errorf("%s, %q", v.State, v.Replication)
		}
		running, err := w.s.Operation(context.Background(), r.ID)
		if err != nil || running.Progress == nil || *running.Progress.Percent != 50 {
			t.Errorf("progress: %+v, %v", running.Progress, err)
		}
		w.dies(pbx)
		w.engine.Away("pbx", true)
		w.pass(40 * time.Second)
		w.is("pbx", "Failure", "standing in")
		w.stands(1, 0)
		if w.engine.Sealed("standby", "pbx_calls") {
			t.Error("the stand-in cannot write to the copy")
		}
		if r := w.endOf(r.ID); r.State != plan.Undone || !strings.Contains(r.Error, "the primary failed") {
			t.Errorf("%s: %s", r.State, r.Error)
		}
		if _, err := w.s.Replicate(context.Background(), "pbx", status.ToLive, by("too early")); err == nil {
			t.Error("the stand-in's data is copied while it works on it")
		}
	})
}

func TestBackToLive(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		w.orders(status.FromLive)
		w.standsIn("pbx", pbx)
		w.engine.Put("standby", "pbx_calls", 7)
		w.engine.Put("standby", "pbx_users", 7)
		if _, err := w.s.Release(context.Background(), "pbx", by("repaired")); err != nil {
			t.Fatal(err)
		}
		w.pass(5 * time.Second)
		if !w.engine.Sealed("standby", "pbx_calls") {
			t.Error("the copy is not sealed after the release")
		}
		w.returns(pbx)
		w.pass(10 * time.Second)
		refused := func(kind, word string) {
			t.Helper()
			_, err := w.s.Replicate(context.Background(), "pbx", kind, by("too bold"))
			var r *status.Refusal
			if !errors.As(err, &r) || r.Code != status.ChecksFailed || !strings.Contains(r.Try, word) {
				t.Fatalf("%s: %v", kind, err)
			}
		}
		refused(status.FromLive, "--accept discard-diverged")
		w.engine.Newer(database.Change{Table: "calls", Rows: 3, What: "3 written"})
		refused(status.ToLive, "--accept overwrite-newer")
		p, err := w.s.Preview(context.Background(), "pbx", status.ToLive, by("look"))
		if err != nil || !p.Refused || p.Crossings[0].From != "standby" || p.Crossings[0].To != "pbx" || p.Crossings[0].Newer[0].Rows != 3 {
			t.Errorf("preview: %+v, %v", p, err)
		}
		w.engine.Connected(database.Session{Who: "app", Writing: true})
		if _, err := w.s.Replicate(context.Background(), "pbx", status.ToLive, status.Order{By: by("").By, Accept: []string{status.OverwriteNewer}}); err == nil {
			t.Error("somebody writes to what is copied")
		}
		w.engine.Connected()
		if r := w.orders(status.ToLive, status.OverwriteNewer); r.State != plan.Succeeded {
			t.Fatalf("%s: %s", r.State, r.Error)
		}
		if got := w.engine.Holds("pbx", "calls"); got != 7 || w.engine.Holds("pbx", "calls__prev") != 1 {
			t.Errorf("at the primary: %v", w.engine.All())
		}
		w.stands(7, 0)
		if w.of("pbx").Diverged {
			t.Error("still diverged")
		}
		w.engine.Newer()
		w.fills(8)
		if r := w.orders(status.FromLive); r.State != plan.Succeeded {
			t.Fatalf("%s: %s", r.State, r.Error)
		}
		w.stands(8, 7)
	})
}

func TestRollBackByOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		w.orders(status.FromLive)
		if _, err := w.s.RollBack(context.Background(), "pbx", by("wrong")); err == nil {
			t.Error("there is no previous copy")
		}
		w.fills(2)
		w.orders(status.FromLive)
		r, err := w.s.RollBack(context.Background(), "pbx", by("the new one is wrong"))
		if err != nil {
			t.Fatal(err)
		}
		if r = w.endOf(r.ID); r.State != plan.Succeeded {
			t.Fatalf("%s: %s", r.State, r.Error)
		}
		w.stands(1, 0)
		if c := w.of("pbx").Copies[0]; c.Rows != 1 || c.Previous != nil {
			t.Errorf("%+v", c)
		}
	})
}

func TestCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, replicated(primary("pbx", pbx)), replicated(primary("crm", crm)))
		w.fills(1)
		w.start()
		w.engine.Shut("copy")
		first, err := w.s.Replicate(context.Background(), "pbx", status.FromLive, by("one"))
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.s.Replicate(context.Background(), "crm", status.FromLive, by("two"))
		if err != nil || second.State != plan.Queued {
			t.Fatalf("%s, %v", second.State, err)
		}
		w.pass(time.Second)
		if v := w.of("crm"); v.Replication != second.ID || v.State != "OK" {
			t.Errorf("%q, %s", v.Replication, v.State)
		}
		if _, err := w.s.Cancel(context.Background(), second.ID, by("no")); err != nil {
			t.Fatal(err)
		}
		if r := w.endOf(second.ID); r.State != plan.Cancelled {
			t.Errorf("the one that waits: %s", r.State)
		}
		if _, err := w.s.Cancel(context.Background(), first.ID, by("no")); err != nil {
			t.Fatal(err)
		}
		if r := w.endOf(first.ID); r.State != plan.Undone || !strings.Contains(r.Error, "cancelled") {
			t.Errorf("the one that runs: %s: %s", r.State, r.Error)
		}
		w.stands(0, 0)
	})
}

// TestStoppedInTheMiddle ends the daemon as systemctl does, while it copies and while another one waits.
func TestStoppedInTheMiddle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		w.orders(status.FromLive)
		w.fills(2)
		open := w.engine.Shut("copy")
		r, err := w.s.Replicate(context.Background(), "pbx", status.FromLive, by("one"))
		if err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.stopDaemon()
		open()
		w.start()
		if r = w.endOf(r.ID); r.State != plan.Undone {
			t.Errorf("%s: %s", r.State, r.Error)
		}
		w.stands(1, 0)
		w.is("pbx", "OK", "standing by")
	})
}

// TestAServerThatWasTakenOutInTheMiddle crashes during a copy, and starts without the server, and then with it again.
func TestAServerThatWasTakenOutInTheMiddle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		w.engine.Shut("copy")
		if _, err := w.s.Replicate(context.Background(), "pbx", status.FromLive, by("one")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		all := w.conf.Servers
		w.crash()
		w.conf.Servers = []config.Server{primary("crm", crm)}
		w.start()
		if n := w.openOperations(); n != 0 || count(w.mails(), "replication.failed") != 1 {
			t.Errorf("%d operations are open, mails: %v", n, w.mails())
		}
		w.stopDaemon()
		w.conf.Servers = all
		w.start()
		w.pass(5 * time.Second)
		w.is("pbx", "OK", "standing by")
	})
}

// TestRollBackBesideWhatWasLeft puts the previous copies back where an earlier run could not clear its staging away.
func TestRollBackBesideWhatWasLeft(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		w.orders(status.FromLive)
		w.fills(2)
		w.orders(status.FromLive)
		w.engine.Put("standby", "pbx_calls__new", 9)
		r, err := w.s.RollBack(context.Background(), "pbx", by("the new one is wrong"))
		if err != nil {
			t.Fatal(err)
		}
		if ended := w.endOf(r.ID); ended.State != plan.Succeeded {
			t.Fatalf("%s: %s", ended.State, ended.Error)
		}
		w.stands(1, 0)
	})
}
