package standby

import (
	"errors"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
)

// effect takes up one effect of a step: what is to be written is gathered, what
// is to be done waits until that is durable.
func (t *turn) effect(v *server, e monitor.Effect, incident string, by plan.Actor) {
	switch e.Do {
	case monitor.Note, monitor.Alert:
		t.note(journal.Event{
			Kind: e.Event, Severity: e.Severity, Server: v.config.Name, Incident: incident,
			Operation: v.operation, Actor: actor(by), Message: e.Message, Reason: e.Reason,
			Evidence: t.evidenceOf(v, e),
		}, e.Do == monitor.Alert)
	case monitor.AskNeighbour:
		t.after(func() { t.s.beginAsking(v) })
	case monitor.StopAsking:
		t.after(func() { t.s.stopAsking(v) })
	case monitor.Consider:
		v.due = true
	case monitor.TakeOver:
		t.beginTakeover(v, e, by)
	case monitor.Release:
		t.beginRelease(v, e, by)
	case monitor.CancelTakeOver:
		if task := v.task; task != nil {
			t.after(func() { task.cancel(errors.Join(plan.ErrCancelled, errors.New(e.Reason))) })
		}
	case monitor.CancelCopy, monitor.SyncChanged:
		// No replication runs in this version; the facts say what it may do.
	case monitor.DefendAddress:
		t.defend(v, e)
	}
}

// evidenceOf is the machine-readable part of an event.
func (t *turn) evidenceOf(v *server, e monitor.Effect) map[string]any {
	f := v.facts
	evidence := map[string]any{
		"state": f.State().String(), "role": f.Role.String(), "misses": f.Misses, "limit": f.Limit(v.policy),
		"epoch": f.Epoch,
	}
	if !f.SilentSince.IsZero() {
		evidence["silent_since"] = f.SilentSince
	}
	if n := f.Neighbour; n.OnLink && n.Asked > 0 {
		evidence["arp_asked"] = n.Asked
		evidence["arp_answered_by"] = n.MAC
	}
	if len(v.config.Addresses) > 0 {
		evidence["address"] = v.config.Address.String()
	}
	return evidence
}

// beginAsking asks for the server's addresses by ARP from now on.
func (s *Standby) beginAsking(v *server) {
	seg := s.segmentFor(v.link)
	if seg == nil || v.facts.Role != monitor.StandingBy {
		return
	}
	v.asked = true
	for _, a := range v.questioned() {
		if seg.onLink(a) {
			seg.inquiry.Begin(a, v.spacing())
		}
	}
	if seg.onLink(v.config.Address) {
		mac := seg.Known(v.config.Address)
		s.box.put(func(t *turn) {
			t.step(v, monitor.Event{Kind: monitor.NeighbourKnown, MAC: mac}, automatic("monitor"))
		})
	}
	for a := range s.witnesses {
		if seg.onLink(a) {
			seg.inquiry.Begin(a, v.spacing())
		}
	}
}

// stopAsking ends it. Witnesses are asked as long as anybody is suspect.
func (s *Standby) stopAsking(v *server) {
	seg := s.segmentFor(v.link)
	if seg == nil || !v.asked {
		return
	}
	v.asked = false
	wanted := false
	for _, o := range s.servers {
		wanted = wanted || o.asked
	}
	for _, a := range v.questioned() {
		seg.inquiry.End(a)
	}
	if !wanted {
		for a := range s.witnesses {
			seg.inquiry.End(a)
		}
	}
}

// defend announces the service addresses again, because another host claims
// one: at once, but not more often than takeover.DefendEvery.
func (t *turn) defend(v *server, e monitor.Effect) {
	if t.now.Sub(v.defended) < defendEvery {
		return
	}
	first := v.defended.IsZero() || t.now.Sub(v.defended) > time.Minute
	v.defended = t.now
	if first {
		t.note(journal.Event{
			Kind: "address.defended", Severity: "warning", Server: v.config.Name, Incident: v.facts.Incident,
			Actor: actor(automatic("conflict watch")), Message: "the address of " + v.config.Name + " is announced again",
			Reason: "on_claim: defend; " + e.MAC + " claims it",
		}, false)
	}
	s := t.s
	t.after(func() {
		seg := s.segmentFor(v.link)
		if seg == nil {
			return
		}
		s.run("defend", func() {
			for _, a := range v.service() {
				if err := seg.Announce(a); err != nil {
					s.log.Warn("the address could not be announced", "server", v.config.Name, "address", a, "err", err)
				}
			}
		})
	})
}
