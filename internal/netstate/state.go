package netstate

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Link is one network interface of this host.
type Link struct {
	Index int
	Name  string

	// Up says that the interface was switched on (ip link set up).
	Up bool

	// Carrier says that the interface can pass packets: a cable with a peer at
	// its other end, a bond with a working port, a finished 802.1X handshake.
	Carrier bool

	MAC net.HardwareAddr

	// Master is the index of the bridge or bond that the interface belongs to,
	// 0 if none.
	Master int

	// Since is when Up or Carrier was last seen to change, the zero time if
	// they have not changed since the watcher began. A change there and back
	// between two listings counts: packets were lost in between.
	Since time.Time
}

// Works says whether packets can leave through the link.
func (l Link) Works() bool { return l.Up && l.Carrier }

// Held is an address of this host: where it is, and how.
type Held struct {
	Prefix netip.Prefix
	Link   string

	// Label is the IPv4 label of the address, "" for IPv6.
	Label string

	// Flags are the kernel's IFA_F_… flags.
	Flags int
}

// State is what the kernel said at one moment. It and its maps are never
// changed once handed out, and must not be changed by who receives them.
type State struct {
	// Generation grows by at least one with every change, changes of routes
	// and rules that are not listed here included.
	Generation uint64

	Links map[string]Link

	// Addrs holds every address of this host, loopback included. An IPv6
	// link-local address is listed with its zone, which is the link's name.
	Addrs map[netip.Addr]Held

	// Gateway4 and Gateway6 are the default gateways of the main table with
	// the best metric, the zero address if there is none.
	Gateway4, Gateway6 netip.Addr

	// DefaultLink is the link of the default route, of IPv4 if there is one,
	// else of IPv6, "" if there is neither.
	DefaultLink string
}

// same says whether two states say the same of everything but Generation.
func (s State) same(o State) bool {
	return s.Gateway4 == o.Gateway4 && s.Gateway6 == o.Gateway6 && s.DefaultLink == o.DefaultLink &&
		maps.Equal(s.Addrs, o.Addrs) &&
		maps.EqualFunc(s.Links, o.Links, func(a, b Link) bool {
			return a.Index == b.Index && a.Name == b.Name && a.Up == b.Up && a.Carrier == b.Carrier &&
				a.Master == b.Master && a.Since.Equal(b.Since) && slices.Equal(a.MAC, b.MAC)
		})
}
