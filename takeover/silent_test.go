package takeover

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWhoIsNotAskedIsNotSilent lets an address answer and then has it asked too
// seldom: that nothing was heard of it for long enough says nothing.
func TestWhoIsNotAskedIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const spacing, quiet = time.Second, 1500 * time.Millisecond
		w := newWire(t)
		w.q.Begin(service, spacing)
		time.Sleep(4*spacing + spacing/2)
		if f, ok := w.q.Silent(service, spacing, quiet); !ok || f.Unanswered != 5 {
			t.Fatalf("after 5 questions without an answer: silent %t, %+v", ok, f)
		}
		w.q.Heard(service, mac, time.Now())
		time.Sleep(2 * spacing)
		if f, ok := w.q.Silent(service, spacing, quiet); ok || f.Unanswered != 2 {
			t.Errorf("2 questions after an answer: silent %t, %+v", ok, f)
		}
		time.Sleep(spacing)
		if f, ok := w.q.Silent(service, spacing, quiet); !ok || f.Asked != 8 {
			t.Errorf("3 questions after an answer: silent %t, %+v", ok, f)
		}
	})
}
