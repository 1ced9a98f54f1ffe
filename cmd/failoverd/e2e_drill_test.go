package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"failoverd/internal/site"
	"failoverd/plan"
	"failoverd/status"
)

// works is an application that looks at what it is told, and that it is alone with the address of pbx.
const works = `
fail() { echo "$*"; exit 1; }
[ "$FAILOVERD_ROLE" = drill ] || fail "the role is $FAILOVERD_ROLE"
[ "$FAILOVERD_CATALOGS $FAILOVERD_COPIES" = "calls pbx_calls__drill" ] || fail "the copy is $FAILOVERD_COPIES"
grep -q ` + site.PBXAddress + ` /proc/net/fib_trie || fail "the service address is missing"
up=$(cat /proc/net/if_inet6 2>/dev/null | grep -c -v -e ' lo$')
[ "$up" = 0 ] || fail "there is a way out: $(cat /proc/net/if_inet6)"
[ -z "$(tail -n +2 /proc/net/route)" ] || fail "there is a route: $(cat /proc/net/route)"
port=$(echo "$FAILOVERD_DSNS" | sed -n 's/.*127\.0\.0\.1:\([0-9]*\).*/\1/p')
[ -z "$port" ] || bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || fail "the standby's database server is not reached"
echo it works`

// newDrills is a company whose pbx has a copy, and an application that is asked in a drill by this script.
func newDrills(t *testing.T, engine func(*testing.T, *company) databases, script string, more ...string) (*company, databases) {
	t.Helper()
	c := newCompany(t, site.Options{StandIn: true})
	d := engine(t, c)
	c.asks(script)
	ok(t, c.Configure(site.Options{
		Binary: c.Binary(), Interval: 100 * time.Millisecond, StandIn: true, PBXTakeover: "max_age: 36h",
		PBX: d.config() + fmt.Sprintf("drill: {check: [/bin/sh, %q], timeout: 10m%s}\n", filepath.Join(c.Dir, "check"), strings.Join(more, "")),
	}))
	d.create(t)
	execute(t, d.at(t, primary, "calls"), "CREATE TABLE calls (id INTEGER PRIMARY KEY, who VARCHAR(50) NOT NULL)", "INSERT INTO calls VALUES (1, 'anna'), (2, 'bert')")
	return c, d
}

// asks has an application be asked in a drill by this script.
func (c *company) asks(script string) {
	c.t.Helper()
	ok(c.t, os.WriteFile(filepath.Join(c.Dir, "check"), []byte(script), 0o600))
}

// undrilled wants nothing of a drill to be left, and the copy in service to be as it was.
func (c *company) undrilled(d databases, want string) {
	c.t.Helper()
	if left := d.named(c.t, secondary, "pbx_calls__drill"); len(left) > 0 {
		c.t.Errorf("left: %q", left)
	}
	if files, err := filepath.Glob(filepath.Join(c.Dir, "copies", "*__drill*")); err != nil || len(files) > 0 {
		c.t.Errorf("left lying: %q, %v", files, err)
	}
	if got := rows(c.t, d.at(c.t, secondary, "pbx_calls")); got != want {
		c.t.Errorf("the copy has %q, want %q", got, want)
	}
}

const twoCalls = "1 anna, 2 bert"

