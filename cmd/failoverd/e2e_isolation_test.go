package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"failoverd/internal/site"
	"failoverd/status"
)

// replaceInConfig edits the configuration file before the daemon starts, or
// before it reads it again.
func replaceInConfig(t *testing.T, c *company, old, new string) {
	t.Helper()
	b, err := os.ReadFile(c.ConfigFile())
	ok(t, err)
	if !strings.Contains(string(b), old) {
		t.Fatalf("%q is not in the configuration:\n%s", old, b)
	}
	ok(t, os.WriteFile(c.ConfigFile(), []byte(strings.Replace(string(b), old, new, 1)), 0o600))
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if pid <= 0 {
		t.Fatal("there is no process to kill")
	}
	ok(t, syscall.Kill(pid, syscall.SIGKILL))
}

// nothingTakenOver looks for longer than a failure takes that no address moves.
func (c *company) nothingTakenOver(during time.Duration) {
	c.t.Helper()
	c.never("an address was taken over", during, func() bool { return c.held(site.PBXAddress) || c.held(site.CRMAddress) })
}

// The standby's own cable is out, or its port is in the wrong VLAN: everything
// is silent, and the fault is its own. One alert, no takeover, and counting
// begins afresh when it is back.
func TestIsolatedStandby(t *testing.T) {
	for name, fault := range map[string]func(*company) error{
		"cable pulled": func(c *company) error { return c.Standby.Unplug() },
		"wrong VLAN":   func(c *company) error { return c.Standby.WrongVLAN() },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t, site.Options{Settle: 500 * time.Millisecond})
			c.start()
			c.waitServer("pbx", "settled", func(v status.Server) bool { return true })
			ok(t, fault(c))
			c.waitServer("pbx", "suspect and held", func(v status.Server) bool {
				return v.State == "Suspect" && v.Hold != nil && v.Hold.Code == "isolated"
			})
			c.nothingTakenOver(2 * time.Second)
			ok(t, c.Standby.Plug())
			for _, server := range []string{"pbx", "crm"} {
				c.waitState(server, "OK", "standing by")
			}
			c.waitMail("standby.isolated")
			c.waitMail("standby.connected")
			if n := c.mails("standby.isolated"); n != 1 {
				t.Errorf("%d mails say that the standby is isolated, want 1", n)
			}
			if n := c.mails("server.failure"); n != 0 {
				t.Errorf("%d mails announce a failed server, want none", n)
			}
			c.nothingTakenOver(time.Second)
		})
	}
}

// The gateway and all primaries fall silent at once: a switch, not two deaths.
func TestAllSilentAtOnce(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	for _, h := range []func() error{c.Gateway.Down, c.PBX.Down, c.CRM.Down} {
		ok(t, h())
	}
	c.waitServer("pbx", "held", func(v status.Server) bool { return v.Hold != nil && v.Hold.Code == "isolated" })
	c.nothingTakenOver(2 * time.Second)
	for _, h := range []func() error{c.Gateway.Up, c.PBX.Up, c.CRM.Up} {
		ok(t, h())
	}
	for _, server := range []string{"pbx", "crm"} {
		c.waitState(server, "OK", "standing by")
	}
	if n := c.mails("standby.isolated"); n != 1 {
		t.Errorf("%d mails say that the standby is isolated, want 1", n)
	}
}

// The gateway is dead, but a neighbour is alive: a primary that dies is taken
// over all the same, because the neighbour is witness enough.
func TestGatewayDead(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	ok(t, c.Gateway.Down())
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	e, _ := c.happened("pbx", "decision.takeover")
	contains(t, e.Reason, "crm answered")
	c.waitState("crm", "OK", "standing by")
}

// Two primaries die while the gateway answers, and there is room for one: the
// one of higher priority is taken, the other waits, and is next.
func TestTwoFailOneSlot(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	ok(t, c.CRM.Die())
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	v := c.waitServer("crm", "waiting", func(v status.Server) bool { return v.Hold != nil && v.Hold.Code == "waiting" })
	contains(t, v.Hold.Reason, "pbx")
	c.assertHeld(site.CRMAddress, false)
	contains(t, c.waitMail("capacity.waiting").Text(), "crm")
	contains(t, c.cli(exitUncovered, "status"), "crm")
	c.cli(exitDone, "release", "pbx", "--yes")
	c.waitState("crm", "Failure", "standing in")
	c.assertHeld(site.CRMAddress, true)
	c.assertHeld(site.PBXAddress, false)
}

// The standby was stopped for a while, as a paused virtual machine is: what it
// slept through says nothing, and nothing is decided for half a minute.
func TestStoppedStandby(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	pid := c.daemon.PID()
	ok(t, syscall.Kill(pid, syscall.SIGSTOP))
	c.never("the stopped daemon took something over", 3*time.Second, func() bool { return c.held(site.PBXAddress) })
	ok(t, c.PBX.Die())
	ok(t, syscall.Kill(pid, syscall.SIGCONT))
	c.eventually("the pause in the history", func() bool { _, ok := c.happened("", "standby.stalled"); return ok })
	c.waitServer("pbx", "held", func(v status.Server) bool { return v.Hold != nil && v.Hold.Code == "unsettled" })
	c.nothingTakenOver(2 * time.Second)
}

// While the link settles nothing is decided.
func TestSettleAfterLinkUp(t *testing.T) {
	c := newCompany(t, site.Options{Settle: 4 * time.Second})
	c.start()
	ok(t, c.Standby.Unplug())
	c.waitServer("pbx", "held", func(v status.Server) bool { return v.Hold != nil && v.Hold.Code == "isolated" })
	ok(t, c.PBX.Die())
	ok(t, c.Standby.Plug())
	c.nothingTakenOver(2 * time.Second)
	c.waitState("pbx", "Failure", "standing in")
}
