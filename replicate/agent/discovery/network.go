package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// lookAtNetwork asks the kernel for the addresses and the default routes.
func (f *Found) lookAtNetwork() {
	links, err := complete(netlink.LinkList())
	if err != nil {
		f.miss("the interfaces", err)
		return
	}
	names := map[int]string{}
	for _, l := range links {
		if l.Attrs().RawFlags&unix.IFF_LOOPBACK == 0 {
			names[l.Attrs().Index] = l.Attrs().Name
		}
	}
	addresses, err := complete(netlink.AddrList(nil, netlink.FAMILY_ALL))
	if err != nil {
		f.miss("the addresses", err)
	}
	for _, a := range addresses {
		if address, ok := usable(a, names); ok {
			f.Addresses = append(f.Addresses, address)
		}
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		if err := f.lookAtRoutes(family, names); err != nil {
			f.miss("the default gateway", err)
		}
	}
}

// usable turns an address of the kernel into one that others may be told. Those that only this host or this cable
// knows, and those that an IPv6 host wears for a day, are none.
func usable(a netlink.Addr, names map[int]string) (Address, bool) {
	if a.IPNet == nil || names[a.LinkIndex] == "" || a.Flags&(unix.IFA_F_TEMPORARY|unix.IFA_F_DEPRECATED|unix.IFA_F_DADFAILED) != 0 {
		return Address{}, false
	}
	ip, ok := netip.AddrFromSlice(a.IP)
	if ip = ip.Unmap(); !ok || !ip.IsGlobalUnicast() { // which leaves out loopback, link-local and multicast
		return Address{}, false
	}
	ones, _ := a.Mask.Size()
	return Address{Interface: names[a.LinkIndex], Address: netip.PrefixFrom(ip, ones)}, true
}

// maxGateways is how many default routes of a family are told.
const maxGateways = 4

// lookAtRoutes finds the default routes of a family, the preferred first.
func (f *Found) lookAtRoutes(family int, names map[int]string) error {
	var routes []netlink.Route
	filter := &netlink.Route{Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST}
	// One by one, and only the default ones are kept: a full routing table does not have to fit into memory.
	err := netlink.RouteListFilteredIter(family, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE,
		func(r netlink.Route) bool {
			if isDefault(r) && len(routes) < 64 {
				routes = append(routes, r)
			}
			return true
		})
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP): // a kernel without IPv6
		return nil
	case err != nil && !errors.Is(err, netlink.ErrDumpInterrupted):
		return fmt.Errorf("list routes: %w", err)
	}
	slices.SortStableFunc(routes, func(a, b netlink.Route) int { return cmp.Compare(a.Priority, b.Priority) })
	for _, r := range routes[:min(len(routes), maxGateways)] {
		gateway, link := r.Gw, r.LinkIndex
		if len(r.MultiPath) > 0 {
			gateway, link = r.MultiPath[0].Gw, r.MultiPath[0].LinkIndex
		}
		if ip, ok := netip.AddrFromSlice(gateway); ok { // a point-to-point link has none
			f.Gateways = append(f.Gateways, Gateway{Interface: names[link], Address: ip.Unmap()})
		}
	}
	return nil
}

// isDefault says whether a route leads everywhere.
func isDefault(r netlink.Route) bool {
	if r.Dst == nil {
		return true
	}
	ones, _ := r.Dst.Mask.Size()
	return ones == 0 && r.Dst.IP.IsUnspecified()
}

// complete takes a list that changed while the kernel was telling it as it is: this is a look, not a watch.
func complete[T any](list []T, err error) ([]T, error) {
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = nil
	}
	return list, err
}
