package main

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"failoverd/internal/site"
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

// vault is a database of pbx that only its agent gets at.
type vault struct {
	grant     string // in the agent's configuration
	catalog   func(hostEnd) *sql.DB
	renew     func()          // gives a copy much to bring
	staged    func() []string // at the standby, of a copy that is made
	made      func() []string // by the primary or its agent, for a copy to travel
	die, back func() error
}

// vaults are the engines whose copies travel by the agent, which is reached at an address.
func vaults() map[string]func(c *company, agent string) vault {
	nothing := func() error { return nil }
	return map[string]func(*company, string) vault{
		"sqlite": func(c *company, agent string) vault {
			f := newFarFiles(c, agent)
			return vault{
				grant: f.grant(), die: nothing, back: nothing,
				catalog: func(end hostEnd) *sql.DB {
					if end == primary {
						return f.at(f.file)
					}
					return f.there()
				},
				renew:  func() { execute(c.t, f.at(f.file), "UPDATE recordings SET sound = randomblob(100000)") },
				staged: func() []string { return matching(c.t, f.copies, "pbx_calls__new*") },
				made:   func() []string { return matching(c.t, c.Dir, "agent", "databases", "telephony", "*") },
			}
		},
		"sqlserver": func(c *company, agent string) vault {
			s := newStrongroom(c, agent)
			return vault{
				grant: s.grant(), die: s.die, back: s.back,
				catalog: func(end hostEnd) *sql.DB {
					return s.at(c.t, end, map[hostEnd]string{primary: "calls", secondary: "pbx_calls"}[end])
				},
				renew:  func() { s.record(2) },
				staged: func() []string { return s.named(c.t, secondary, "pbx_calls__new") },
				made:   s.there,
			}
		},
	}
}

// matching are the files of a pattern.
func matching(t *testing.T, pattern ...string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(pattern...))
	ok(t, err)
	return list
}

// The same where the copy travels by the primary's agent, and dies with it.
func TestThePrimaryDiesWithItsAgentWhileItIsCopied(t *testing.T) {
	for name, open := range vaults() {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t, site.Options{StandIn: true})
			v := newValve(c)
			d := open(c, v.address)
			o := newOutpost(c, d.grant)
			c.start()
			o.run()
			if out, err := o.pairAt(site.StandbyAddress, o.invite()); err != nil {
				t.Fatalf("pair: %v, %s", err, out)
			}
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
			first := c.waitServer("pbx", "copied", copiedOnce).Copies[0].Bytes
			const night = "1 anna, 2 bert"
			d.renew()
			execute(t, d.catalog(primary), "INSERT INTO calls VALUES (3, 'carl')")

			held := v.shut(first / 2)
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes", "--no-wait")
			run := c.waitServer("pbx", "copied", func(v status.Server) bool { return v.Replication != "" }).Replication
			select {
			case <-held:
			case <-c.waiting().Done():
				t.Fatal("nothing travels")
			}
			o.end(syscall.SIGKILL)
			ok(t, errors.Join(c.PBX.Die(), d.die()))

			c.waitState("pbx", "Failure", "standing in")
			contains(t, c.waitMail("takeover.done").Text(), "THE DATA", "calls: as it was at")
			if got := rows(t, d.catalog(secondary)); got != night {
				t.Errorf("the stand-in has %q, want %q", got, night)
			}
			execute(t, d.catalog(secondary), "INSERT INTO calls VALUES (4, 'dora')")
			c.waitServer("pbx", "without a replication", func(v status.Server) bool { return v.Replication == "" })
			client, err := c.API()
			ok(t, err)
			// What lies at the primary cannot be cleared away now.
			if r, err := client.Operation(t.Context(), run); err != nil || r.State != plan.Failed || !strings.Contains(r.Error, "the primary failed") {
				t.Errorf("the replication is %s: %s, %v", r.State, r.Error, err)
			}
			c.waitMail("replication.failed")
			if left := d.staged(); len(left) > 0 {
				t.Errorf("after it has failed there is %q", left)
			}
			const worked = night + ", 4 dora"
			if got := rows(t, d.catalog(secondary)); got != worked {
				t.Errorf("the stand-in has %q, want %q", got, worked)
			}

			c.cli(exitDone, "release", "pbx", "--yes")
			v.open()
			ok(t, errors.Join(d.back(), c.PBX.Return()))
			o.run()
			c.waitState("pbx", "OK", "standing by")
			contains(t, c.cli(exitRefused, "replicate", "from-live", "pbx", "--yes"), status.DiscardDiverged)
			c.cli(exitDone, "replicate", "from-live", "pbx", "--yes", "--accept", status.DiscardDiverged)
			if got, want := rows(t, d.catalog(secondary)), night+", 3 carl"; got != want {
				t.Errorf("the next copy has %q, want %q", got, want)
			}
			if left := append(d.staged(), d.made()...); len(left) > 0 {
				t.Errorf("after the next copy there is %q", left)
			}
		})
	}
}
