package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"failoverd/api"
	"failoverd/internal/site"
	"failoverd/plan"
	"failoverd/status"
)

// Copied at night, taken over, worked on, and brought back: nothing is lost, and nothing is there twice. It is the same
// story with every engine.
func TestDatabasesThereAndBack(t *testing.T) {
	for _, engine := range []struct {
		name  string
		new   func(*testing.T, *company) databases
		seals bool // a copy that waits refuses to be written to
	}{
		{"sqlite", newFiles, true},
		{"postgres", newPostgres, true},
		{"mysql", newMariaDB, false},
		{"sqlserver", newSQLServer, true},
	} {
		t.Run(engine.name, func(t *testing.T) {
			c, d := newCalls(t, engine.new)
			c.start()

			contains(t, c.cli(exitDone, "replicate", "from-live", "pbx", "--dry-run"), "If pbx were replicated from live now", "calls")
			if out := rowsThere(t, d, secondary, "pbx_calls"); out != "" {
				t.Errorf("a dry run has copied: %s", out)
			}
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes", "--reason", "first copy")
			execute(t, d.at(t, primary, "calls"), "INSERT INTO calls VALUES (3, 'carl')")
			stop := keepReading(t, d)
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
			if failed := stop(); failed > 0 && engine.name == "sqlite" {
				t.Errorf("%d reads of the copy failed while it was made anew", failed)
			}
			const night = "1 anna, 2 bert, 3 carl"
			if got := rows(t, d.at(t, secondary, "pbx_calls")); got != night {
				t.Errorf("the copy has %q, want %q", got, night)
			}
			if engine.seals {
				waiting := d.at(t, secondary, "pbx_calls")
				if _, err := waiting.ExecContext(t.Context(), "INSERT INTO calls VALUES (9, 'stray')"); err == nil {
					t.Error("a copy that waits can be written to")
				}
				ok(t, waiting.Close())
			}
			if v := c.waitServer("pbx", "copied", copiedOnce); v.Copies[0].Rows != 3 || v.Copies[0].Previous == nil {
				t.Errorf("the copy is shown as %+v", v.Copies[0])
			}

			ok(t, errors.Join(d.die(), c.PBX.Die()))
			c.waitState("pbx", "Failure", "standing in")
			contains(t, c.waitMail("takeover.done").Text(), "THE DATA", "calls: as it was at")
			execute(t, d.at(t, secondary, "pbx_calls"), "INSERT INTO calls VALUES (4, 'dora'), (5, 'emil')", "UPDATE calls SET who = 'berta' WHERE id = 2")
			if out, code := c.CLI(c.waiting(), "replicate", "from-live", "pbx", "--yes"); code != exitConflict && code != exitRefused {
				t.Errorf("from live while it stands in: exit %d:\n%s", code, out)
			}

			c.cli(exitDone, "release", "pbx", "--yes", "--reason", "repaired")
			ok(t, errors.Join(d.back(), c.PBX.Return()))
			c.waitState("pbx", "OK", "standing by")
			const worked = "1 anna, 2 berta, 3 carl, 4 dora, 5 emil"
			contains(t, c.cli(exitRefused, "replicate", "from-live", "pbx", "--yes"), status.DiscardDiverged)
			if got := rows(t, d.at(t, secondary, "pbx_calls")); got != worked {
				t.Errorf("after a refusal the copy has %q, want %q", got, worked)
			}

			c.cli(exitDone, "replicate", "to-live", "pbx", "--yes", "--reason", "repaired")
			if got := rows(t, d.at(t, primary, "calls")); got != worked {
				t.Errorf("the primary has %q, want %q", got, worked)
			}
			if got := rows(t, d.at(t, primary, "calls__prev")); got != night {
				t.Errorf("the primary keeps %q, want %q", got, night)
			}
			if v := c.waitServer("pbx", "together again", func(v status.Server) bool { return !v.Diverged }); v.State != "OK" {
				t.Errorf("afterwards pbx is %s", v.State)
			}

			execute(t, d.at(t, primary, "calls"), "INSERT INTO calls VALUES (6, 'fred')")
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
			if got := rows(t, d.at(t, secondary, "pbx_calls")); got != worked+", 6 fred" {
				t.Errorf("the next copy has %q", got)
			}
			c.assertReplications("replicate-from-live", "replicate-to-live", "replicate-from-live", "replicate-from-live")
		})
	}
}

// What the primary wrote after the last copy is in no copy: to live is refused, says what it is, and when that is
// accepted keeps it.
func TestNewerAtThePrimary(t *testing.T) {
	c, d := newCalls(t, newFiles)
	c.start()
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	execute(t, d.at(t, primary, "calls"), "INSERT INTO calls VALUES (3, 'late')")
	ok(t, errors.Join(d.die(), c.PBX.Die()))
	c.waitState("pbx", "Failure", "standing in")
	execute(t, d.at(t, secondary, "pbx_calls"), "INSERT INTO calls VALUES (4, 'dora')")
	c.cli(exitDone, "release", "pbx", "--yes")
	ok(t, errors.Join(d.back(), c.PBX.Return()))
	c.waitState("pbx", "OK", "standing by")

	contains(t, c.cli(exitRefused, "replicate", "to-live", "pbx", "--dry-run"), "NEWER there: calls, 1 row")
	contains(t, c.cli(exitRefused, "replicate", "to-live", "pbx", "--yes"), "--accept "+status.OverwriteNewer)
	if got := rows(t, d.at(t, primary, "calls")); got != "1 anna, 2 bert, 3 late" {
		t.Errorf("after a refusal the primary has %q", got)
	}
	c.cli(exitDone, "replicate", "to-live", "pbx", "--yes", "--accept", status.OverwriteNewer)
	if got := rows(t, d.at(t, primary, "calls")); got != "1 anna, 2 bert, 4 dora" {
		t.Errorf("the primary has %q", got)
	}
	if got := rows(t, d.at(t, primary, "calls__prev")); got != "1 anna, 2 bert, 3 late" {
		t.Errorf("what was set aside is %q", got)
	}
}

