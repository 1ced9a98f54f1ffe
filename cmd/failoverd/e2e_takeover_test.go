package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"failoverd/internal/lab"
	"failoverd/internal/site"
	"failoverd/status"
)

var pbxIP = netip.MustParseAddr(site.PBXAddress) //nolint:gochecknoglobals // a constant

// A primary dies, its service goes on, and everybody hears of it; then the role
// is given back. This is what the product is for.
func TestPrimaryDies(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	c.start()
	user, err := site.NewUser(c.Client, site.PBXAddress)
	ok(t, err)
	defer func() { ok(t, user.Close()) }()
	ok(t, user.WaitServedBy(c.waiting(), "primary pbx"))
	wire := c.World.Switch.Capture()

	ok(t, c.PBX.Die())
	ok(t, user.WaitServedBy(c.waiting(), "stand-in of pbx"))
	v := c.waitState("pbx", "Failure", "standing in")
	if v.Epoch != 1 || !v.Diverged {
		t.Errorf("epoch %d, diverged %t, want 1, true", v.Epoch, v.Diverged)
	}
	if mac := c.Client.Neighbours()[pbxIP]; mac.String() != c.Standby.MAC().String() {
		t.Errorf("the client reaches the address at %s, want the standby's %s", mac, c.Standby.MAC())
	}
	assertAnnounced(t, c, wire)

	letter := c.waitMail("takeover.done")
	contains(t, letter.Text(), "WHAT HAPPENED", "WHAT FAILOVERD DID", "WHAT YOU DO NEXT", "failoverd release pbx", "Console:  https://"+site.StandbyAddress+":8443/#/servers/pbx")
	if len(letter.Subject) >= 80 || letter.Header.Get("Message-Id") == "" {
		t.Errorf("subject %q of %d characters, Message-ID %q", letter.Subject, len(letter.Subject), letter.Header.Get("Message-Id"))
	}
	contains(t, c.cli(exitAttention, "status"), "standby since", "failoverd release pbx")
	contains(t, c.cli(exitDone, "explain", "pbx"), "Is it us?", "Is there room?", "May we?", "Is the data fit?", "assume")

	c.cli(exitDone, "release", "pbx", "--yes", "--reason", "repaired")
	c.assertHeld(site.PBXAddress, false)
	if n := c.standIns("pbx"); n != 0 {
		t.Errorf("%d stand-ins run after the release", n)
	}
	if v := c.waitState("pbx", "Failure", "standing by"); v.Hold == nil || v.Hold.Code != "released" {
		t.Errorf("after the release, before the primary answers: hold %+v, want released", v.Hold)
	}
	c.never("taken over again although it was released", 1500*time.Millisecond, func() bool { return c.held(site.PBXAddress) })
	ok(t, c.PBX.Return())
	c.waitState("pbx", "OK", "standing by")
	recovered := c.waitMail("server.answering")
	if got, want := recovered.Header.Get("References"), c.waitMail("server.warning").Header.Get("Message-Id"); !strings.Contains(got, want) {
		t.Errorf("the mail about the recovery refers to %q, want the thread's first, %q", got, want)
	}
}

