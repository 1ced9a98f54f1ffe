package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"failoverd/status"
)

// The daemon is killed on the way to live: while it copies, and when it has written down that the primary's database is
// about to be exchanged. Started again it says what came of it; the primary has the database that it had or the
// standby's, the standby has its own, and to live can be ordered until it is done.
func TestKilledOnTheWayToLive(t *testing.T) {
	const night, worked = "1 anna, 2 bert", "1 anna, 2 bert, 3 dora"
	for _, end := range []struct{ edge, said, primary string }{
		{"2 after", "is taken back", night}, // it copies
		{"3 after", "is finished", worked},  // it is about to exchange
	} {
		t.Run(end.said, func(t *testing.T) {
			c, d := newCalls(t, newFiles)
			c.start()
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
			ok(t, errors.Join(d.die(), c.PBX.Die()))
			c.waitState("pbx", "Failure", "standing in")
			execute(t, d.at(t, secondary, "pbx_calls"), "INSERT INTO calls VALUES (3, 'dora')")
			c.cli(exitDone, "release", "pbx", "--yes")
			ok(t, errors.Join(d.back(), c.PBX.Return()))
			c.waitState("pbx", "OK", "standing by")
			ok(t, c.daemon.Stop())

			c.start(fmt.Sprintf("%s=%s", killAt, end.edge))
			c.waitState("pbx", "OK", "standing by")
			c.cliOrDeath("replicate", "to-live", "pbx", "--yes", "--no-wait")
			c.awaitDeath()
			c.launch()
			v := c.waitServer("pbx", "through with it", func(v status.Server) bool { return v.Replication == "" && v.Activity == "idle" })
			if got := rows(t, d.at(t, primary, "calls")); got != end.primary || v.Diverged != (got == night) {
				t.Errorf("the primary has %q, want %q; diverged %v", got, end.primary, v.Diverged)
			}
			if e, found := c.happened("pbx", status.ToLive+".examined"); !found || !strings.Contains(e.Message, end.said) {
				t.Errorf("said %q, want that it %s", e.Message, end.said)
			}
			if got := rows(t, d.at(t, secondary, "pbx_calls")); got != worked {
				t.Errorf("the standby has %q, want %q", got, worked)
			}
			if left, err := filepath.Glob(filepath.Join(c.Dir, "mnt-pbx", "*__new*")); err != nil || len(left) > 0 {
				t.Errorf("left lying at the primary: %q, %v", left, err)
			}
			c.cli(exitDone, "replicate", "to-live", "pbx", "--yes")
			if got := rows(t, d.at(t, primary, "calls")); got != worked {
				t.Errorf("ordered again, the primary has %q", got)
			}
		})
	}
}
