package address

import (
	"errors"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

func TestASegmentLivesThroughFlapsAndNonsense(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	// It does not even stop hearing for a moment.
	seg, heard := loggingSegmentOn(t, w.standby, complaints(t))
	claim := func(addr string) {
		t.Helper()
		other, _ := segmentOn(t, w.client)
		on(t, w.client, func() error { return other.Announce(ip(addr)) })
		heard.waitFor(t, addr, false)
	}
	claim("10.99.0.101")

	w.standby.Down()
	w.standby.Up()
	claim("10.99.0.102")
	if err := w.standby.Do(func() error { return seg.Announce(ip("10.99.0.50")) }); err != nil {
		t.Errorf("after a flap: %v", err)
	}

	// The administrator's down ends reads with ENETDOWN, and refuses to send.
	on(t, w.standby, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.LinkSetDown(link)
	})
	if err := w.standby.Do(func() error { return seg.Announce(ip("10.99.0.50")) }); err == nil {
		t.Error("an announcement by an interface that is down is no error")
	}
	on(t, w.standby, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(link)
	})
	w.standby.Up() // Waits until frames pass again.
	claim("10.99.0.103")
	if err := w.standby.Do(func() error { return seg.Announce(ip("10.99.0.50")) }); err != nil {
		t.Errorf("after down and up: %v", err)
	}

	// Frames that end a naive read loop.
	on(t, w.client, func() error {
		return send("eth0", 0x0806,
			raw(t, "ffffffffffff 02fa00000003 0806 | 0001 0800 06 10 0001 02fa00000003 0a63"),
			raw(t, "ffffffffffff 02fa00000003 0806 | 0001"),
			raw(t, "ffffffffffff 02fa00000003 0806 | 0001 86dd 06 10 0001"+"02fa00000003"+service6+"000000000000"+service6))
	})
	claim("10.99.0.104")
}

// The interface is taken away and made anew with another MAC address: meanwhile it is said that it is gone, and then who claims
// an address there is heard again.
func TestASegmentFollowsAnInterfaceMadeAnew(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	// A macvlan can be removed and made anew while its cable stays.
	addMacvlan := func(mac string) {
		on(t, w.standby, func() error {
			parent, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			link := &netlink.Macvlan{LinkAttrs: netlink.NewLinkAttrs(), Mode: netlink.MACVLAN_MODE_BRIDGE}
			link.Name, link.ParentIndex, link.HardwareAddr = "mv0", parent.Attrs().Index, hw(mac)
			if err := netlink.LinkAdd(link); err != nil {
				return err
			}
			return netlink.LinkSetUp(link)
		})
	}
	addMacvlan("02:fa:00:00:00:a1")
	heard := newClaims()
	var seg *Segment
	on(t, w.standby, func() (err error) { seg, err = Listen("mv0", heard.hear, discard()); return err })
	runSegment(t, w.standby, seg)
	other, _ := segmentOn(t, w.client)
	on(t, w.client, func() error { return other.Announce(ip("10.99.0.101")) })
	heard.waitFor(t, "10.99.0.101", false)

	on(t, w.standby, func() error {
		link, err := netlink.LinkByName("mv0")
		if err != nil {
			return err
		}
		if err := seg.Ask(ip("10.99.0.50")); err != nil {
			return err
		}
		return netlink.LinkDel(link)
	})
	// That it cannot ask any more is an error, also when it has just looked: silence would mean that the address is free.
	for range 2 {
		if err := w.standby.Do(func() error { return seg.Ask(ip("10.99.0.50")) }); err == nil {
			t.Error("an interface that is gone has asked")
		}
	}
	if err := w.standby.Do(func() error { return seg.Announce(ip("10.99.0.50")) }); !errors.Is(err, ErrNoLink) {
		t.Errorf("announcing by an interface that is gone: %v", err)
	}
	addMacvlan("02:fa:00:00:00:a2")
	// It is found within its own beat: claim until it is heard.
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ctx := waiting(t); ; {
		on(t, w.client, func() error { return other.Announce(ip("10.99.0.102")) })
		all, changed := heard.snapshot()
		if len(all) > 0 && all[len(all)-1].IP == ip("10.99.0.102") {
			break
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("nothing is heard by the new interface")
		}
	}
	if got := seg.MAC().String(); got != "02:fa:00:00:00:a2" {
		t.Errorf("the segment still speaks as %s", got)
	}
	if _, err := Listen("nosuch0", heard.hear, discard()); !errors.Is(err, ErrNoLink) {
		t.Errorf("listening on no interface: %v", err)
	}
}

func TestAnInterfaceWithoutNeighboursHasNothingToAnnounce(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	var seg *Segment
	on(t, w.standby, func() (err error) {
		if seg, err = Listen("lo", func(Claim) { t.Error("heard something on lo") }, discard()); err != nil {
			return err
		}
		if seg.MAC() != nil {
			t.Errorf("lo has the hardware address %v", seg.MAC())
		}
		return errors.Join(seg.Announce(ip("10.99.0.50")), seg.Ask(ip("10.99.0.50")), seg.Introduce(ip("10.99.0.50"), ip("10.99.0.1")))
	})
	runSegment(t, w.standby, seg)
}
