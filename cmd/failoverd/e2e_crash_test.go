package main

import (
	"fmt"
	"testing"
	"time"

	"failoverd/internal/site"
	"failoverd/status"
)

// The daemon is killed at every journalled edge of a takeover, before and after
// the edge is on disk, and started again: the takeover is finished or undone,
// there is one stand-in or none, and never a stray address.
func TestKilledAtEveryEdgeOfATakeover(t *testing.T) {
	for _, side := range []string{"before", "after"} {
		for edge := 1; edge <= takeoverEdges; edge++ {
			t.Run(fmt.Sprintf("%s edge %d", side, edge), func(t *testing.T) {
				c := newCompany(t, site.Options{StandIn: true})
				c.start(fmt.Sprintf("%s=%d %s", killAt, edge, side))
				ok(t, c.PBX.Die())
				c.awaitDeath()
				c.launch()
				c.waitState("pbx", "Failure", "standing in")
				c.assertOneOfEach("pbx", site.PBXAddress)
				c.waitMail("takeover.done")
				c.cli(exitDone, "release", "pbx", "--yes")
				c.assertNoneOfEach("pbx", site.PBXAddress)
			})
		}
	}
	t.Run("no edge was forgotten", func(t *testing.T) {
		c := newCompany(t, site.Options{StandIn: true})
		c.start(fmt.Sprintf("%s=%d after", killAt, takeoverEdges+1))
		ok(t, c.PBX.Die())
		c.waitState("pbx", "Failure", "standing in")
		select {
		case <-c.daemon.Exited():
			t.Fatal("the takeover has an edge more than takeoverEdges")
		default:
		}
		// The next edge is the release's first: it kills.
		c.cliOrDeath("release", "pbx", "--yes", "--no-wait")
		c.awaitDeath()
	})
}

// takeoverEdges is how many durable records a takeover with a stand-in has:
// decided, with the beginning of assume; start; ended, and standing in.
const takeoverEdges = 3

// releaseEdges is the same for a release: ordered, with the beginning of stop;
// drop; ended, and released.
const releaseEdges = 3

// The daemon is killed at every journalled edge of a release, before and after the edge is on disk, and started
// again: the release was never ordered, or it is finished.
func TestKilledAtEveryEdgeOfARelease(t *testing.T) {
	for _, side := range []string{"before", "after"} {
		for edge := 1; edge <= releaseEdges; edge++ {
			t.Run(fmt.Sprintf("%s edge %d", side, edge), func(t *testing.T) {
				c := newCompany(t, site.Options{StandIn: true})
				c.start(fmt.Sprintf("%s=%d %s", killAt, takeoverEdges+edge, side))
				ok(t, c.PBX.Die())
				c.waitState("pbx", "Failure", "standing in")
				c.cliOrDeath("release", "pbx", "--yes", "--no-wait")
				c.awaitDeath()
				c.launch()
				if side == "before" && edge == 1 {
					// The order was not on disk: it was never given, and the
					// standby stands in as before.
					c.waitState("pbx", "Failure", "standing in")
					c.assertOneOfEach("pbx", site.PBXAddress)
					return
				}
				c.waitServer("pbx", "released", func(v status.Server) bool { return v.Role == "standing by" })
				c.assertNoneOfEach("pbx", site.PBXAddress)
				c.never("taken over again", time.Second, func() bool { return c.held(site.PBXAddress) })
				ok(t, c.PBX.Return())
				c.waitState("pbx", "OK", "standing by")
			})
		}
	}
}

// standsIn starts the daemon, has pbx die, and returns a user of pbx whom the stand-in serves.
func (c *company) standsIn() *site.User {
	c.t.Helper()
	c.start()
	user, err := site.NewUser(c.Client, site.PBXAddress)
	ok(c.t, err)
	c.t.Cleanup(func() { ok(c.t, user.Close()) })
	ok(c.t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	ok(c.t, user.WaitServedBy(c.waiting(), "stand-in"))
	return user
}

// A restart of the daemon while standing in, by order or by crash, leaves the
// address and the stand-in alone.
func TestRestartWhileStandingIn(t *testing.T) {
	for name, end := range map[string]func(*company) error{
		"stopped": func(c *company) error { return c.daemon.Stop() },
		"killed":  func(c *company) error { return c.daemon.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t, site.Options{StandIn: true})
			user := c.standsIn()
			pid, before := c.standInPID("pbx"), len(user.Outages(100*time.Millisecond))
			ok(t, end(c))
			c.assertHeld(site.PBXAddress, true)
			c.launch()
			c.waitState("pbx", "Failure", "standing in")
			if got := c.standInPID("pbx"); got != pid {
				t.Errorf("the stand-in is process %d, want still %d", got, pid)
			}
			if after := len(user.Outages(100 * time.Millisecond)); after != before {
				t.Errorf("the user saw %d outages more, want none", after-before)
			}
			if _, yes := c.happened("pbx", "takeover.adopted"); !yes {
				t.Error("the history does not say that the takeover was adopted")
			}
			if _, crashed := c.happened("", "daemon.started_after_crash"); crashed != (name == "killed") {
				t.Errorf("the history says that the daemon crashed: %t", crashed)
			}
			// What is held is still looked after.
			ok(t, c.Standby.RemoveAddress(site.PBXAddress+"/32"))
			c.eventually("the address to be back", func() bool { return c.held(site.PBXAddress) })
		})
	}
}

