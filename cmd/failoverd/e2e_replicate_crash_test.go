package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"failoverd/status"
)

// The daemon is killed at every journalled edge of a replication from live, what is remembered before each statement
// that cannot be taken back among them, and started again. It finishes it, or takes it back, and says which: the copy
// before is in service, or the new one with the one before kept, and nothing is left of what was begun.
func TestKilledAtEveryEdgeOfAReplication(t *testing.T) {
	for name, engine := range everyEngine() {
		t.Run(name, func(t *testing.T) {
			c, d := newCalls(t, engine)
			c.start()
			next, said := 3, 0
			var had, now string
			// copied has the copy be as the primary is, and the primary go on.
			copied := func() {
				c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
				had = rows(t, d.at(t, secondary, "pbx_calls"))
				if want := rows(t, d.at(t, primary, "calls")); had != want {
					t.Errorf("the copy has %q, want %q", had, want)
				}
				execute(t, d.at(t, primary, "calls"), fmt.Sprintf("INSERT INTO calls VALUES (%d, 'more')", next))
				next++
				now = rows(t, d.at(t, primary, "calls"))
			}
			copied()
			copied()
			ok(t, c.daemon.Stop())

			finished, back := 0, 0
			c.atEveryEdge(6, func() bool {
				before := c.waitState("pbx", "OK", "standing by").Copies[0].Attempt.Operation
				c.cliOrDeath("replicate", "from-live", "pbx", "--yes", "--no-wait")
				return c.killedBefore("the replication", func(v status.Server) bool {
					return v.Replication == "" && v.Copies[0].Attempt.Operation != before
				})
			}, func(e edge) {
				v := c.settled()
				d.quiet(t, secondary)
				got, standing := rows(t, d.at(t, secondary, "pbx_calls")), d.named(t, secondary, "pbx_calls")
				n, what := c.examined(status.FromLive)
				ordered := e != edge{1, "before"} // Otherwise the order was not on disk: it was never given.
				switch got {
				case now:
					if n > said {
						finished++
					}
					if n > said && !strings.Contains(what, "is finished") || !v.Copies[0].Attempt.OK {
						t.Errorf("%v: it is finished, and %q was said; the attempt is %+v", e, what, v.Copies[0].Attempt)
					}
					if kept := rows(t, d.at(t, secondary, "pbx_calls__prev")); kept != had {
						t.Errorf("%v: the copy that is kept has %q, want %q", e, kept, had)
					}
				case had:
					back++
					if n == said && ordered || n > said && !strings.Contains(what, "is taken back") {
						t.Errorf("%v: it is taken back, and %q was said", e, what)
					}
					if v.Copies[0].Attempt.OK == ordered {
						t.Errorf("%v: it is taken back, and the attempt is %+v", e, v.Copies[0].Attempt)
					}
				default:
					t.Errorf("%v: the copy has %q; it had %q, and the primary has %q", e, got, had, now)
				}
				if n > said+1 {
					t.Errorf("%v: what became of it was said %d times", e, n-said)
				}
				said = n
				if rows := int64(strings.Count(got, ",") + 1); v.Copies[0].Rows != rows {
					t.Errorf("%v: the copy has %d rows, and is shown with %d", e, rows, v.Copies[0].Rows)
				}
				if slices.Contains(standing, "pbx_calls__new") || len(standing) > 2 {
					t.Errorf("%v: left at the standby: %q", e, standing)
				}
				copied()
				if standing := d.named(t, secondary, "pbx_calls"); !slices.Equal(standing, []string{"pbx_calls", "pbx_calls__prev"}) {
					t.Errorf("%v: after the next copy there is %q", e, standing)
				}
				// The copy in service and the one before it, and nothing from the runs that were killed.
				if f, is := d.(mountedFiles); is {
					if files := regular(t, f.copies); len(files) != 2 {
						t.Errorf("%v: the directory of the copies has %q", e, files)
					}
				}
			})
			if finished == 0 || back == 0 {
				t.Errorf("finished after a start %d times, taken back %d times", finished, back)
			}
		})
	}
}

// regular are the files of a directory that are no links.
func regular(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	ok(t, err)
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && filepath.Ext(e.Name()) == ".db" {
			files = append(files, e.Name())
		}
	}
	return files
}
