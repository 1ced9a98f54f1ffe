package standby

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/takeover"
)

type addr = netip.Addr

// announcer announces one server's addresses and asks whether it arrived.
type announcer struct {
	s      *Standby
	seg    *segment
	verify []addr // neighbours that the configuration names
}

func (a *announcer) Announce(ip addr) error { return a.seg.Announce(ip) }

// repeat announces on schedule while an operation goes on after its announcement:
// a stand-in may take a minute to start, and the neighbours are told meanwhile.
func (s *Standby) repeat(ctx context.Context, k sketch) {
	select {
	case <-ctx.Done():
		return
	case <-k.announced:
	}
	since, holder := time.Now(), markedHolder{Holder: s.deps.Holder, own: s.own}
	for {
		timer := time.NewTimer(s.deps.Next(time.Since(since)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		seg := s.segmentFor(k.server.Link)
		for _, p := range k.server.Addresses {
			if seg != nil && holder.Holds(p.Addr()) && ctx.Err() == nil {
				// The watch says what is wrong with the link, if anything is.
				_ = seg.Announce(p.Addr())
			}
		}
	}
}

// toldTimes is how often the neighbours are told that the primary has its address again: as often as they are told, at
// first, that the standby has it.
const toldTimes = 6

// announcePrimary tells the neighbours who has the service addresses that the standby had: whoever answers for them now. Each
// time that is asked anew, and it ends with the primary's being well.
func (s *Standby) announcePrimary(v *server) {
	seg, name := s.segmentFor(v.link), v.config.Name
	if seg == nil {
		return
	}
	s.run(func() {
		since := time.Now()
		for told := range toldTimes {
			if told > 0 && !pause(s.stop, s.deps.Next(time.Since(since))) {
				return
			}
			// Another role is on its way, or the addresses are others by now.
			service, err := consult(s.stop, s, func(*turn) ([]netip.Addr, error) {
				if v.facts.Role != monitor.StandingBy || v.facts.Health != monitor.OK {
					return nil, nil
				}
				return v.service(), nil
			})
			if err != nil || len(service) == 0 {
				return
			}
			for _, a := range service {
				if seg.onLink(a) {
					s.point(name, seg, a, told == 0)
				}
			}
		}
	})
}

// point tells the neighbours who answers for an address, if anybody does. It is written down when it is done first.
func (s *Standby) point(name string, seg *segment, a netip.Addr, first bool) {
	_, err := seg.inquiry.Afresh(s.stop, a, askedBack)
	held, ok := errors.AsType[*takeover.HeldError](err)
	if !ok {
		return // nobody answers, who is known: the primary may have another of its addresses first
	}
	if err := seg.AnnounceFor(a, held.MAC); err != nil {
		s.log.Warn("the neighbours could not be told who has the address", "server", name, "address", a, "err", err)
		return
	}
	if !first {
		return
	}
	s.box.put(func(t *turn) {
		e := journal.Event{
			Time: t.now, Kind: "address.returned", Severity: "info", Server: name, Actor: actor(automatic("announcer")),
			Message:  fmt.Sprintf("the neighbours are told that %s is at %s again", a, held.MAC),
			Reason:   "it answers for the address since the standby has given it back",
			Evidence: map[string]any{"address": a.String(), "mac": held.MAC},
		}
		t.note(e, false)
		t.again(func(t *turn) { t.note(e, false) })
	})
}

// askedBack is the time between two questions for an address that the primary is known to have.
const askedBack = 100 * time.Millisecond

// pause waits, and reports whether the context has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Verify asks the default gateway, if the segment has it, and the neighbours
// that the configuration names.
func (a *announcer) Verify(ctx context.Context, ip addr) takeover.Verified {
	state := a.s.own.State()
	gateway := state.Gateway4
	if ip.Is6() {
		gateway = state.Gateway6
	}
	var neighbours []netip.Addr
	if gateway.IsValid() && a.seg.onLink(gateway) {
		neighbours = append(neighbours, gateway)
	}
	for _, n := range a.verify {
		if n.Is6() == ip.Is6() && n != gateway {
			neighbours = append(neighbours, n)
		}
	}
	return a.s.deps.Verify(ctx, a.seg.Segment, ip, neighbours)
}

// announced writes down whether an announcement arrived. One that did not is
// alerted: the address is held, but the neighbours send elsewhere.
func (s *Standby) announced(server, incident string, ip addr, v takeover.Verified) {
	s.box.put(func(t *turn) {
		e := journal.Event{
			Kind: "address.announced", Severity: "info", Server: server, Incident: incident, Actor: actor(automatic("takeover")),
			Message: fmt.Sprintf("%s is announced: %s", ip, v.Result), Reason: v.Detail,
			Evidence: map[string]any{"address": ip.String(), "result": v.Result},
		}
		mail := v.Result == "failed"
		if mail {
			e.Kind, e.Severity = "address.unverified", "critical"
			e.Message = fmt.Sprintf("%s is announced, but no neighbour answers it: port security, or a wrong VLAN?", ip)
		}
		e.Time = t.now
		t.note(e, mail)
		t.again(func(t *turn) { t.note(e, mail) })
	})
}

// beginWatch looks after what is held from now on. Where that cannot be done
// now, it is tried again at the next heartbeat. since is when the addresses were
// first announced.
func (s *Standby) beginWatch(v *server, since time.Time) {
	if v.watch != nil || s.stopping {
		return
	}
	k := s.sketch(v, v.plans(ownOrder("watch", ""), false))
	parts, err := s.parts(k)
	if err != nil {
		if v.unwatched != err.Error() {
			v.unwatched = err.Error()
			s.log.Error("what is held cannot be watched", "server", v.config.Name, "err", err)
		}
		return
	}
	v.unwatched = ""
	name := v.config.Name
	w := &takeover.Watch{
		Server: k.server, Parts: parts, Network: s.own, Incomplete: v.facts.Incomplete != "",
		Report: func(g takeover.Sighting) { s.sighted(v, name, g) },
	}
	ctx, cancel := context.WithCancelCause(s.stop)
	job := &task{id: v.operation, cancel: cancel, done: make(chan struct{})}
	v.watch = job
	s.run(func() {
		defer close(job.done)
		defer cancel(nil)
		_ = w.Run(ctx, since, s.deps.Next) // it ends only with its context
	})
}

// sighted takes what the watch saw to the history and, where it matters, to
// the operators.
func (s *Standby) sighted(v *server, name string, g takeover.Sighting) {
	kinds := map[takeover.SightingKind]struct {
		kind, severity, message string
		mail                    bool
	}{
		takeover.Restored:        {"address.restored", "warning", fmt.Sprintf("%s was put back", g.IP), true},
		takeover.NotRestored:     {"address.unverified", "critical", fmt.Sprintf("%s could not be put back", g.IP), true},
		takeover.Reannounced:     {"address.announced", "info", "the addresses are announced anew", false},
		takeover.StandInDied:     {"standin.died", "warning", "the stand-in of " + name + " died", true},
		takeover.StandInRestarts: {"standin.restarted", "info", "the stand-in of " + name + " was started again", false},
		takeover.StandInFails:    {"standin.failed", "critical", "the stand-in of " + name + " could not be started again", true},
	}
	k := kinds[g.Kind]
	s.box.put(func(t *turn) {
		if v.facts.Role == monitor.StandingBy {
			return
		}
		e := journal.Event{
			Time: t.now, Kind: k.kind, Severity: k.severity, Server: name, Incident: v.facts.Incident,
			Actor: actor(automatic("watch")), Message: k.message, Reason: g.Detail,
		}
		t.note(e, k.mail)
		t.again(func(t *turn) { t.note(e, k.mail) })
	})
}