// A drill proves that a takeover would work, with every engine: its steps are shown with their times, the application
// works on a copy of the copy, and afterwards everything is as it was.
func TestDrill(t *testing.T) {
	for _, engine := range []struct {
		name  string
		new   func(*testing.T, *company) databases
		seals bool
	}{
		{"sqlite", newFiles, true},
		{"postgres", newPostgres, true},
		{"mysql", newMariaDB, false},
		{"sqlserver", newSQLServer, true},
	} {
		t.Run(engine.name, func(t *testing.T) {
			c, d := newDrills(t, engine.new, works)
			c.start()
			contains(t, c.cli(exitRefused, "drill", "pbx", "--dry-run"), "If pbx were rehearsed now", "no copy was ever completed", "NOT REHEARSED: the start of the stand-in")
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
			contains(t, c.cli(exitDone, "drill", "pbx", "--dry-run"), "copy pbx_calls beside itself, as pbx_calls__drill", "Result: it would run.")
			c.undrilled(d, twoCalls)

			contains(t, c.cli(exitDone, "drill", "pbx", "--reason", "before the summer"),
				"copy calls", "2 rows in 1 tables", "pbx_calls__drill can be written to", "exit status 0: it works", "nothing is left", "A takeover of pbx would work")
			c.undrilled(d, twoCalls)
			if engine.seals {
				waiting := d.at(t, secondary, "pbx_calls")
				if _, err := waiting.ExecContext(t.Context(), "INSERT INTO calls VALUES (9, 'stray')"); err == nil {
					t.Error("the copy that waits can be written to")
				}
				ok(t, waiting.Close())
			}
			v := c.waitServer("pbx", "rehearsed", func(v status.Server) bool { return v.Drills != nil && v.Drills.Proved != nil })
			if v.Drills.Last.Error != "" || v.Role != "standing by" {
				t.Errorf("afterwards: %+v, %s", v.Drills.Last, v.Role)
			}
			contains(t, c.cli(exitDone, "show", "pbx"), "passed at", "Not rehearsed  the start of the stand-in")
			lines := strings.Split(strings.TrimSpace(c.cli(exitDone, "drill", "pbx", "--json")), "\n")
			var last plan.Record
			ok(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
			if last.State != plan.Succeeded || last.Step("check").Duration() <= 0 {
				t.Errorf("the last line: %+v", last)
			}
			c.undrilled(d, twoCalls)
		})
	}
}

// A drill in which the application does not work is mailed, shown and remembered; so is the next one that passes.
func TestDrillFails(t *testing.T) {
	c, d := newDrills(t, newFiles, "echo no licence; exit 3")
	c.start()
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	contains(t, c.cli(exitFailed, "drill", "pbx"), "ended as failed", "no licence", "exit status 3")
	contains(t, c.waitMail("drill.failed").Text(), "was rehearsed on standby-1", "no licence", "failoverd drill pbx", "WHAT FAILOVERD DID", "copy calls: 2 rows in 1 tables", "clear: nothing is left")
	c.undrilled(d, twoCalls)
	v := c.waitServer("pbx", "degraded", func(v status.Server) bool { return v.Readiness.Verdict == "degraded" })
	if v.Drills.Last.OK || v.Drills.Proved != nil {
		t.Errorf("remembered: %+v", v.Drills)
	}
	contains(t, c.cli(exitAttention, "status"), "the last drill failed")
	c.asks(works)
	c.cli(exitDone, "drill", "pbx")
	c.waitMail("drill.passed")
	c.waitServer("pbx", "ready", func(v status.Server) bool { return v.Readiness.Verdict == "ready" })
}

// sleeps is an application that says that it was asked, and does not come to an end. It leaves a process of its own.
func sleeps(c *company, seconds string) (script, asked string) {
	asked = filepath.Join(c.Dir, "asked")
	return fmt.Sprintf("setsid sleep %s & : >%s; sleep %s", seconds, asked, seconds), asked
}

// asleep counts the processes that sleep for so long.
func asleep(t *testing.T, seconds string) int {
	t.Helper()
	lists, err := filepath.Glob("/proc/[0-9]*/cmdline")
	ok(t, err)
	n := 0
	for _, file := range lists {
		if b, err := os.ReadFile(file); err == nil && strings.HasPrefix(string(b), "sleep\x00"+seconds+"\x00") {
			n++
		}
	}
	return n
}

func there(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// A primary that dies while its takeover is rehearsed is taken over at once, and nothing of the drill is left.
func TestThePrimaryDiesDuringADrill(t *testing.T) {
	const seconds = "7203.11"
	c, d := newDrills(t, newFiles, "")
	script, asked := sleeps(c, seconds)
	c.asks(script)
	c.start()
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	c.cli(exitDone, "drill", "pbx", "--no-wait")
	c.eventually("the application to be asked", func() bool { return there(asked) && asleep(t, seconds) == 2 })
	c.assertHeld(site.PBXAddress, false)

	ok(t, errors.Join(d.die(), c.PBX.Die()))
	c.waitState("pbx", "Failure", "standing in")
	c.assertHeld(site.PBXAddress, true)
	execute(t, d.at(t, secondary, "pbx_calls"), "INSERT INTO calls VALUES (3, 'carl')")
	c.waitServer("pbx", "no drill", func(v status.Server) bool { return v.Drills.Operation == "" })
	c.eventually("everything in the room to end", func() bool { return asleep(t, seconds) == 0 })
	c.undrilled(d, twoCalls+", 3 carl")
	if e, ok := c.happened("pbx", "drill.gave_way"); !ok || !strings.Contains(e.Reason, "failed") && !strings.Contains(e.Reason, "taking over") {
		t.Errorf("gave way: %+v", e)
	}
	if c.mails("drill.failed") > 0 {
		t.Error("that it gave way was mailed as a failure")
	}
}

// drillEdges is how many durable records a drill of one catalog has.
const drillEdges = 4

// The daemon is killed at every journalled edge of a drill, before and after the edge is on disk, and started again:
// nothing of the drill is left, and the next one proves.
func TestKilledAtEveryEdgeOfADrill(t *testing.T) {
	for _, side := range []string{"before", "after"} {
		for edge := 1; edge <= drillEdges; edge++ {
			t.Run(fmt.Sprintf("%s edge %d", side, edge), func(t *testing.T) {
				c, d := drilledUntilKilled(t, fmt.Sprintf("%s=%d %s drill", killAt, edge, side))
				c.awaitDeath()
				c.launch()
				c.waitServer("pbx", "no drill", func(v status.Server) bool { return v.Drills.Operation == "" })
				c.undrilled(d, twoCalls)
				c.cli(exitDone, "drill", "pbx")
				c.undrilled(d, twoCalls)
				if files := regular(t, filepath.Join(c.Dir, "copies")); len(files) != 1 {
					t.Errorf("the directory of the copies has %q", files)
				}
			})
		}
	}
	t.Run("no edge was forgotten", func(t *testing.T) {
		c, _ := drilledUntilKilled(t, fmt.Sprintf("%s=%d after drill", killAt, drillEdges+1))
		c.waitServer("pbx", "rehearsed", func(v status.Server) bool { return v.Drills.Proved != nil })
		select {
		case <-c.daemon.Exited():
			t.Fatal("a drill has an edge more than drillEdges")
		default:
		}
		c.cliOrDeath("drill", "pbx", "--no-wait")
		c.awaitDeath()
	})
	t.Run("while the application is asked", func(t *testing.T) {
		const seconds = "7203.13"
		c, d := newDrills(t, newFiles, "")
		script, asked := sleeps(c, seconds)
		c.asks(script)
		c.start()
		c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
		c.cli(exitDone, "drill", "pbx", "--no-wait")
		c.eventually("the application to be asked", func() bool { return there(asked) && asleep(t, seconds) == 2 })
		ok(t, c.daemon.Kill())
		c.awaitDeath()
		c.eventually("everything in the room to end", func() bool { return asleep(t, seconds) == 0 })
		c.launch()
		c.waitServer("pbx", "no drill", func(v status.Server) bool { return v.Drills.Operation == "" })
		c.undrilled(d, twoCalls)
		if _, ok := c.happened("pbx", "drill.examined"); !ok {
			t.Error("nothing was said about the drill that was interrupted")
		}
	})
}

// drilledUntilKilled is a company whose pbx has a copy, and a drill under way with a daemon that kills itself as it is
// told.
func drilledUntilKilled(t *testing.T, env string) (*company, databases) {
	t.Helper()
	c, d := newDrills(t, newFiles, works)
	c.start()
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	ok(t, c.daemon.Stop())
	c.start(env)
	c.cliOrDeath("drill", "pbx", "--no-wait")
	return c, d
}
