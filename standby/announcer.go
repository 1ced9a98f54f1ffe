package standby

import (
	"context"
	"fmt"
	"net/netip"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/takeover"
)

type addr = netip.Addr

// announcer announces one server's addresses and asks whether it arrived.
type announcer struct {
	s   *Standby
	seg *segment
	v   config.Server
}

func (a *announcer) Announce(ip addr) error { return a.seg.Announce(ip) }

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
	for _, n := range a.v.Takeover.Verify {
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
		t.note(e, mail)
	})
}

// beginWatch looks after what is held from now on.
func (s *Standby) beginWatch(v *server, r plan.Record) {
	if v.watch != nil {
		return
	}
	incident := v.facts.Incident
	parts, err := s.parts(v, incident)
	if err != nil {
		s.log.Error("what is held cannot be watched", "server", v.config.Name, "err", err)
		return
	}
	w := &takeover.Watch{Server: v.plans(ownOrder("watch", ""), false), Parts: parts, Network: watchNet{s.own}}
	w.Report = func(g takeover.Sighting) { s.sighted(v, g) }
	ctx, cancel := context.WithCancelCause(s.stop)
	job := &task{id: r.ID, cancel: cancel, done: make(chan struct{})}
	v.watch = job
	since := r.Started
	if d := r.Step(takeover.StepAnnounce); d != nil && d.Started != nil {
		since = *d.Started
	}
	s.run("watch", func() {
		defer close(job.done)
		defer cancel(nil)
		_ = w.Run(ctx, since, s.deps.Next) // it ends only with its context
	})
}

// watchNet joins what the watch asks of the network.
type watchNet struct{ *ownNet }

// sighted takes what the watch saw to the history and, where it matters, to
// the operators.
func (s *Standby) sighted(v *server, g takeover.Sighting) {
	kinds := map[takeover.SightingKind]struct {
		kind, severity, message string
		mail                    bool
	}{
		takeover.Restored:        {"address.restored", "warning", fmt.Sprintf("%s was put back", g.IP), true},
		takeover.NotRestored:     {"address.unverified", "critical", fmt.Sprintf("%s could not be put back", g.IP), true},
		takeover.Reannounced:     {"address.announced", "info", "the addresses are announced anew", false},
		takeover.StandInDied:     {"standin.died", "warning", "the stand-in of " + v.config.Name + " died", true},
		takeover.StandInRestarts: {"standin.restarted", "info", "the stand-in of " + v.config.Name + " was started again", false},
		takeover.StandInFails:    {"standin.failed", "critical", "the stand-in of " + v.config.Name + " could not be started again", true},
	}
	k := kinds[g.Kind]
	s.box.put(func(t *turn) {
		if v.facts.Role == monitor.StandingBy {
			return
		}
		t.note(journal.Event{
			Kind: k.kind, Severity: k.severity, Server: v.config.Name, Incident: v.facts.Incident,
			Actor: actor(automatic("watch")), Message: k.message, Reason: g.Detail,
		}, k.mail)
	})
}
