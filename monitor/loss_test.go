package monitor

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Three pings in ten are lost at random, for an hour, of a primary that nothing but pings can be asked of: it is not taken
// over, whatever the order of the losses. When it then dies it is, after as many misses as without them.
func TestAnHourOfLoss(t *testing.T) {
	suspected := 0
	for seed := range uint64(200) {
		w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 2)), now: noon, linkUp: true, gateway: true, heard: noon, capacity: 1}
		h := &host{policy: defaults("a"), alive: true}
		h.facts.Paths = make([]PathCount, 1)
		w.hosts = []*host{h}
		ping := func(lost bool) {
			w.pass(h.policy.Interval)
			if lost {
				w.step(h, Event{Kind: Missed, Sent: w.now.Add(-h.policy.Timeout)})
			} else {
				w.step(h, Event{Kind: Answered, RTT: time.Millisecond})
			}
			if h.stale != nil { // A decision that comes late comes all the same.
				w.step(h, Event{Kind: Decided, Decision: h.stale})
				h.stale = nil
			}
		}
		ping(false)
		for end := w.now.Add(time.Hour); w.now.Before(end); {
			ping(w.chance(300))
			if h.facts.Role != StandingBy || h.facts.Health == Failure {
				t.Fatalf("seed %d: %s and %s after %d misses in a row, and it lives", seed, h.facts.Health, h.facts.Role, h.facts.Misses)
			}
			if h.facts.Misses == h.policy.WarnAfter {
				suspected++
			}
		}
		ping(false)
		h.alive = false
		misses := 0
		for ; h.facts.Role == StandingBy && misses < 2*h.policy.FailAfter; misses++ {
			ping(true)
		}
		if misses != h.policy.FailAfter || w.takes != 1 {
			t.Errorf("seed %d: dead, and taken over %d times after %d misses, want once after %d", seed, w.takes, misses, h.policy.FailAfter)
		}
	}
	// Five in a row are lost three times an hour.
	if suspected < 200 {
		t.Errorf("the threshold of warnings was reached %d times in 200 hours, want more: the losses are none", suspected)
	}
	t.Logf("the threshold of warnings was reached %d times in 200 hours", suspected)
}
