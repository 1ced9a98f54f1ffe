package address

import (
	"errors"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Known is the hardware address that the kernel's neighbour table has for an
// address on this interface; nil if it has none.
func (s *Segment) Known(ip netip.Addr) net.HardwareAddr {
	ifi, err := s.lookRecently()
	if err != nil {
		return nil
	}
	n, err := neighbour(ifi.Index, ip)
	if err != nil {
		s.log.Debug("the neighbour could not be looked up", "address", ip, "err", err)
	}
	return n
}

// neighbour asks the kernel for one entry of its neighbour table. The library only lists the whole table, which takes its
// time with many primaries, and at every miss of each of them.
func neighbour(index int, ip netip.Addr) (net.HardwareAddr, error) {
	about := netlink.Ndmsg{Family: familyOf(ip), Index: uint32(index)}
	request := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, 0)
	request.AddData(&about)
	request.AddData(nl.NewRtAttr(netlink.NDA_DST, ip.AsSlice()))
	messages, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return listedNeighbour(index, ip)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return nil, err
	}
	for _, m := range messages {
		if n, err := netlink.NeighDeserialize(m); err == nil && usable(n, ip) {
			return n.HardwareAddr, nil
		}
	}
	return nil, nil
}

// listedNeighbour is neighbour for kernels before 5.0, which are not asked for one entry.
func listedNeighbour(index int, ip netip.Addr) (net.HardwareAddr, error) {
	// An interrupted dump still has data, and most often what is looked for.
	list, err := netlink.NeighList(index, int(familyOf(ip)))
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = nil
	}
	for i := range list {
		if usable(&list[i], ip) {
			return list[i].HardwareAddr, nil
		}
	}
	return nil, err
}

// familyOf is the kernel's number of the address's family.
func familyOf(ip netip.Addr) uint8 {
	if ip.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// usable says whether an entry is about the address and has what it is reached by.
func usable(n *netlink.Neigh, ip netip.Addr) bool {
	found, ok := netip.AddrFromSlice(n.IP)
	return ok && found.Unmap() == ip.WithZone("") && len(n.HardwareAddr) == 6 && !isZero(n.HardwareAddr) &&
		n.State&(netlink.NUD_INCOMPLETE|netlink.NUD_FAILED|netlink.NUD_NOARP) == 0
}