// The standby host reboots while standing in: it does not simply resume, it
// probes the address first.
func TestRebootWhileStandingIn(t *testing.T) {
	t.Run("primary still dead", func(t *testing.T) {
		c := newCompany(t, site.Options{StandIn: true})
		c.start()
		ok(t, c.PBX.Die())
		c.waitState("pbx", "Failure", "standing in")
		ok(t, c.Reboot(c.daemon, "11111111-2222-3333-4444-555555555555"))
		c.assertHeld(site.PBXAddress, false)
		wire := c.World.Switch.Capture()
		c.launch()
		c.waitState("pbx", "Failure", "standing in")
		c.assertOneOfEach("pbx", site.PBXAddress)
		assertAnnounced(t, c, wire) // with the probes before it
		if _, yes := c.happened("pbx", "takeover.resumed"); !yes {
			t.Error("the history does not say that the takeover was resumed")
		}
	})
	t.Run("primary back", func(t *testing.T) {
		c := newCompany(t, site.Options{StandIn: true})
		c.start()
		ok(t, c.PBX.Die())
		c.waitState("pbx", "Failure", "standing in")
		ok(t, c.Reboot(c.daemon, "11111111-2222-3333-4444-666666666666"))
		ok(t, c.PBX.Return())
		c.launch()
		v := c.waitState("pbx", "OK", "standing by")
		if !v.Diverged {
			t.Error("the standby's data is newer than the primary's, and the server is not diverged")
		}
		c.assertNoneOfEach("pbx", site.PBXAddress)
		c.never("taken from the living primary", 2*time.Second, func() bool { return c.held(site.PBXAddress) })
		if len(c.events("pbx")) == 0 {
			t.Error("nothing is in the history")
		}
	})
}

// After a reboot of the standby host a primary that has not answered since gets
// more time: it may be the power cut that took both.
func TestFailAfterReboot(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	ok(t, c.Reboot(c.daemon, "11111111-2222-3333-4444-777777777777"))
	ok(t, c.PBX.Die())
	c.launch()
	v := c.waitServer("pbx", "suspect", func(v status.Server) bool { return v.Misses > 0 })
	if v.FailAfter != 10 {
		t.Errorf("the limit in force is %d, want 10 (fail_after_reboot)", v.FailAfter)
	}
	c.waitState("pbx", "Failure", "standing in")
}

// awaitDeath waits until the daemon has killed itself.
func (c *company) awaitDeath() {
	c.t.Helper()
	select {
	case <-c.daemon.Exited():
	case <-time.After(patience):
		c.t.Fatal("the daemon was not killed")
	}
}

// cliOrDeath runs a command during which the daemon may die.
func (c *company) cliOrDeath(args ...string) {
	c.t.Helper()
	_, code := c.CLI(c.waiting(), args...)
	c.t.Logf("failoverd %v: exit code %d", args, code)
}

// assertOneOfEach looks that the standby holds the address and that exactly one
// stand-in runs.
func (c *company) assertOneOfEach(name, a string) {
	c.t.Helper()
	c.assertHeld(a, true)
	if n := c.standIns(name); n != 1 {
		c.t.Errorf("%d stand-ins of %s run, want 1", n, name)
	}
}

// assertNoneOfEach looks that neither is there.
func (c *company) assertNoneOfEach(name, a string) {
	c.t.Helper()
	c.assertHeld(a, false)
	if n := c.standIns(name); n != 0 {
		c.t.Errorf("%d stand-ins of %s run, want none", n, name)
	}
}
