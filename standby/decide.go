package standby

import (
	"fmt"
	"time"

	"failoverd/monitor"
	"failoverd/status"
)

// consider asks, for every server that has failed and is not being taken over,
// whether it may be. A server that is to be asked about again because of that is
// in the next turn.
func (t *turn) consider() {
	due := t.s.due
	t.s.due = nil
	for _, v := range due {
		v.due = false
		if t.s.servers[v.config.Name] == v && !t.s.stopping {
			t.decide(v)
		}
	}
}

// decide decides about one server.
func (t *turn) decide(v *server) {
	s := t.s
	if v.facts.Mode != monitor.Active || v.facts.Health != monitor.Failure || v.facts.Role != monitor.StandingBy || s.self.isolated {
		return
	}
	situation := s.situation(v, t.now)
	d := monitor.Decide(situation)
	if v.decision == nil || d.TakeOver != v.decision.TakeOver || d.Hold.Code != v.decision.Hold.Code {
		v.evidence = evidence(situation)
		v.decided = t.now
	}
	v.decision = &d
	if d.Isolated {
		t.isolate(d.Hold.Reason)
		return
	}
	t.step(v, monitor.Event{Kind: monitor.Decided, Decision: &d}, automatic("decision"))
}

// quiet reports whether there is nothing about a server that a decision about
// another one looks at, except that it answers.
func (s *server) quiet() bool {
	f := &s.facts
	return f.Role == monitor.StandingBy && f.Health == monitor.OK && f.Misses == 0 && f.SilentSince.IsZero()
}

// situation gathers what a decision looks at. Of the servers that are well, the
// one that answered last stands for all: there may be thousands.
func (s *Standby) situation(v *server, now time.Time) monitor.Situation {
	up, _ := s.own.Link(v.link)
	m := monitor.Situation{
		Now: now, Facts: v.facts, Policy: v.policy,
		Link: v.link, LinkUp: up, SettledAt: s.self.settledAt, Unsettled: s.self.unsettled,
		Unreadable: s.unreadable, Unwritable: s.self.unwritable, WitnessesOff: s.witnessesOff(), Capacity: s.config.Standby.Capacity,
		Data: v.data(now),
	}
	for _, w := range s.witnesses {
		m.Witnesses = append(m.Witnesses, monitor.Witness{Name: w.kind + " " + w.addr.String(), LastAnswer: w.lastAnswer})
	}
	var well *server
	for _, o := range s.all {
		switch {
		case o == v:
		case !o.quiet():
			m.Others = append(m.Others, monitor.Other{Name: o.config.Name, Facts: o.facts, Policy: o.policy})
		case o.facts.Mode == monitor.Active && (well == nil || o.facts.LastAnswer.After(well.facts.LastAnswer)):
			well = o
		}
	}
	if well != nil {
		m.Others = append(m.Others, monitor.Other{Name: well.config.Name, Facts: well.facts, Policy: well.policy})
	}
	return m
}

// evidence is what was known when it was decided, for `failoverd explain`.
func evidence(m monitor.Situation) []status.Fact {
	f, p := m.Facts, m.Policy
	list := []status.Fact{
		{Name: "consecutive misses", Value: fmt.Sprintf("%d (limit %d, warning at %d)", f.Misses, f.Limit(p), p.WarnAfter)},
		{Name: "silent since", Value: stamp(f.SilentSince)},
		{Name: "last answer", Value: stamp(f.LastAnswer)},
		{Name: "interval, timeout", Value: fmt.Sprintf("%s, %s", p.Interval, p.Timeout)},
		{Name: "own link", Value: fmt.Sprintf("%s, up: %t", m.Link, m.LinkUp)},
		{Name: "capacity", Value: fmt.Sprint(m.Capacity)},
	}
	if f.AfterReboot {
		list = append(list, status.Fact{Name: "standby host rebooted", Value: fmt.Sprintf("fail_after_reboot %d in force until the first answer", p.FailAfterReboot)})
	}
	n := f.Neighbour
	switch {
	case !n.OnLink:
		list = append(list, status.Fact{Name: "ARP", Value: "not asked: the primary is not on the standby's segment"})
	case n.Answered.IsZero():
		list = append(list, status.Fact{Name: "ARP", Value: fmt.Sprintf("no answer to %d questions since %s", n.Asked, stamp(n.FirstAsked))})
	default:
		list = append(list, status.Fact{Name: "ARP", Value: fmt.Sprintf("%s answered at %s (known as %s), %d questions", n.MAC, stamp(n.Answered), orNone(n.Known), n.Asked)})
	}
	for _, w := range m.Witnesses {
		list = append(list, status.Fact{Name: "witness " + w.Name, Value: "last answer " + stamp(w.LastAnswer)})
	}
	for _, o := range m.Others {
		if o.Facts.Misses > 0 || o.Facts.Role != monitor.StandingBy {
			list = append(list, status.Fact{Name: "server " + o.Name, Value: fmt.Sprintf("%s, %s, %d misses, priority %d",
				o.Facts.State(), o.Facts.Role, o.Facts.Misses, o.Policy.Priority)})
		}
	}
	for _, c := range f.Probes {
		if c.Failed {
			list = append(list, status.Fact{Name: "probe " + c.Name, Value: fmt.Sprintf("failed %d times: %s", c.Misses, c.Evidence)})
		}
	}
	return list
}
