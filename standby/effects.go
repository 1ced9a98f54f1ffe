package standby

import (
	"cmp"
	"errors"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/takeover"
)

// effect takes up one effect of a step: what is to be written is gathered, what
// is to be done waits until that is durable.
func (t *turn) effect(v *server, e monitor.Effect, incident string, by plan.Actor) {
	switch e.Do {
	case monitor.Note, monitor.Alert:
		t.note(journal.Event{
			Kind: e.Event, Severity: e.Severity, Server: v.config.Name, Incident: cmp.Or(e.Incident, incident),
			Operation: v.operation, Actor: actor(by), Message: e.Message, Reason: e.Reason,
			Evidence: t.evidenceOf(v, e),
		}, e.Do == monitor.Alert)
	case monitor.AskNeighbour:
		t.after(func() { t.s.beginAsking(v) })
	case monitor.StopAsking:
		t.after(func() { t.s.stopAsking(v) })
	case monitor.Consider:
		if !v.due {
			v.due = true
			t.s.due = append(t.s.due, v)
		}
	case monitor.TakeOver:
		t.operate(v, "takeover", e)
	case monitor.Release:
		t.operate(v, "release", e)
	case monitor.CancelTakeOver:
		if task := v.task; task != nil {
			t.after(func() { task.cancel(errors.Join(plan.ErrCancelled, errors.New(e.Reason))) })
		}
	case monitor.CancelCopy:
		if j := v.job; j != nil && !j.waiting {
			t.after(func() { j.cancel(errors.Join(plan.ErrCancelled, errors.New(e.Reason))) })
		}
	case monitor.SyncChanged:
		// What may travel is asked when something is about to.
	case monitor.DefendAddress:
		t.defend(v, e)
	case monitor.AnnouncePrimary:
		t.after(func() { t.s.announcePrimary(v) })
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
		evidence["since"] = f.SilentSince.Format(time.RFC3339Nano)
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

// defend announces the service addresses again, because another host claims
// one: at once, but not more often than takeover.DefendEvery.
func (t *turn) defend(v *server, e monitor.Effect) {
	if t.now.Sub(v.defended) < takeover.DefendEvery {
		return
	}
	t.remember(v)
	first := v.defended.IsZero() || t.now.Sub(v.defended) > time.Minute
	v.defended = t.now
	if first {
		t.note(journal.Event{
			Kind: "address.defended", Severity: "warning", Server: v.config.Name, Incident: v.facts.Incident,
			Actor: actor(automatic("conflict watch")), Message: "the address of " + v.config.Name + " is announced again",
			Reason: "on_claim: defend; " + e.MAC + " claims it",
		}, false)
	}
	s, name, link, service := t.s, v.config.Name, v.link, v.service()
	t.after(func() {
		seg := s.segmentFor(link)
		if seg == nil {
			return
		}
		s.run(func() {
			for _, a := range service {
				if err := seg.Announce(a); err != nil {
					s.log.Warn("the address could not be announced", "server", name, "address", a, "err", err)
				}
			}
		})
	})
}
