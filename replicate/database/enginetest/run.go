package enginetest

import (
	"testing"
	"time"
)

// patience is how long a call may take, unless the Fixture says otherwise.
const patience = time.Minute

// Run runs the suite. Each subtest bears the name of what it proves.
func Run(t *testing.T, f Fixture) {
	if f.Patience == 0 {
		f.Patience = patience
	}
	for _, part := range []struct {
		name   string
		proves func(*testing.T, Fixture)
	}{
		{"Probe", probe},
		{"Copy", copies},
		{"Fix", fix},
		{"Verify", verify},
		{"Swap", swap},
		{"Rollback", rollback},
		{"Interrupted", interrupted},
		{"Discard", discard},
		{"Release", release},
		{"Sessions", sessions},
		{"Changes", changes},
		{"Neighbours", neighbours},
		{"ToLive", toLive},
		{"Beside", beside},
		{"Trouble", trouble},
	} {
		t.Run(part.name, func(t *testing.T) { part.proves(t, f) })
	}
}

// where runs what not every server can be made to do: the Fixture says whether this one can.
func where(t *testing.T, can bool, name string, proves func(*testing.T)) {
	t.Helper()
	if can {
		t.Run(name, proves)
	}
}
