package site

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOutages: what was asked and not answered is an outage; that nobody asked is none.
func TestOutages(t *testing.T) {
	begin := time.Unix(1e9, 0)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	answer := func(ms int, by string) Answer { return Answer{Asked: at(ms), At: at(ms + 1), By: by} }
	var all, stalled []time.Time
	for ms := 0; ms <= 1000; ms += 5 {
		all = append(all, at(ms))
		if ms <= 100 || ms >= 400 {
			stalled = append(stalled, at(ms))
		}
	}
	answers := []Answer{answer(0, "pbx"), answer(400, "stand-in"), answer(100, "pbx"), answer(450, "stand-in"), answer(500, "stand-in")}
	want := []Outage{{From: at(100), Until: at(401), Before: "pbx", After: "stand-in"}}
	if diff := cmp.Diff(want, outages(all, answers, 150*time.Millisecond)); diff != "" {
		t.Errorf("outages (-want +got):\n%s", diff)
	}
	if got := outages(stalled, answers, 150*time.Millisecond); len(got) != 0 {
		t.Errorf("nobody asked, and it is an outage: %v", got)
	}
}