// The copy before is put in service by order, and the mail says so.
func TestRollbackByHand(t *testing.T) {
	c, d := newCalls(t, newFiles)
	c.start()
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	execute(t, d.at(t, primary, "calls"), "DELETE FROM calls")
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	if got := rows(t, d.at(t, secondary, "pbx_calls")); got != "" {
		t.Fatalf("the copy has %q, want nothing", got)
	}
	c.cli(exitDone, "replicate", "rollback", "pbx", "--yes", "--reason", "somebody emptied it")
	if got := rows(t, d.at(t, secondary, "pbx_calls")); got != "1 anna, 2 bert" {
		t.Errorf("after the rollback the copy has %q", got)
	}
	contains(t, c.cli(exitDone, "operations"), "rollback", "somebody emptied it")
}

// A replication that cannot be made leaves the copy as it was, and is mailed; so is the next one that succeeds.
func TestReplicationFails(t *testing.T) {
	c, d := newCalls(t, newFiles)
	c.start()
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	ok(t, d.die())
	out, code := c.CLI(c.waiting(), "replicate", "from-live", "pbx", "--yes")
	if code != exitFailed && code != exitRefused {
		t.Errorf("exit %d without the primary's files:\n%s", code, out)
	}
	if got := rows(t, d.at(t, secondary, "pbx_calls")); got != "1 anna, 2 bert" {
		t.Errorf("after a failure the copy has %q", got)
	}
	ok(t, d.back())

	// What is wrong in the catalog itself shows when its copy is verified.
	execute(t, d.at(t, primary, "calls"), "CREATE TABLE odd (n INTEGER CHECK (n > 0))",
		"PRAGMA ignore_check_constraints = ON; INSERT INTO odd VALUES (-1)", "INSERT INTO calls VALUES (3, 'carl')")
	contains(t, c.cli(exitFailed, "replicate", "from-live", "pbx", "--yes"), "CHECK constraint failed in odd")
	contains(t, c.waitMail("replication.failed").Text(), "was not completed: verify calls")
	if got := rows(t, d.at(t, secondary, "pbx_calls")); got != "1 anna, 2 bert" {
		t.Errorf("after a copy that is not whole there is %q", got)
	}
	execute(t, d.at(t, primary, "calls"), "DELETE FROM odd")
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	c.waitMail("replication.done")
	if got := rows(t, d.at(t, secondary, "pbx_calls")); got != "1 anna, 2 bert, 3 carl" {
		t.Errorf("the next copy has %q", got)
	}
}

// newCalls is a company whose pbx has a catalog with two calls in it.
func newCalls(t *testing.T, engine func(*testing.T, *company) databases) (*company, databases) {
	t.Helper()
	c := newCompany(t, site.Options{StandIn: true})
	d := engine(t, c)
	ok(t, c.Configure(site.Options{
		Binary: c.Binary(), Interval: 100 * time.Millisecond, StandIn: true, PBX: d.config(), PBXTakeover: "max_age: 36h",
	}))
	d.create(t)
	execute(t, d.at(t, primary, "calls"), "CREATE TABLE calls (id INTEGER PRIMARY KEY, who VARCHAR(50) NOT NULL)", "INSERT INTO calls VALUES (1, 'anna'), (2, 'bert')")
	return c, d
}

// copiedOnce reports whether a server's copies are complete.
func copiedOnce(v status.Server) bool {
	return len(v.Copies) == 1 && v.Copies[0].Snapshot != nil && v.Copies[0].Attempt != nil && v.Copies[0].Attempt.OK
}

// rowsThere is what a catalog has, "" if it is not there.
func rowsThere(t *testing.T, d databases, end hostEnd, catalog string) string {
	t.Helper()
	db := d.at(t, end, catalog)
	defer db.Close()
	var n string
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM calls").Scan(&n); err != nil {
		return ""
	}
	return n + " rows"
}

// keepReading reads the copy again and again until it is stopped, and then says how many reads failed.
func keepReading(t *testing.T, d databases) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reads, failed := 0, 0
	db := d.at(t, secondary, "pbx_calls")
	reading.Go(func() {
		for ctx.Err() == nil {
			var n int
			if err := db.QueryRowContext(ctx, "SELECT count(*) FROM calls").Scan(&n); err != nil && ctx.Err() == nil || err == nil && n != 2 && n != 3 {
				failed++
			}
			reads++
		}
	})
	return func() int {
		cancel()
		reading.Wait()
		ok(t, db.Close())
		if reads == 0 {
			t.Error("the copy was never read")
		}
		return failed
	}
}

// assertReplications compares the kinds of a server's replications that have succeeded, the newest first.
func (c *company) assertReplications(want ...string) {
	c.t.Helper()
	client, err := c.API()
	ok(c.t, err)
	list, err := client.Replications(c.waiting(), "pbx", api.Page{})
	ok(c.t, err)
	var got []string
	for _, r := range list.Operations {
		if r.State == plan.Succeeded {
			got = append(got, r.Kind)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		c.t.Errorf("replications %q, want %q", got, want)
	}
}
