package monitor

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAnySequenceKeepsThePromises gives one server any event at any time, also
// such as the standby would never send, and shrinks what breaks a promise.
func TestAnySequenceKeepsThePromises(t *testing.T) {
	events, all := eventsOf(), policies()
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "policy")
		f := Facts{Counters: Counters{Paths: make([]PathCount, rapid.IntRange(1, 3).Draw(t, "paths"))}}
		f.Neighbour.OnLink = rapid.Bool().Draw(t, "on the segment")
		now := noon
		for range rapid.IntRange(1, 120).Draw(t, "events") {
			e := rapid.SampledFrom(events).Draw(t, "event")
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			e.At = now
			for range rapid.SampledFrom([]int{1, 1, 1, 5, 20}).Draw(t, "times") {
				after, effects := Step(f, e, p)
				if what := broken(f, e, p, after, effects); what != "" {
					t.Fatalf("%s\n%s\neffects %+v", what, name(f, e), effects)
				}
				f = after
			}
		}
	})
}

// TestStepIsPure gives the machine the same twice and looks for memory that is
// shared with what it was given.
func TestStepIsPure(t *testing.T) {
	everyCase(func(f Facts, e Event, p Policy) {
		if f.Activity != Idle {
			return // it only makes the cases more
		}
		one, effects := Step(f, e, p)
		two, again := Step(f, e, p)
		if one.Kept != two.Kept || one.Misses != two.Misses || one.Neighbour != two.Neighbour || !slices.Equal(effects, again) {
			t.Fatalf("not the same twice: %s", name(f, e))
		}
		for i := range one.Paths {
			one.Paths[i].Misses = 99
		}
		for i := range one.Probes {
			one.Probes[i].Misses = 99
		}
		if slices.ContainsFunc(f.Paths, func(c PathCount) bool { return c.Misses == 99 }) ||
			slices.ContainsFunc(f.Probes, func(c ProbeCount) bool { return c.Misses == 99 }) {
			t.Fatalf("the new facts share memory with the old ones: %s", name(f, e))
		}
	})
}