// assertAnnounced compares what was on the wire with what the manual says:
// questions before the address is announced, none of them a probe (which a
// primary that boots would take for a conflict), then the gratuitous request,
// then the reply, and again 1.1 s later.
func assertAnnounced(t *testing.T, c *company, wire *lab.Capture) {
	t.Helper()
	standby := c.Standby.MAC().String()
	ours := func(f lab.Frame) bool {
		return f.ARP != nil && f.Src.String() == standby && (f.ARP.SenderIP == pbxIP || f.ARP.TargetIP == pbxIP)
	}
	gratuitous := func(f lab.Frame) bool { return ours(f) && f.ARP.Gratuitous() }
	bursts, err := wire.WaitForN(c.waiting(), 4, gratuitous)
	ok(t, err)
	questions := 0
	for _, f := range wire.Matching(ours) {
		if f.ARP.Probe() {
			t.Errorf("there is a probe: %s", f)
		}
		if f.ARP.Op == 1 && f.ARP.SenderIP.String() == site.StandbyAddress && f.Dst.String() == "ff:ff:ff:ff:ff:ff" && f.At.Before(bursts[0].At) {
			questions++
		}
	}
	if questions < 3 {
		t.Errorf("%d questions before the announcement, want at least 3 (PROBE_NUM of RFC 5227)", questions)
	}
	for i, f := range bursts {
		op := []uint16{1, 2}[i%2]
		if f.ARP.Op != op || f.ARP.SenderIP != pbxIP || f.ARP.TargetIP != pbxIP || f.ARP.SenderMAC.String() != standby || f.Dst.String() != "ff:ff:ff:ff:ff:ff" {
			t.Errorf("announcement %d is %s, want op %d for %s from %s to all", i, f, op, pbxIP, standby)
		}
		if op == 2 && f.ARP.TargetMAC.String() != standby {
			t.Errorf("the reply's target MAC is %s, want the sender's own", f.ARP.TargetMAC)
		}
	}
	if gap := bursts[2].At.Sub(bursts[0].At); gap < time.Second || gap > 3*time.Second {
		t.Errorf("the second burst came %s after the first, want 1.1 s", gap)
	}
}

// A primary that drops pings but answers ARP is alive: the standby does not take
// its address, and says which MAC address answers.
func TestFilteredPrimaryIsNotTakenOver(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	ok(t, c.PBX.DropICMP(true))
	v := c.waitServer("pbx", "held", func(v status.Server) bool {
		return v.State == "Failure" && v.Hold != nil && v.Hold.Code == "address-in-use"
	})
	contains(t, v.Hold.Reason, c.PBX.MAC().String())
	contains(t, c.waitMail("decision.held").Text(), c.PBX.MAC().String(), "ICMP")
	c.never("taken over", time.Second, func() bool { return c.held(site.PBXAddress) })

	// The operator's order does not override it either, unless by name.
	out := c.cli(exitRefused, "failover", "pbx", "--yes", "--reason", "try")
	contains(t, out, "--accept address-in-use", c.PBX.MAC().String())
	c.assertHeld(site.PBXAddress, false)
	c.cli(exitDone, "failover", "pbx", "--yes", "--reason", "it hangs", "--accept", "address-in-use")
	c.assertHeld(site.PBXAddress, true)

	// Both hold it now, because the operator said so: that is a conflict, and
	// the address is defended.
	contains(t, c.waitMail("address.conflict").Text(), c.PBX.MAC().String())
	c.eventually("the address to be defended", func() bool { _, ok := c.happened("pbx", "address.defended"); return ok })
	c.cli(exitDone, "release", "pbx", "--yes")
	c.assertHeld(site.PBXAddress, false)
	ok(t, c.PBX.DropICMP(false))
	c.waitState("pbx", "OK", "standing by")
}

// on_conflict: seize says in the configuration what --accept says by hand.
func TestSeize(t *testing.T) {
	c := newCompany(t, site.Options{PBXTakeover: "on_conflict: seize"})
	c.start()
	ok(t, c.PBX.DropICMP(true))
	c.waitState("pbx", "Failure", "standing in")
	c.assertHeld(site.PBXAddress, true)
	e, _ := c.happened("pbx", "decision.takeover")
	contains(t, e.Reason, "seize", c.PBX.MAC().String())
}

