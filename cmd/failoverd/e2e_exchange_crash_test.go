package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"failoverd/status"
)

// everyEngine are the engines beside whose servers, or files, the daemon is killed.
func everyEngine() map[string]func(*testing.T, *company) databases {
	return map[string]func(*testing.T, *company) databases{
		"sqlite": newFiles, "postgres": newPostgres, "mariadb": newMariaDB, "sqlserver": newSQLServer,
	}
}

// edge is one record of an operation, before or after it is on disk.
type edge struct {
	n    int
	side string
}

func (e edge) env() string { return fmt.Sprintf("%s=%d %s", killAt, e.n, e.side) }

// atEveryEdge has something ordered again and again, each time of a daemon that kills itself one edge further on, until
// an order comes to its end without that. What is left is looked at after each. The fewest edges that there are is least.
func (c *company) atEveryEdge(least int, order func() (killed bool), look func(e edge)) {
	c.t.Helper()
	for n := 1; ; n++ {
		for _, side := range []string{"before", "after"} {
			e := edge{n, side}
			c.start(e.env())
			if !order() {
				if n <= least {
					c.t.Errorf("not killed %s edge %d", side, n)
				}
				ok(c.t, c.daemon.Kill())
				return
			}
			c.launch()
			look(e)
			ok(c.t, c.daemon.Stop())
		}
	}
}

// killedBefore waits until the daemon has died, or else pbx is as an order leaves it.
func (c *company) killedBefore(what string, done func(status.Server) bool) bool {
	c.t.Helper()
	client, err := c.API()
	ok(c.t, err)
	dead := false
	c.eventually(what+", or the daemon's death", func() bool {
		select {
		case <-c.daemon.Exited():
			dead = true
			return true
		default:
		}
		v, err := client.Server(c.t.Context(), "pbx")
		return err == nil && done(v)
	})
	return dead
}

// examined counts what starts have said about an interrupted operation of a kind, and gives the newest.
func (c *company) examined(kind string) (n int, said string) {
	c.t.Helper()
	for _, e := range c.events("pbx") {
		if e.Kind == kind+".examined" {
			n, said = n+1, e.Message
		}
	}
	return n, said
}

// settled waits until nothing is done for pbx any more.
func (c *company) settled() status.Server {
	c.t.Helper()
	return c.waitServer("pbx", "through with it", func(v status.Server) bool { return v.Replication == "" && v.Activity == "idle" })
}

// The daemon is killed at every journalled edge of a rollback by order, the notes before what cannot be taken back among
// them. The next start finishes it and says so: the copy before is in service, and nothing is left of the other one.
func TestKilledAtEveryEdgeOfARollback(t *testing.T) {
	for name, engine := range everyEngine() {
		t.Run(name, func(t *testing.T) {
			c, d := newCalls(t, engine)
			c.start()
			next, said := 3, 0
			var older, newer string
			copied := func() {
				older = rows(t, d.at(t, secondary, "pbx_calls"))
				execute(t, d.at(t, primary, "calls"), fmt.Sprintf("INSERT INTO calls VALUES (%d, 'more')", next))
				next++
				c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
				newer = rows(t, d.at(t, secondary, "pbx_calls"))
			}
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
			copied()
			ok(t, c.daemon.Stop())

			c.atEveryEdge(3, func() bool {
				c.cliOrDeath("replicate", "rollback", "pbx", "--yes", "--no-wait")
				return c.killedBefore("the rollback", func(v status.Server) bool { return v.Replication == "" && v.Copies[0].Previous == nil })
			}, func(e edge) {
				v := c.settled()
				d.quiet(t, secondary)
				got, standing := rows(t, d.at(t, secondary, "pbx_calls")), d.named(t, secondary, "pbx_calls")
				n, what := c.examined(status.RollBack)
				switch {
				case e == edge{1, "before"}: // The order was not on disk: it was never given.
					if got != newer || !slices.Equal(standing, []string{"pbx_calls", "pbx_calls__prev"}) || n != said || v.Copies[0].Previous == nil {
						t.Errorf("%v: without an order there is %q, %q, said %d times %q", e, standing, got, n, what)
					}
				default:
					if got != older || !slices.Equal(standing, []string{"pbx_calls"}) || v.Copies[0].Previous != nil {
						t.Errorf("%v: there is %q, %q, previous %v; want %q alone", e, standing, got, v.Copies[0].Previous, older)
					}
					if n > said+1 || n == said+1 && !strings.Contains(what, "is finished") {
						t.Errorf("%v: said %d times more, last %q", e, n-said, what)
					}
					if _, told := c.happened("pbx", "rollback.done"); !told {
						t.Errorf("%v: that it is done is not said", e)
					}
				}
				said = n
				copied()
				if want := rows(t, d.at(t, primary, "calls")); newer != want {
					t.Errorf("%v: the next copy has %q, want %q", e, newer, want)
				}
			})
			if said == 0 {
				t.Error("no start has said what became of it")
			}
		})
	}
}

