package standby

import (
	"net/netip"
	"slices"

	"failoverd/monitor"
)

// asking is what a server's addresses are asked for by ARP with: ended with the
// same segment and the same addresses, whatever a reload has changed meanwhile.
type asking struct {
	seg   *segment
	addrs []netip.Addr
}

// beginAsking asks for the server's addresses by ARP from now on. What is asked
// for already goes on, with what it has brought: a takeover that is due would
// have to wait for new answers.
func (s *Standby) beginAsking(v *server) {
	seg := s.segmentFor(v.link)
	if seg == nil || v.facts.Role != monitor.StandingBy && v.facts.Role != monitor.TakingOver {
		return
	}
	addrs := slices.DeleteFunc(v.questioned(), func(a netip.Addr) bool { return !seg.onLink(a) })
	if v.asking != nil && (v.asking.seg != seg || !slices.Equal(v.asking.addrs, addrs)) {
		s.stopAsking(v)
	}
	if v.asking == nil {
		v.asking = &asking{seg: seg, addrs: addrs}
		seg.askers++
	}
	for _, a := range addrs {
		seg.inquiry.Begin(a, v.spacing())
	}
	for a := range s.witnesses {
		if seg.onLink(a) {
			seg.witnesses[a] = true
			seg.inquiry.Begin(a, v.spacing())
		}
	}
	if address := v.config.Address; seg.onLink(address) {
		// That it can be asked is known at once; what the kernel knows of it is
		// found in a list of all neighbours, which may be long.
		s.box.put(func(t *turn) { t.step(v, monitor.Event{Kind: monitor.NeighbourKnown}, automatic("monitor")) })
		seg.known(address, func(mac string) {
			s.box.put(func(t *turn) {
				if mac != "" && v.config.Address == address {
					t.step(v, monitor.Event{Kind: monitor.NeighbourKnown, MAC: mac}, automatic("monitor"))
				}
			})
		})
	}
}

// stopAsking ends it. Witnesses are asked as long as anybody is suspect.
func (s *Standby) stopAsking(v *server) {
	if v.asking == nil {
		return
	}
	seg := v.asking.seg
	for _, a := range v.asking.addrs {
		seg.inquiry.End(a)
	}
	v.asking = nil
	seg.askers--
	if seg.askers > 0 {
		return
	}
	for a := range seg.witnesses {
		seg.inquiry.End(a)
	}
	clear(seg.witnesses)
}
