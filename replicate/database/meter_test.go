package database

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMeterTellsTheEnd: of a phase that is over before the first beat it is told how far it came, and of one in which nothing was to
// be done only that it began.
func TestMeterTellsTheEnd(t *testing.T) {
	var told []Progress
	m := NewMeter(func(p Progress) { told = append(told, p) })
	m.Begin("schema", 0)
	m.Begin("data", 100)
	m.Rows.Add(7)
	m.Advance("calls", 100)
	m.Begin("indexes", 0)
	m.Stop()
	want := []Progress{
		{Phase: "schema"},
		{Phase: "data", Total: 100},
		{Phase: "data", Object: "calls", Done: 100, Total: 100, Rows: 7},
		{Phase: "indexes", Rows: 7},
	}
	var without []Progress // what the beat may have told in between
	for i, p := range told {
		if i == 0 || p != told[i-1] {
			without = append(without, p)
		}
	}
	if diff := cmp.Diff(want, without); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
