package netstate

import (
	"fmt"
	"net/netip"
	"time"

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

// settling is how long answers are not kept after a change. The kernel tells of a route that goes before it has gone
// (fib_table_delete in net/ipv4/fib_trie.c): an answer from in between would be kept until the next change, which may be days
// away. An address that was given back would be taken for our own, say, and its primary not be asked.
const settling = time.Second

// routeCache holds the answers that are true for one generation.
type routeCache struct {
	generation uint64
	since      time.Time // when the generation was first asked about
	answers    map[netip.Addr]egress
}

// of is the cache for a generation.
func (c *routeCache) of(generation uint64, now time.Time) *routeCache {
	if c.answers == nil || c.generation != generation {
		*c = routeCache{generation: generation, since: now, answers: map[netip.Addr]egress{}}
	}
	return c
}

// keep keeps an answer that is not too young.
func (c *routeCache) keep(dst netip.Addr, e egress, asked time.Time) {
	if asked.Sub(c.since) >= settling && len(c.answers) < maxRoutes {
		c.answers[dst] = e
	}
}

// Egress says through which link a packet to dst would leave, and whether dst
// is an address of this host itself (then nothing would leave at all). The
// error is the kernel's, unwrapped by errors.Is: ENETUNREACH or EHOSTUNREACH
// without a route, EACCES for a route of type prohibit, EINVAL for blackhole.
// Answers are kept until the next change of the State's Generation.
func (w *Watcher) Egress(dst netip.Addr) (link string, local bool, err error) {
	dst = dst.Unmap()
	generation, now := w.State().Generation, time.Now()
	w.mu.Lock()
	e, known := w.routes.of(generation, now).answers[dst]
	w.mu.Unlock()
	if known {
		return e.link, e.local, e.err
	}
	// The question is asked without the lock: it must not hold up Changed.
	e = w.ask(dst)
	w.mu.Lock()
	// An answer that a change overtook is given, but not kept.
	if w.State().Generation == generation && w.routes.generation == generation {
		w.routes.keep(dst, e, now)
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
