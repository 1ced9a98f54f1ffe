package standby

import (
	"strings"
	"testing"
	"time"
)

// TestNeighboursAreToldThatThePrimaryIsBack gives an address back, and looks who is told that the primary has it.
func TestNeighboursAreToldThatThePrimaryIsBack(t *testing.T) {
	told := func(w *world) int {
		n := 0
		for _, act := range w.done() {
			if strings.HasPrefix(act, "announce ") && strings.HasSuffix(act, " for "+pbxMAC) {
				n++
			}
		}
		return n
	}
	released := func(t *testing.T) *world {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.dies(pbx)
		w.pass(2 * time.Minute)
		w.is("pbx", "Failure", "standing in")
		if _, err := w.s.Release(t.Context(), "pbx", by("repaired")); err != nil {
			t.Fatal(err)
		}
		w.pass(5 * time.Second)
		if n := told(w); n > 0 {
			t.Errorf("told %d times before the primary has answered", n)
		}
		return w
	}
	for name, test := range map[string]struct {
		back      func(w *world)
		least     int
		most      int
		happened  int
		thenFails bool
	}{
		"it answers":                   {back: func(w *world) { w.wire[pbx] = pbxMAC }, least: toldTimes, most: toldTimes, happened: 1},
		"it fails again":               {back: func(w *world) { w.wire[pbx] = pbxMAC }, least: 1, most: toldTimes - 1, happened: 1, thenFails: true},
		"nobody answers for it by ARP": {back: func(*world) {}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := released(t)
				w.set(func() { test.back(w) })
				w.returns(pbx)
				w.pass(2500 * time.Millisecond)
				if test.thenFails {
					w.dies(pbx)
				}
				w.pass(20 * time.Second)
				if n := told(w); n < test.least || n > test.most {
					t.Errorf("told %d times, want %d to %d", n, test.least, test.most)
				}
				if n := w.happened("address.returned"); n != test.happened {
					t.Errorf("%d times in the history, want %d", n, test.happened)
				}
			})
		})
	}
	t.Run("it was away for a moment", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			w := newWorld(t, primary("pbx", pbx)).start()
			w.set(func() { w.wire[pbx] = pbxMAC })
			w.pass(5 * time.Second)
			w.dies(pbx)
			w.pass(10 * time.Second)
			w.returns(pbx)
			w.pass(20 * time.Second)
			if n := told(w); n > 0 {
				t.Errorf("told %d times of an address that the standby never had", n)
			}
		})
	})
}
