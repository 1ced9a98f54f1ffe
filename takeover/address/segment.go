package address

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Segment is one interface's view of its neighbours: it hears who claims which
// address (Run) and speaks for the addresses of this host. An interface without
// a hardware address (lo, tun) has no neighbours: everything is heard and said
// there by doing nothing.
type Segment struct {
	name string
	log  *slog.Logger

	hearing sync.Mutex // one claim at a time
	hear    func(Claim)
	opened  *ears // by Listen, until Run takes them
	mouth   mouth

	mu     sync.Mutex
	ifi    *net.Interface  // as it was last seen
	own    map[string]bool // the hardware addresses of this host
	seen   time.Time       // when that was
	voices []netip.Prefix  // the addresses to ask from, as they were last listed
	listed time.Time       // when that was
}

// Listen opens the sockets on an interface, so that nothing is missed from now
// on, and returns its segment. Run has to be called: it hears, and closes them.
// hear is called for one claim at a time and must not block long. Claims by this
// host's own hardware addresses are left out. Errors: ErrNoLink, and those of
// packet sockets (CAP_NET_RAW).
func Listen(ifname string, hear func(Claim), log *slog.Logger) (*Segment, error) {
	s := &Segment{name: ifname, hear: hear, log: log.With("interface", ifname)}
	var err error
	if s.mouth.fd, err = openMouth(); err != nil {
		return nil, fmt.Errorf("speak on %s: %w", ifname, err)
	}
	if s.opened, err = s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", ifname, err), s.mouth.close())
	}
	return s, nil
}

// look asks the kernel for the interface and for this host's hardware
// addresses.
func (s *Segment) look() (*net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var ifi *net.Interface
	own := make(map[string]bool, len(all))
	for i := range all {
		if len(all[i].HardwareAddr) > 0 {
			own[string(all[i].HardwareAddr)] = true
		}
		if all[i].Name == s.name {
			ifi = &all[i]
		}
	}
	if ifi == nil {
		return nil, ErrNoLink
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ifi, s.own, s.seen = ifi, own, time.Now()
	return ifi, nil
}

// MAC is the hardware address of the interface as it was last seen; nil where it
// has none, and there is nobody to announce an address to.
func (s *Segment) MAC() net.HardwareAddr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !hasNeighbours(s.ifi) {
		return nil
	}
	return append(net.HardwareAddr(nil), s.ifi.HardwareAddr...)
}

// hasNeighbours says whether the interface is one of an Ethernet.
func hasNeighbours(ifi *net.Interface) bool {
	return len(ifi.HardwareAddr) == 6 && ifi.Flags&net.FlagLoopback == 0 && !isZero(ifi.HardwareAddr)
}

// isOwn says whether a hardware address is one of this host's.
func (s *Segment) isOwn(mac net.HardwareAddr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own[string(mac)]
}

// recent is how old a look at the interface may be that a question is sent by. To look costs more than to ask, and when
// many primaries are silent there are thousands of questions a second. It is shorter than the time between two questions
// for one address, so that an interface whose hardware address changes spoils one of them at most. By an interface that
// has gone meanwhile nothing can be sent, which is an error and not silence.
const recent = 10 * time.Millisecond

// lookRecently is look, unless that was done a moment ago.
func (s *Segment) lookRecently() (*net.Interface, error) {
	s.mu.Lock()
	ifi, seen := s.ifi, s.seen
	s.mu.Unlock()
	if ifi != nil && time.Since(seen) < recent {
		return ifi, nil
	}
	return s.look()
}

// Ask asks the segment once whether anybody has the address. The answer, if
// any, is a claim. It is not asked in the name of an address that was assumed.
func (s *Segment) Ask(ip netip.Addr) error {
	err := s.send(s.lookRecently, func(ifi *net.Interface) ([][]byte, error) {
		b, err := question(ifi.HardwareAddr, sender(s.voicesRecently(ifi), ip), ip)
		return [][]byte{b}, err
	})
	if err != nil {
		return fmt.Errorf("ask for %s: %w", ip, err)
	}
	return nil
}

// Announce says once, in every form, that this host has the address. That it was
// sent does not mean that it arrived: without a carrier it is lost silently.
func (s *Segment) Announce(ip netip.Addr) error {
	err := s.send(s.look, func(ifi *net.Interface) ([][]byte, error) {
		return announcement(ifi.HardwareAddr, ip)
	})
	if err != nil {
		return fmt.Errorf("announce %s: %w", ip, err)
	}
	return nil
}

// AnnounceFor says once, in every form, that another host has the address: one that has it back from this host, and may not
// say so itself. Many systems do not when an address is put on an interface by hand or by a script, and their neighbours
// would go on sending here until they doubt what they know, some of them for hours.
func (s *Segment) AnnounceFor(ip netip.Addr, holder net.HardwareAddr) error {
	err := s.send(s.look, func(ifi *net.Interface) ([][]byte, error) {
		from := ip
		if !ip.Is4() {
			if from = sender(voices(ifi), ip); !from.IsValid() {
				return nil, errors.New("there is no link-local address to speak from")
			}
		}
		return announcementOf(ifi.HardwareAddr, holder, from, ip)
	})
	if err != nil {
		return fmt.Errorf("announce %s for %s: %w", ip, holder, err)
	}
	return nil
}

// Introduce makes a neighbour use this host for the service address, by asking
// it something in the name of the service address.
func (s *Segment) Introduce(service, neighbour netip.Addr) error {
	err := s.send(s.look, func(ifi *net.Interface) ([][]byte, error) {
		b, err := introduction(ifi.HardwareAddr, service, neighbour)
		return [][]byte{b}, err
	})
	if err != nil {
		return fmt.Errorf("introduce %s to %s: %w", service, neighbour, err)
	}
	return nil
}

// voicesRecently is voices, unless they were listed a moment ago.
func (s *Segment) voicesRecently(ifi *net.Interface) []netip.Prefix {
	s.mu.Lock()
	list, listed := s.voices, s.listed
	s.mu.Unlock()
	if !listed.IsZero() && time.Since(listed) < recent {
		return list
	}
	list = voices(ifi)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.voices, s.listed = list, time.Now()
	return list
}

// send builds frames for the interface as look finds it and sends them.
func (s *Segment) send(look func() (*net.Interface, error), build func(*net.Interface) ([][]byte, error)) error {
	ifi, err := look()
	if err != nil {
		return err
	}
	if !hasNeighbours(ifi) {
		return nil
	}
	frames, err := build(ifi)
	if err != nil {
		return err
	}
	return s.mouth.say(ifi.Index, frames)
}

// voices are the addresses of the interface that this host speaks from. Those that it has assumed are not among them: in the
// name of one that was given back a moment ago neighbours would be told of a holder that it has no more.
func voices(ifi *net.Interface) []netip.Prefix {
	all, err := kernel{}.addresses()
	if err != nil {
		return nil
	}
	var list []netip.Prefix
	for _, e := range all {
		if e.index == ifi.Index && !e.marked() {
			list = append(list, e.prefix)
		}
	}
	return list
}

// sender is the one from which an address is asked for: the link-local one for IPv6, and for IPv4 one of a network that both
// are in, since others need not be answered to. Invalid without one.
func sender(voices []netip.Prefix, ip netip.Addr) netip.Addr {
	for _, own := range voices {
		switch {
		case own.Addr() == ip:
		case ip.Is4() && own.Addr().Is4() && own.Masked().Contains(ip), ip.Is6() && own.Addr().Is6() && own.Addr().IsLinkLocalUnicast():
			return own.Addr()
		}
	}
	return netip.Addr{}
}
