package standby

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"failoverd/config"
)

// TestThePrimaryIsHeld: the agent of a primary is told that the standby stands in, as soon as it can be reached, and that it does not
// any more when that has ended; while the role changes hands nothing is said.
func TestThePrimaryIsHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newHandoverWorld(t)
		if h := w.hold; h.held || h.said == 0 {
			t.Errorf("while it serves: %+v", h)
		}
		w.set(func() { w.hold.away = true })
		w.dies(pbx)
		w.set(func() { delete(w.wire, pbx); delete(w.running, "pbx's own") })
		w.pass(2 * time.Minute)
		if s := w.of("pbx"); s.Role != "standing in" {
			t.Fatalf("it is %s", s.Role)
		}
		if slices.Contains(w.events("pbx"), "primary.held") {
			t.Error("held, and nobody has answered")
		}
		w.set(func() { w.hold.away = false })
		w.returns(pbxManagement)
		w.pass(10 * time.Second)
		if h := w.hold; !h.held || h.epoch != 1 || !slices.Contains(w.events("pbx"), "primary.held") {
			t.Errorf("it has come back: %+v, %v", h, w.events("pbx"))
		}
		w.trees.found = foundBack()
		w.trees.hold = make(chan struct{})
		r, err := w.s.Failback(context.Background(), "pbx", by("repaired"))
		w.must(err)
		w.pass(10 * time.Second)
		before := w.hold.said
		w.pass(time.Minute)
		if h := w.hold; h.said != before || w.of("pbx").Role != "releasing" {
			t.Errorf("in the final stop: %+v", h)
		}
		close(w.trees.hold)
		w.trees.hold = nil
		w.pass(time.Minute)
		if r, err = w.s.Operation(context.Background(), r.ID); err != nil || w.of("pbx").Role != "standing by" {
			t.Fatalf("%s %s, %v", r.State, r.Error, err)
		}
		if h := w.hold; h.held {
			t.Errorf("it is back: %+v", h)
		}
	})
}

// heldThere is what the agent of pbx remembers.
type heldThere struct {
	held  bool
	epoch uint64
	said  int
	away  bool
}

// heraldOfWorld tells the agent of pbx.
func heraldOfWorld(w *world) func(config.Server) Herald {
	return func(c config.Server) Herald {
		if c.ManagementAddress != pbxManagement {
			return nil
		}
		return func(_ context.Context, held bool, epoch uint64) (bool, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.hold.away || w.dead {
				return false, errors.New("no agent answers")
			}
			w.hold.held, w.hold.epoch = held, epoch
			w.hold.said++
			return held, nil
		}
	}
}