// A primary that comes back with its address while the standby stands in is
// silent; the standby notices, alerts, and does what the configuration says.
func TestReturningPrimary(t *testing.T) {
	t.Run("defend", func(t *testing.T) {
		c := newCompany(t, site.Options{})
		c.start()
		ok(t, c.PBX.Die())
		c.waitState("pbx", "Failure", "standing in")
		wire := c.World.Switch.Capture()
		ok(t, c.PBX.Return())
		contains(t, c.waitMail("address.conflict").Text(), c.PBX.MAC().String())
		claimed := time.Now()
		_, err := wire.WaitFor(c.waiting(), func(f lab.Frame) bool {
			return f.ARP != nil && f.ARP.Gratuitous() && f.ARP.SenderIP == pbxIP && f.Src.String() == c.Standby.MAC().String() && f.At.After(claimed.Add(-5*time.Second))
		})
		ok(t, err)
		c.assertHeld(site.PBXAddress, true)
	})
	t.Run("yield", func(t *testing.T) {
		c := newCompany(t, site.Options{PBXTakeover: "on_claim: yield"})
		c.start()
		ok(t, c.PBX.Die())
		c.waitState("pbx", "Failure", "standing in")
		ok(t, c.PBX.Return())
		c.waitState("pbx", "OK", "standing by")
		c.assertHeld(site.PBXAddress, false)
		c.waitMail("address.conflict")
		c.waitMail("release.done")
	})
	t.Run("alert", func(t *testing.T) {
		c := newCompany(t, site.Options{PBXTakeover: "on_claim: alert"})
		c.start()
		ok(t, c.PBX.Die())
		c.waitState("pbx", "Failure", "standing in")
		ok(t, c.PBX.Return())
		c.waitMail("address.conflict")
		c.assertHeld(site.PBXAddress, true)
		if _, yes := c.happened("pbx", "address.defended"); yes {
			t.Error("the address was defended, the configuration says alert")
		}
	})
}

// TestClientsFollowThePrimaryHome: a client that keeps what it knows of the address for hours, as phones and routers do, reaches
// the primary again as soon as that has the address back, although the primary itself tells nobody.
func TestClientsFollowThePrimaryHome(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	ok(t, c.Client.Sysctl("net/ipv4/neigh/eth0/base_reachable_time_ms", "14400000"))
	ok(t, c.Client.Sysctl("net/ipv4/neigh/eth0/delay_first_probe_time", "14400"))
	c.start()
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	user, err := site.NewUser(c.Client, site.PBXAddress)
	ok(t, err)
	defer func() { ok(t, user.Close()) }()
	ok(t, user.WaitServedBy(c.waiting(), "stand-in of pbx"))
	c.cli(exitDone, "release", "pbx", "--yes")
	ok(t, c.PBX.Return())
	ok(t, user.WaitServedBy(c.waiting(), "primary pbx"))
	ok(t, c.Client.WaitNeighbour(c.waiting(), pbxIP, c.PBX.MAC()))
	c.eventually("that in the history", func() bool {
		e, yes := c.happened("pbx", "address.returned")
		return yes && strings.Contains(e.Message, c.PBX.MAC().String())
	})
}

// A neighbour that ignores gratuitous ARP is served all the same, because the
// standby asks it something in the address's name.
func TestNeighbourThatIgnoresGratuitousARP(t *testing.T) {
	c := newCompany(t, site.Options{PBXTakeover: "verify: [" + site.ClientAddress + "]"})
	ok(t, c.Client.Sysctl("net/ipv4/conf/eth0/drop_gratuitous_arp", "1"))
	ok(t, c.Gateway.Sysctl("net/ipv4/conf/eth0/drop_gratuitous_arp", "1"))
	c.start()
	for _, h := range []*lab.Host{c.Client, c.Gateway} {
		_, err := h.Run(c.waiting(), "ping", "-c", "1", "-W", "2", site.PBXAddress)
		ok(t, err)
	}
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	for _, h := range []*lab.Host{c.Client, c.Gateway} {
		ok(t, h.WaitNeighbour(c.waiting(), pbxIP, c.Standby.MAC()))
	}
	e, _ := c.happened("pbx", "address.announced")
	contains(t, e.Message, "verified")
}

