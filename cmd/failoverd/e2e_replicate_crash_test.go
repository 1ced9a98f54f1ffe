package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"failoverd/status"
)

// copyEdges is how many durable records a replication of one catalog has, what is remembered before each statement that
// cannot be taken back among them.
const copyEdges = 6

// The daemon is killed at every journalled edge of a replication, before and after the edge is on disk, and started
// again: the copy is the one before or the new one, and nothing of what was begun is left.
func TestKilledAtEveryEdgeOfAReplication(t *testing.T) {
	for _, side := range []string{"before", "after"} {
		for edge := 1; edge <= copyEdges; edge++ {
			t.Run(fmt.Sprintf("%s edge %d", side, edge), func(t *testing.T) {
				c, d := copiedTwiceUntilKilled(t, fmt.Sprintf("%s=%d %s", killAt, edge, side))
				c.awaitDeath()
				c.launch()
				c.waitServer("pbx", "through with it", func(v status.Server) bool { return v.Replication == "" && v.Activity == "idle" })
				const old, new = "1 anna, 2 bert", "1 anna, 2 bert, 3 carl"
				if got := rows(t, d.at(t, secondary, "pbx_calls")); got != old && got != new {
					t.Errorf("the copy has %q", got)
				}
				if left, err := filepath.Glob(filepath.Join(c.Dir, "copies", "*__new*")); err != nil || len(left) > 0 {
					t.Errorf("left lying: %q, %v", left, err)
				}
				c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
				if got := rows(t, d.at(t, secondary, "pbx_calls")); got != new {
					t.Errorf("the next copy has %q", got)
				}
				// The copy in service and the one before it, and nothing from the runs that were killed.
				if files := regular(t, filepath.Join(c.Dir, "copies")); len(files) != 2 {
					t.Errorf("the directory of the copies has %q", files)
				}
			})
		}
	}
	t.Run("no edge was forgotten", func(t *testing.T) {
		c, _ := copiedTwiceUntilKilled(t, fmt.Sprintf("%s=%d after", killAt, copyEdges+1))
		c.waitServer("pbx", "copied", func(v status.Server) bool { return copiedOnce(v) && v.Copies[0].Rows == 3 })
		select {
		case <-c.daemon.Exited():
			t.Fatal("a replication has an edge more than copyEdges")
		default:
		}
		// The next edge is the next replication's first: it kills.
		c.cliOrDeath("replicate", "from-live", "pbx", "--yes", "--no-wait")
		c.awaitDeath()
	})
}

// copiedTwiceUntilKilled is a company whose pbx has a copy, and a second replication under way with a daemon that kills
// itself as it is told.
func copiedTwiceUntilKilled(t *testing.T, env string) (*company, databases) {
	t.Helper()
	c, d := newCalls(t, newFiles)
	c.start()
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	ok(t, c.daemon.Stop())
	execute(t, d.at(t, primary, "calls"), "INSERT INTO calls VALUES (3, 'carl')")
	c.start(env)
	c.cliOrDeath("replicate", "from-live", "pbx", "--yes", "--no-wait")
	return c, d
}

// regular are the files of a directory that are no links.
func regular(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	ok(t, err)
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".db") {
			files = append(files, e.Name())
		}
	}
	return files
}
