package netstate

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// dumpTries is how often an interrupted dump is asked for again before its
// data is used as it is. An address that changes at that moment sets the mark,
// and its own message leads to the next listing anyway.
const dumpTries = 5

// dump asks again while the kernel says that the list changed under it.
func dump[T any](what string, list func() ([]T, error)) ([]T, error) {
	for try := 1; ; try++ {
		got, err := list()
		switch {
		case err == nil:
			return got, nil
		case errors.Is(err, netlink.ErrDumpInterrupted):
			if try == dumpTries {
				return got, nil
			}
		default:
			return nil, fmt.Errorf("list %s: %w", what, err)
		}
	}
}

// list asks the kernel for everything that a State holds. flapped names the
// links that a message showed without carrier or switched off since the last
// listing, and prev is that listing.
func list(h *netlink.Handle, prev State, flapped map[int]bool, now time.Time) (State, error) {
	links, err := dump("links", h.LinkList)
	if err != nil {
		return State{}, err
	}
	addrs, err := dump("addresses", func() ([]netlink.Addr, error) { return h.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return State{}, err
	}
	s := State{Links: make(map[string]Link, len(links)), Addrs: make(map[netip.Addr]Held, len(addrs))}
	names := make(map[int]string, len(links))
	for _, l := range links {
		link := readLink(l.Attrs())
		was, known := prev.Links[link.Name]
		if known && was.Index == link.Index {
			link.Since = was.Since
			if was.Up != link.Up || was.Carrier != link.Carrier || flapped[link.Index] {
				link.Since = now
			}
		} else if prev.Links != nil {
			link.Since = now
		}
		s.Links[link.Name] = link
		names[link.Index] = link.Name
	}
	for _, a := range addrs {
		ip, held, ok := readAddr(a, names)
		if ok {
			s.Addrs[ip] = held
		}
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		gateway, link, err := defaultRoute(h, family, names)
		if err != nil {
			return State{}, err
		}
		if family == netlink.FAMILY_V4 {
			s.Gateway4, s.DefaultLink = gateway, link
			continue
		}
		s.Gateway6 = gateway
		if s.DefaultLink == "" {
			s.DefaultLink = link
		}
	}
	return s, nil
}

// carrierFlags are those of a link that can pass packets.
const carrierFlags = unix.IFF_RUNNING | unix.IFF_LOWER_UP

// readLink takes from a netlink link what a Link holds.
func readLink(a *netlink.LinkAttrs) Link {
	return Link{
		Index: a.Index,
		Name:  a.Name,
		Up:    a.RawFlags&unix.IFF_UP != 0,
		// IFF_RUNNING is the operational state of RFC 2863, off also while a
		// port still authenticates, but up to a second behind; IFF_LOWER_UP is
		// what the card says now.
		Carrier: a.RawFlags&carrierFlags == carrierFlags,
		MAC:     a.HardwareAddr,
		Master:  a.MasterIndex,
	}
}

// readAddr takes from a netlink address what a Held holds; ok is false for
// what is no IP address.
func readAddr(a netlink.Addr, names map[int]string) (ip netip.Addr, held Held, ok bool) {
	if a.IPNet == nil {
		return netip.Addr{}, Held{}, false
	}
	ip, ok = netip.AddrFromSlice(a.IP)
	if !ok {
		return netip.Addr{}, Held{}, false
	}
	ip = ip.Unmap()
	ones, _ := a.Mask.Size()
	held = Held{Prefix: netip.PrefixFrom(ip, ones), Link: names[a.LinkIndex], Label: a.Label, Flags: a.Flags}
	if ip.Is6() && ip.IsLinkLocalUnicast() {
		ip = ip.WithZone(held.Link)
	}
	return ip, held, true
}

// defaultRoute finds the gateway and the link of the best default route of the
// main table. A default route without a gateway (a point-to-point link) gives
// the link alone.
func defaultRoute(h *netlink.Handle, family int, names map[int]string) (netip.Addr, string, error) {
	filter := &netlink.Route{Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST}
	routes, err := dump("routes", func() ([]netlink.Route, error) {
		var found []netlink.Route
		err := h.RouteListFilteredIter(family, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE,
			func(r netlink.Route) bool {
				// Only default routes are kept, so that a full routing table
				// does not have to fit in memory.
				if isDefault(r) {
					found = append(found, r)
				}
				return true
			})
		return found, err
	})
	if err != nil {
		// A kernel without IPv6 answers so.
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
			return netip.Addr{}, "", nil
		}
		return netip.Addr{}, "", err
	}
	best := -1
	for i, r := range routes {
		if best < 0 || r.Priority < routes[best].Priority {
			best = i
		}
	}
	if best < 0 {
		return netip.Addr{}, "", nil
	}
	gw, index := routes[best].Gw, routes[best].LinkIndex
	if len(routes[best].MultiPath) > 0 {
		gw, index = routes[best].MultiPath[0].Gw, routes[best].MultiPath[0].LinkIndex
	}
	ip, _ := netip.AddrFromSlice(gw)
	ip = ip.Unmap()
	if ip.Is6() && ip.IsLinkLocalUnicast() {
		ip = ip.WithZone(names[index])
	}
	return ip, names[index], nil
}

// isDefault says whether a route leads everywhere.
func isDefault(r netlink.Route) bool {
	if r.Dst == nil {
		return true
	}
	ones, _ := r.Dst.Mask.Size()
	return ones == 0 && r.Dst.IP.IsUnspecified()
}
