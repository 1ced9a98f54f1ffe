package standby

import (
	"context"
	"fmt"
	"testing"
	"time"

	"failoverd/plan"
	"failoverd/status"
)

// atEveryStatement tells a story in which the daemon is killed before the n-th statement that changes something at a
// database server, for every n, until the story has no more of them. It is given the number, and says whether it was
// killed.
func atEveryStatement(t *testing.T, atLeast int, story func(t *testing.T, n int) (killed bool)) {
	t.Helper()
	for n := 1; ; n++ {
		killed := false
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, func(t *testing.T) { killed = story(t, n) })
		})
		if killed {
			continue
		}
		if n <= atLeast {
			t.Errorf("only %d statements", n-1)
		}
		return
	}
}

// killsAt has the daemon die before the n-th statement from now.
func (w *world) killsAt(n int) {
	w.engine.Died = func() { w.set(func() { w.dead = true }) }
	w.engine.DieAt(n)
}

// TestKilledWhileRollingBackByOrder puts the previous copies back, whatever comes in between.
func TestKilledWhileRollingBackByOrder(t *testing.T) {
	atEveryStatement(t, 4, func(t *testing.T, n int) bool {
		w := newCompany(t).start()
		w.orders(status.FromLive)
		w.fills(2)
		w.orders(status.FromLive)
		w.killsAt(n)
		r, err := w.s.RollBack(context.Background(), "pbx", by("the new one is wrong"))
		if err != nil {
			t.Fatal(err)
		}
		w.pass(10 * time.Second)
		killed := w.crashed()
		if killed {
			w.crash()
			w.start()
		}
		if ended := w.endOf(r.ID); ended.State != plan.Succeeded {
			t.Errorf("%s: %s", ended.State, ended.Error)
		}
		w.stands(1, 0)
		for _, c := range w.of("pbx").Copies {
			if c.Rows != 1 || c.Previous != nil {
				t.Errorf("%s is remembered as %+v", c.Catalog, c)
			}
		}
		return killed
	})
}

// TestKilledOnTheWayToLive brings the stand-in's work back to the primary. The standby's data, which nobody else has, is
// never touched, and the primary has all of it or what it had.
func TestKilledOnTheWayToLive(t *testing.T) {
	atEveryStatement(t, 8, func(t *testing.T, n int) bool {
		w := newCompany(t).start()
		w.orders(status.FromLive)
		w.standsIn("pbx", pbx)
		w.engine.Put("standby", "pbx_calls", 7)
		w.engine.Put("standby", "pbx_users", 7)
		if _, err := w.s.Release(context.Background(), "pbx", by("repaired")); err != nil {
			t.Fatal(err)
		}
		w.pass(5 * time.Second)
		w.returns(pbx)
		w.pass(10 * time.Second)
		w.killsAt(n)
		r, err := w.s.Replicate(context.Background(), "pbx", status.ToLive, by("back"))
		if err != nil {
			t.Fatal(err)
		}
		w.pass(10 * time.Second)
		killed := w.crashed()
		if killed {
			w.crash()
			w.start()
		}
		r = w.endOf(r.ID)
		w.pass(time.Second)
		want, diverged := 7, false
		if !succeeded(r) {
			want, diverged = 1, true
		}
		for _, catalog := range []string{"calls", "users"} {
			if got := w.engine.Holds("pbx", catalog); got != want {
				t.Errorf("%s, and %s of the primary holds %d, want %d", r.State, catalog, got, want)
			}
			if got := w.engine.Holds("standby", "pbx_"+catalog); got != 7 {
				t.Errorf("%s of the standby holds %d", catalog, got)
			}
			if w.engine.Holds("pbx", catalog+"__new") != 0 {
				t.Errorf("a staging is left: %v", w.engine.All())
			}
		}
		if got := w.of("pbx").Diverged; got != diverged {
			t.Errorf("%s, and diverged is %v", r.State, got)
		}
		if diverged {
			if again := w.orders(status.ToLive); again.State != plan.Succeeded || w.engine.Holds("pbx", "calls") != 7 || w.engine.Holds("pbx", "users") != 7 {
				t.Errorf("the next one: %s: %s, %v", again.State, again.Error, w.engine.All())
			}
		}
		return killed
	})
}
