package standby

import (
	"slices"
	"testing"
	"time"
)

// How late a decision was counts from the time-out of the ping to the disk, whatever lies between.
func TestHowLateADecisionWas(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second)
		if len(w.decided) > 0 {
			t.Errorf("nothing was missed, and decided after %s", w.decided)
		}
		w.dies(pbx)
		release := w.memory.blocks()
		w.pass(2300 * time.Millisecond) // The first miss is known by then, and waits for the disk.
		if len(w.decided) > 0 {
			t.Errorf("nothing is on disk, and decided after %s", w.decided)
		}
		release()
		w.pass(2 * time.Second)
		want := []time.Duration{300 * time.Millisecond, 0}
		if !slices.Equal(w.decided, want) {
			t.Errorf("decided after %s, want %s", w.decided, want)
		}
	})
}
