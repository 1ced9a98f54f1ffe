package standby

import (
	"context"
	"net/netip"
	"sync"
	"time"

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
	seg := &segment{link: link, net: s.own}
	opened, err := s.deps.Segment(link, func(c address.Claim) { s.heardClaim(seg, c) })
	if err != nil {
		s.log.Warn("the segment cannot be asked", "link", link, "err", err)
		return
	}
	seg.Segment = opened
	seg.inquiry = takeover.NewInquiry(opened.Ask, s.asked)
	ctx, end := context.WithCancel(context.Background())
	seg.end = end
	seg.ended.Go(func() {
		if err := opened.Run(ctx); err != nil {
			s.log.Error("the segment is not heard any more", "link", link, "err", err)
		}
	})
	seg.ended.Go(func() { _ = seg.inquiry.Run(ctx) }) // it returns nil
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
	if seg.inquiry == nil || c.Probe {
		return // somebody asks for the address and does not hold it
	}
	seg.inquiry.Heard(c.IP, c.MAC.String(), c.At)
}

// asked is told of every question that was sent and every answer that came.
func (s *Standby) asked(ip netip.Addr, f takeover.Found) {
	at, answered := f.LastAsked, false
	if f.Answered.After(f.LastAsked) {
		at, answered = f.Answered, true
	}
	if f.Err != nil && !answered {
		return // nothing was asked
	}
	s.box.put(func(t *turn) { t.found(ip, f.MAC, at, answered) })
}

// watchLinks looks at every change of links, addresses and routes.
func (s *Standby) watchLinks(ctx context.Context) error {
	for {
		changed := s.deps.Net.Changed()
		s.box.put(func(t *turn) {
			before := len(s.witnesses)
			s.findWitnesses()
			t.link()
			for _, v := range s.servers {
				v.link = s.linkOf(v.config)
			}
			s.openSegments()
			if len(s.witnesses) != before {
				s.retarget()
			}
		})
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// defendEvery is the least time between two defences of one server's address.
const defendEvery = takeover.DefendEvery

// awaitLink waits until a link is up, has its segment, and has settled.
func (s *Standby) awaitLink(ctx context.Context, link string, settledAt time.Time) {
	for {
		changed := s.deps.Net.Changed()
		up, _ := s.own.Link(link)
		wait := time.Until(settledAt)
		if up && wait <= 0 && s.segmentFor(link) != nil {
			return
		}
		timer := time.NewTimer(max(wait, heartbeat))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}
