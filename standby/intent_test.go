package standby

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"failoverd/journal"
)

// atTheTakeover is asked when the disk is about to take the beginning of a takeover, once.
func (w *world) atTheTakeover(f func() error) {
	told := false
	w.memory.asks(func(b journal.Batch) error {
		for _, op := range b.Operations {
			if op.Kind == "takeover" && op.Open && !told {
				told = true
				<-time.After(time.Millisecond) // Whoever need not wait for the disk goes on meanwhile.
				return f()
			}
		}
		return nil
	})
}

func (w *world) kinds() []string {
	w.t.Helper()
	events, err := w.memory.Events(context.Background(), journal.EventQuery{Limit: 200})
	if err != nil {
		w.t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestTheAddressDoesNotWaitForTheDisk(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		held, started := false, false
		w.atTheTakeover(func() error {
			held, started = w.holds(pbx), w.runs("pbx")
			return nil
		})
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(40 * time.Second)
		if !held {
			t.Error("the address waited for the disk")
		}
		if started {
			t.Error("the stand-in did not wait for the disk")
		}
		if !w.ends() {
			t.Error("the takeover did not come to its end")
		}
		if values, err := w.memory.Values(context.Background()); err != nil || values[valueIntent] != "" {
			t.Errorf("the intent is still there: %q, %v", values[valueIntent], err)
		}
	})
}

func TestATakeoverThatTheDiskDoesNotTakeIsTakenBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.atTheTakeover(func() error { return errors.New("no space left on device") })
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(31 * time.Second) // The fifteenth miss.
		if w.of("pbx").Role != "standing by" || w.holds(pbx) || w.runs("pbx") {
			t.Fatalf("%s, holds %t, runs %t", w.of("pbx").Role, w.holds(pbx), w.runs("pbx"))
		}
		w.pass(10 * time.Second)
		if !w.ends() {
			t.Error("it was not tried again")
		}
	})
}

func TestACrashBetweenTheAddressAndTheDisk(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.atTheTakeover(func() error {
			w.set(func() { w.dead = true })
			return errors.New("the daemon is dead")
		})
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(31 * time.Second)
		if !w.crashed() || !w.holds(pbx) {
			t.Fatalf("crashed %t, holds %t: the story tells nothing", w.crashed(), w.holds(pbx))
		}
		w.crash()
		w.start()
		if w.holds(pbx) {
			t.Error("the address was left")
		}
		if kinds := w.kinds(); !slices.Contains(kinds, "address.stray") || !slices.Contains(kinds, "takeover.closed") {
			t.Errorf("nobody is told: %v", kinds)
		}
		w.pass(90 * time.Second)
		if !w.ends() {
			t.Error("the takeover was forgotten")
		}
	})
}

func TestAnIntentThatComesToNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second)
		w.dies(pbx)
		for w.of("pbx").Misses < 14 {
			w.pass(100 * time.Millisecond)
		}
		w.returns(pbx)
		w.pass(20 * time.Second)
		if w.ends() {
			t.Fatal("taken over, though it answered")
		}
		if values, err := w.memory.Values(context.Background()); err != nil || values[valueIntent] != "" {
			t.Errorf("the intent is still there: %q, %v", values[valueIntent], err)
		}
		w.crash()
		w.start()
		if kinds := w.kinds(); slices.Contains(kinds, "takeover.closed") {
			t.Errorf("a takeover is spoken of that was not about to begin: %v", kinds)
		}
	})
}
