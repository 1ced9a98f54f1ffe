package standby

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"failoverd/plan"
	"failoverd/takeover"
	"failoverd/takeover/address"
)

// segment is one interface with its neighbours, and the inquiry that asks them.
type segment struct {
	Segment
	link    string
	net     *ownNet
	inquiry *takeover.Inquiry
	end     context.CancelFunc
	ended   sync.WaitGroup

	// Owned by the loop.
	askers    int                 // servers that are asked for here
	witnesses map[netip.Addr]bool // asked for because of them

	mu      sync.Mutex
	lookups []func() // in the kernel's list of neighbours
	wake    chan struct{}
}

// known looks for a neighbour in the kernel's list, away from the loop.
func (s *segment) known(a netip.Addr, tell func(mac string)) {
	s.mu.Lock()
	s.lookups = append(s.lookups, func() { tell(s.Known(a)) })
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// look does the lookups until the context ends.
func (s *segment) look(ctx context.Context) {
	for {
		s.mu.Lock()
		lookups := s.lookups
		s.lookups = nil
		s.mu.Unlock()
		for _, f := range lookups {
			if ctx.Err() == nil {
				f()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
	}
}

// onLink reports whether an address can be asked for on this segment: the
// kernel would send to it directly, not through a gateway. An address of the
// standby itself counts if it belongs to this link.
func (s *segment) onLink(a netip.Addr) bool {
	l, ok := s.net.State().Links[s.link]
	if !ok || len(l.MAC) == 0 {
		return false
	}
	for _, held := range s.net.State().Addrs {
		if held.Link == s.link && held.Prefix.Bits() < held.Prefix.Addr().BitLen() && held.Prefix.Masked().Contains(a) {
			return true
		}
	}
	return false
}

// openSegments opens every segment that a server needs and that is not open,
// and closes those that none needs any more.
func (s *Standby) openSegments() {
	want := map[string]bool{}
	for _, v := range s.servers {
		if v.link != "" {
			want[v.link] = true
		}
	}
	s.mu.Lock()
	var old []*segment
	for link, seg := range s.segments {
		if !want[link] {
			old = append(old, seg)
			delete(s.segments, link)
		}
	}
	s.mu.Unlock()
	for _, seg := range old {
		seg.close()
	}
	for link := range want {
		if s.segmentFor(link) == nil {
			s.openSegment(link)
		}
	}
}

// openSegment opens one segment. A link that is not there, or has no hardware
// address, has no segment: nothing is asked and nothing can be announced on it,
// and the readiness says so.
func (s *Standby) openSegment(link string) {
	seg := &segment{link: link, net: s.own, witnesses: map[netip.Addr]bool{}, wake: make(chan struct{}, 1)}
	// Claims may be heard before the inquiry hears them: it is there first.
	seg.inquiry = takeover.NewInquiry(func(a netip.Addr) error { return seg.Ask(a) }, s.asked)
	opened, err := s.deps.Segment(link, func(c address.Claim) { s.heardClaim(seg, c) })
	if err != nil {
		s.log.Warn("the segment cannot be asked", "link", link, "err", err)
		return
	}
	seg.Segment = opened
	ctx, end := context.WithCancel(context.Background())
	seg.end = end
	seg.ended.Go(func() {
		if err := opened.Run(ctx); err != nil {
			s.log.Error("the segment is not heard any more", "link", link, "err", err)
		}
	})
	seg.ended.Go(func() { _ = seg.inquiry.Run(ctx) }) // it returns nil
	seg.ended.Go(func() { seg.look(ctx) })
	s.mu.Lock()
	s.segments[link] = seg
	s.mu.Unlock()
}

// close ends the segment's goroutines.
func (s *segment) close() {
	s.end()
	s.ended.Wait()
}

// closeSegments closes all of them.
func (s *Standby) closeSegments() {
	s.mu.Lock()
	segments := s.segments
	s.segments = map[string]*segment{}
	s.mu.Unlock()
	for _, seg := range segments {
		seg.close()
	}
}

// heardClaim takes in that a neighbour speaks for an address.
func (s *Standby) heardClaim(seg *segment, c address.Claim) {
	if c.Probe {
		return // somebody asks for the address and does not hold it
	}
	seg.inquiry.Heard(c.IP, c.MAC.String(), c.At)
}

// asked is told of every question that was sent and every answer that came.
func (s *Standby) asked(ip netip.Addr, f takeover.Found, answered bool) {
	at := f.LastAsked
	if answered {
		at = f.Answered
	}
	if f.Err != nil && !answered {
		return // nothing was asked
	}
	s.box.observe(1, func(t *turn) { t.found(ip, f.MAC, at, answered) })
}

// watchLinks looks at every change of links, addresses and routes.
func (s *Standby) watchLinks(ctx context.Context) error {
	for {
		changed := s.deps.Net.Changed()
		s.box.put(func(t *turn) {
			t.link()
			for _, v := range s.servers {
				s.relink(v)
			}
			s.openSegments()
			if s.findWitnesses() {
				t.aim = true
			}
		})
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// awaitLink waits until the link of a takeover is up, has its segment, and has
// settled, and returns the plan as it can be carried out then.
func (s *Standby) awaitLink(ctx context.Context, p plan.Plan, k sketch, settledAt time.Time) plan.Plan {
	for {
		changed := s.deps.Net.Changed()
		up, _ := s.own.Link(k.server.Link)
		wait := time.Until(settledAt)
		if up && wait <= 0 {
			if drawn, err := s.draw(p.Kind, k); err == nil {
				return drawn
			}
		}
		// The segment is opened by the loop, a moment after the link is there.
		timer := time.NewTimer(max(wait, heartbeat))
		select {
		case <-ctx.Done():
			timer.Stop()
			return p // it is not run any more
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}
