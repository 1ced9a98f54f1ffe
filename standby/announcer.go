package standby

import (
	"context"
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
