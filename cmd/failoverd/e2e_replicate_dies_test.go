package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"failoverd/plan"
	"failoverd/status"
)

// The primary dies while its database is copied: nothing comes any more, and nobody hangs up. The standby takes over
// with the copy before, which can be written to; that the replication failed is said, and what it had staged goes.
func TestThePrimaryDiesWhileItIsCopied(t *testing.T) {
	for name, engine := range map[string]func(*testing.T, *company) databases{"postgres": newPostgres, "mariadb": newMariaDB} {
		t.Run(name, func(t *testing.T) {
			c, d := newCalls(t, engine)
			n := d.(*network)
			c.start()
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
			const night = "1 anna, 2 bert"
			execute(t, d.at(t, primary, "calls"), append(sounds(), "INSERT INTO calls VALUES (3, 'carl')")...)

			// A part of the rows comes, and then no more: the copy is in its middle when the primary dies.
			n.relay.Stall(4 << 20)
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes", "--no-wait")
			run := c.waitServer("pbx", "copied", func(v status.Server) bool { return v.Replication != "" }).Replication
			client, err := c.API()
			ok(t, err)
			c.eventually("rows to be on their way", func() bool {
				r, err := client.Operation(t.Context(), run)
				return err == nil && r.Progress != nil && r.Progress.Phase == "data" && r.Progress.Rows > 1000
			})
			if standing := d.named(t, secondary, "pbx_calls"); !slices.Equal(standing, []string{"pbx_calls", "pbx_calls__new"}) {
				t.Errorf("while it is copied there is %q", standing)
			}
			ok(t, errors.Join(c.PBX.Die(), n.crash()))

			c.waitState("pbx", "Failure", "standing in")
			contains(t, c.waitMail("takeover.done").Text(), "THE DATA", "calls: as it was at")
			if got := rows(t, d.at(t, secondary, "pbx_calls")); got != night {
				t.Errorf("the stand-in has %q, want %q", got, night)
			}
			execute(t, d.at(t, secondary, "pbx_calls"), "INSERT INTO calls VALUES (4, 'dora')")
			c.waitServer("pbx", "without a replication", func(v status.Server) bool { return v.Replication == "" })
			if r, err := client.Operation(t.Context(), run); err != nil || r.State != plan.Undone || !strings.Contains(r.Error, "the primary failed") {
				t.Errorf("the replication is %s: %s, %v", r.State, r.Error, err)
			}
			c.waitMail("replication.failed")
			if e, found := c.happened("pbx", "replication.failed"); !found || !strings.Contains(e.Message, "the previous copy stays in service") {
				t.Errorf("it is said: %q", e.Message)
			}
			d.quiet(t, secondary)
			if standing := d.named(t, secondary, "pbx_calls"); !slices.Equal(standing, []string{"pbx_calls"}) {
				t.Errorf("after it has failed there is %q", standing)
			}
			const worked = night + ", 4 dora"
			if got := rows(t, d.at(t, secondary, "pbx_calls")); got != worked {
				t.Errorf("the stand-in has %q, want %q", got, worked)
			}

			// The primary comes back, and what is newest stays until it is given up by name.
			c.cli(exitDone, "release", "pbx", "--yes")
			ok(t, d.die())
			ok(t, n.restart(c.waiting()))
			ok(t, errors.Join(d.back(), c.PBX.Return()))
			c.waitState("pbx", "OK", "standing by")
			contains(t, c.cli(exitRefused, "replicate", "from-live", "pbx", "--yes"), status.DiscardDiverged)
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes", "--accept", status.DiscardDiverged)
			// A server that dies may lose what it had just taken.
			if got, want := rows(t, d.at(t, secondary, "pbx_calls")), rows(t, d.at(t, primary, "calls")); got != want {
				t.Errorf("the next copy has %q, want %q", got, want)
			}
			if kept := rows(t, d.at(t, secondary, "pbx_calls__prev")); kept != worked {
				t.Errorf("the copy that is kept has %q, want %q", kept, worked)
			}
		})
	}
}

// sounds are the statements that fill a table with some 16 MiB.
func sounds() []string {
	list := []string{
		"CREATE TABLE recordings (id INTEGER PRIMARY KEY, sound VARCHAR(1000) NOT NULL)",
		fmt.Sprintf("INSERT INTO recordings VALUES (1, '%s')", strings.Repeat("hum ", 250)),
	}
	for n := 1; n < 1<<14; n *= 2 {
		list = append(list, fmt.Sprintf("INSERT INTO recordings SELECT id + %d, sound FROM recordings", n))
	}
	return list
}