// An IPv6 service address moves by unsolicited neighbour advertisement, after
// duplicate address detection.
func TestIPv6(t *testing.T) {
	c := newCompany(t, site.Options{PBXTakeover: "verify: [\"fd00:99::50\"]", PBX: "addresses: [" + site.PBXAddress + "]"})
	ok(t, c.Standby.AddAddress("fd00:99::2/64"))
	ok(t, c.Client.AddAddress("fd00:99::50/64"))
	replaceInConfig(t, c, "service_addresses: ["+site.PBXAddress+"/24]", "service_addresses: ["+site.PBXAddress+"/24, \"fd00:99::11/64\"]")
	c.start()
	wire := c.World.Switch.Capture()
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	c.assertHeld("fd00:99::11", true)
	ip6 := netip.MustParseAddr("fd00:99::11")
	f, err := wire.WaitFor(c.waiting(), func(f lab.Frame) bool {
		return f.ND != nil && f.ND.Advertisement && f.ND.Target == ip6 && f.ND.Overrides && !f.ND.Solicited
	})
	ok(t, err)
	if f.Src.String() != c.Standby.MAC().String() || f.ND.LinkAddr.String() != c.Standby.MAC().String() {
		t.Errorf("the advertisement is %s, want the standby's MAC address in it", f)
	}
	c.cli(exitDone, "release", "pbx", "--yes")
	c.assertHeld("fd00:99::11", false)
	c.assertHeld(site.PBXAddress, false)
}

// Somebody removes the address, or kills the stand-in: both are put back.
func TestWatchWhileStandingIn(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	c.start()
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	ok(t, c.Standby.RemoveAddress(site.PBXAddress+"/32"))
	c.eventually("the address to be back", func() bool { return c.held(site.PBXAddress) })
	c.waitMail("address.restored")

	first := c.standInPID("pbx")
	kill(t, first)
	c.waitMail("standin.died")
	c.eventually("another stand-in", func() bool { pid := c.standInPID("pbx"); return pid != 0 && pid != first })
	c.eventually("the restart in the history", func() bool { _, ok := c.happened("pbx", "standin.restarted"); return ok })
}

// Where the address does not move, the standby releases by itself when the
// primary has answered again for a while, if it is told to.
func TestAutoRelease(t *testing.T) {
	c := newCompany(t, site.Options{})
	replaceInConfig(t, c, "service_addresses: ["+site.PBXAddress+"/24]", "assume_address: false\n      auto_release: true\n      release_after: 1s")
	c.start()
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	c.assertHeld(site.PBXAddress, false)
	ok(t, c.PBX.Return())
	c.waitState("pbx", "OK", "standing by")
	e, _ := c.happened("pbx", "release.done")
	if e.Kind == "" {
		t.Error("there is no release in the history")
	}
}

// The fence runs first; one that fails ends the takeover before anything is
// touched.
func TestFence(t *testing.T) {
	t.Run("succeeds", func(t *testing.T) {
		c := newCompany(t, site.Options{PBXTakeover: "fence: {command: [/bin/sh, -c, \"echo off: $FAILOVERD_SERVER\"], timeout: 5s}"})
		c.start()
		ok(t, c.PBX.Die())
		c.waitState("pbx", "Failure", "standing in")
		contains(t, c.cli(exitDone, "explain", "pbx"), "fence", "off: pbx")
	})
	t.Run("fails", func(t *testing.T) {
		c := newCompany(t, site.Options{PBXTakeover: "fence: {command: [/bin/false], timeout: 5s}"})
		c.start()
		ok(t, c.PBX.Die())
		contains(t, c.waitMail("takeover.failed").Text(), "fence")
		c.assertHeld(site.PBXAddress, false)
		c.waitState("pbx", "Failure", "standing by")
		c.never("tried again by itself", time.Second, func() bool { return c.held(site.PBXAddress) })
	})
}