// The daemon is killed at every journalled edge of a replication to live. The next start finishes it, or takes it back,
// and says which: the primary has the standby's data or what it had, with nothing staged; the standby has its own; and
// to live can be ordered until it is done.
func TestKilledAtEveryEdgeToLive(t *testing.T) {
	for name, engine := range everyEngine() {
		t.Run(name, func(t *testing.T) {
			c, d := newCalls(t, engine)
			c.start()
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
			night := rows(t, d.at(t, secondary, "pbx_calls"))
			next, said := 3, 0
			var had string
			// late has the primary write something that the standby has not, so that it is seen whose data it has.
			late := func() {
				execute(t, d.at(t, primary, "calls"), fmt.Sprintf("INSERT INTO calls VALUES (%d, 'late')", next))
				next++
				had = rows(t, d.at(t, primary, "calls"))
			}
			late()
			ok(t, c.daemon.Stop())

			finished, back := 0, 0
			c.atEveryEdge(5, func() bool {
				v := c.waitState("pbx", "OK", "standing by")
				before := v.Copies[0].Attempt.Operation
				c.cliOrDeath("replicate", "to-live", "pbx", "--accept", status.OverwriteNewer, "--yes", "--no-wait")
				return c.killedBefore("the way to live", func(v status.Server) bool {
					return v.Replication == "" && v.Copies[0].Attempt.Operation != before
				})
			}, func(e edge) {
				c.settled()
				d.quiet(t, primary)
				got := rows(t, d.at(t, primary, "calls"))
				if standing := d.named(t, primary, "calls"); slices.Contains(standing, "calls__new") {
					t.Errorf("%v: left at the primary: %q", e, standing)
				}
				if own := rows(t, d.at(t, secondary, "pbx_calls")); own != night {
					t.Errorf("%v: the standby has %q, want %q", e, own, night)
				}
				n, what := c.examined(status.ToLive)
				switch got {
				case night:
					finished++
					if n > said && !strings.Contains(what, "is finished") {
						t.Errorf("%v: it is finished, and %q was said", e, what)
					}
					if kept := rows(t, d.at(t, primary, "calls__prev")); kept != had {
						t.Errorf("%v: the primary has kept %q, want %q", e, kept, had)
					}
					late()
				case had:
					back++
					if n == said && e != (edge{1, "before"}) || n > said && !strings.Contains(what, "is taken back") {
						t.Errorf("%v: it is taken back, and %q was said", e, what)
					}
				default:
					t.Errorf("%v: the primary has %q; it had %q, and the standby has %q", e, got, had, night)
				}
				if n > said+1 {
					t.Errorf("%v: what became of it was said %d times", e, n-said)
				}
				said = n
			})
			if finished == 0 || back == 0 {
				t.Errorf("finished %d times, taken back %d times", finished, back)
			}
			if got := rows(t, d.at(t, primary, "calls")); got != night {
				t.Errorf("in the end the primary has %q, want %q", got, night)
			}
		})
	}
}
