package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
)

// Neighbours is the host's ARP and neighbour cache: which MAC it sends to for
// an address. Entries without a MAC (incomplete, failed) are left out.
func (h *Host) Neighbours() map[netip.Addr]net.HardwareAddr {
	h.world.in.Helper()
	found := make(map[netip.Addr]net.HardwareAddr)
	err := h.ns.do(func() error {
		link, err := netlink.LinkByName(hostLink)
		if err != nil {
			return err
		}
		list, err := netlink.NeighList(link.Attrs().Index, netlink.FAMILY_ALL)
		if err != nil {
			return fmt.Errorf("list neighbours: %w", err)
		}
		for _, n := range list {
			ip, ok := netip.AddrFromSlice(n.IP)
			if ok && len(n.HardwareAddr) == 6 && n.State&(netlink.NUD_INCOMPLETE|netlink.NUD_FAILED|netlink.NUD_NOARP) == 0 {
				found[ip.Unmap()] = n.HardwareAddr
			}
		}
		return nil
	})
	if h.check(err) != nil {
		return nil
	}
	return found
}

// WaitNeighbour waits until the host sends to this MAC for the address.
func (h *Host) WaitNeighbour(ctx context.Context, ip netip.Addr, mac net.HardwareAddr) error {
	h.world.in.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		got := h.Neighbours()[ip]
		if got.String() == mac.String() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return h.check(fmt.Errorf("neighbour %s is at %q, not at %s: %w", ip, got, mac, ctx.Err()))
		}
	}
}

// Addresses lists the addresses of the host's interface, link-local ones too.
func (h *Host) Addresses() []netip.Prefix {
	h.world.in.Helper()
	var found []netip.Prefix
	err := h.ns.do(func() error {
		link, err := netlink.LinkByName(hostLink)
		if err != nil {
			return err
		}
		list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			return fmt.Errorf("list addresses: %w", err)
		}
		for _, a := range list {
			if ip, ok := netip.AddrFromSlice(a.IP); ok {
				ones, _ := a.Mask.Size()
				found = append(found, netip.PrefixFrom(ip.Unmap(), ones))
			}
		}
		return nil
	})
	if h.check(err) != nil {
		return nil
	}
	return found
}

// AddAddress gives the host another address, as an administrator would: without
// any label, and announced by nobody.
func (h *Host) AddAddress(prefix string) error {
	h.world.in.Helper()
	return h.check(h.ns.do(func() error { return (hostOptions{addresses: []string{prefix}}).addAddresses() }))
}

// RemoveAddress takes an address from the host.
func (h *Host) RemoveAddress(prefix string) error {
	h.world.in.Helper()
	return h.check(h.ns.do(func() error {
		link, err := netlink.LinkByName(hostLink)
		if err != nil {
			return err
		}
		addr, err := netlink.ParseAddr(prefix)
		if err != nil {
			return err
		}
		return netlink.AddrDel(link, addr)
	}))
}
