package netstate

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// maxRoutes bounds the cache of Egress; more targets than that are asked for
// each time.
const maxRoutes = 1 << 16

// egress is the kernel's answer to "how does this address go out?".
type egress struct {
	link  string
	local bool
	err   error
}

// routeCache holds the answers that are true for one generation.
type routeCache struct {
	generation uint64
	answers    map[netip.Addr]egress
}

// Egress says through which link a packet to dst would leave, and whether dst
// is an address of this host itself (then nothing would leave at all). The
// error is the kernel's, unwrapped by errors.Is: ENETUNREACH or EHOSTUNREACH
// without a route, EACCES for a route of type prohibit, EINVAL for blackhole.
// Answers are kept until the next change of the State's Generation.
func (w *Watcher) Egress(dst netip.Addr) (link string, local bool, err error) {
	dst = dst.Unmap()
	generation := w.State().Generation
	w.mu.Lock()
	if w.routes.generation != generation {
		w.routes = routeCache{generation: generation, answers: make(map[netip.Addr]egress)}
	}
	e, known := w.routes.answers[dst]
	w.mu.Unlock()
	if known {
		return e.link, e.local, e.err
	}
	// The question is asked without the lock: it must not hold up Changed.
	e = w.ask(dst)
	w.mu.Lock()
	// An answer that a change overtook is given, but not kept.
	if w.routes.generation == generation && w.State().Generation == generation && len(w.routes.answers) < maxRoutes {
		w.routes.answers[dst] = e
	}
	w.mu.Unlock()
	return e.link, e.local, e.err
}

// ask puts the question to the kernel.
func (w *Watcher) ask(dst netip.Addr) egress {
	s := w.State()
	if _, ours := s.Addrs[dst]; ours {
		return egress{link: s.Addrs[dst].Link, local: true}
	}
	var options *netlink.RouteGetOptions
	if zone := dst.Zone(); zone != "" {
		l, ok := s.Links[zone]
		if !ok {
			return egress{err: fmt.Errorf("route to %s: no link %s: %w", dst, zone, unix.ENODEV)}
		}
		options = &netlink.RouteGetOptions{OifIndex: l.Index}
	}
	w.asking.Lock()
	routes, err := w.handle.RouteGetWithOptions(dst.AsSlice(), options)
	w.asking.Unlock()
	if err != nil {
		return egress{err: fmt.Errorf("route to %s: %w", dst, err)}
	}
	if len(routes) == 0 {
		return egress{err: fmt.Errorf("route to %s: %w", dst, unix.ENETUNREACH)}
	}
	r := routes[0]
	e := egress{local: r.Type == unix.RTN_LOCAL}
	switch r.Type {
	// IPv6 answers these with a route rather than with an error.
	case unix.RTN_UNREACHABLE:
		return egress{err: fmt.Errorf("route to %s: %w", dst, unix.EHOSTUNREACH)}
	case unix.RTN_BLACKHOLE:
		return egress{err: fmt.Errorf("route to %s: %w", dst, unix.EINVAL)}
	case unix.RTN_PROHIBIT:
		return egress{err: fmt.Errorf("route to %s: %w", dst, unix.EACCES)}
	}
	for name, l := range s.Links {
		if l.Index == r.LinkIndex {
			e.link = name
		}
	}
	return e
}
