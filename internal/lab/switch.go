package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

const (
	lan       = "br0" // the LAN that hosts are plugged into
	otherVLAN = "br1" // the one that a host ends in by mistake
)

// Switch is what the hosts are plugged into: a namespace with one bridge for the
// LAN and one for another VLAN.
type Switch struct {
	world *World
	ns    *namespace
}

// newSwitch makes the namespace and both bridges.
func newSwitch(w *World) (*Switch, error) {
	ns, err := newNamespace(w.id + "-switch")
	if err != nil {
		return nil, err
	}
	w.later(ns.close)
	s := &Switch{world: w, ns: ns}
	return s, ns.do(func() error {
		if err := noAutomaticIPv6("default"); err != nil {
			return err
		}
		for _, name := range []string{lan, otherVLAN} {
			if err := addBridge(name); err != nil {
				return fmt.Errorf("bridge %s: %w", name, err)
			}
		}
		return nil
	})
}

// addBridge makes a bridge that forwards at once and floods multicast, like a
// plain switch.
func addBridge(name string) error {
	snooping := false
	bridge := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs(), MulticastSnooping: &snooping}
	bridge.Name = name
	if err := netlink.LinkAdd(bridge); err != nil {
		return err
	}
	return netlink.LinkSetUp(bridge)
}

// plug puts a port into one of the bridges, or into none with "".
func (s *Switch) plug(port, bridge string) error {
	return s.ns.do(func() error {
		link, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		if bridge == "" {
			return netlink.LinkSetNoMaster(link)
		}
		master, err := netlink.LinkByName(bridge)
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(link, master)
	})
}

// power sets a port up or down; the host on it sees its carrier come and go.
func (s *Switch) power(port string, up bool) error {
	return s.ns.do(func() error {
		link, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		if up {
			return netlink.LinkSetUp(link)
		}
		return netlink.LinkSetDown(link)
	})
}

// Capture records every frame that crosses the LAN, until the world ends.
func (s *Switch) Capture() *Capture {
	s.world.in.Helper()
	c, err := startCapture(s.ns, lan)
	if s.world.check(err) != nil {
		return nil
	}
	s.world.later(c.Close)
	return c
}
