package standby

import (
	"fmt"
	"strings"
	"time"

	"failoverd/monitor"
	"failoverd/status"
)

// consider asks, for every server that has failed and is not being taken over,
// whether it may be. The one with the best claim to the capacity is asked
// first, so that the others see what became of it.
func (t *turn) consider() {
	for _, name := range t.s.order {
		v := t.s.servers[name]
		if !v.due {
			continue
		}
		v.due = false
		t.decide(v)
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

// situation gathers what a decision looks at.
func (s *Standby) situation(v *server, now time.Time) monitor.Situation {
	up, _ := s.own.Link(v.link)
	m := monitor.Situation{
		Now: now, Facts: v.facts, Policy: v.policy,
		Link: v.link, LinkUp: up, SettledAt: s.self.settledAt, Unsettled: s.self.unsettled,
		Unwritable: s.self.unwritable, WitnessesOff: s.witnessesOff(), Capacity: s.config.Standby.Capacity,
		Data: monitor.Data{Note: v.dataNote()},
	}
	for _, w := range s.witnesses {
		m.Witnesses = append(m.Witnesses, monitor.Witness{Name: w.kind + " " + w.addr.String(), LastAnswer: w.lastAnswer})
	}
	for _, name := range s.order {
		if o := s.servers[name]; o != v {
			m.Others = append(m.Others, monitor.Other{Name: name, Facts: o.facts, Policy: o.policy})
		}
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

// explanation is the last decision as people read it.
func (v *server) explanation(operation *operationView) status.Explanation {
	e := status.Explanation{Server: v.config.Name, Verdict: "none", Steps: []status.Reason{}, Evidence: []status.Fact{}, Timing: []status.Fact{}, Plan: []status.Fact{}}
	if v.decision != nil {
		at := v.decided
		e.At, e.Evidence = &at, append(e.Evidence, v.evidence...)
		e.Verdict = "hold"
		if v.decision.TakeOver {
			e.Verdict = "take over"
		} else {
			e.Hold = &status.Hold{Code: string(v.decision.Hold.Code), Reason: v.decision.Hold.Reason}
		}
		for _, a := range v.decision.Steps {
			r := status.Reason{Question: a.Question, Answer: a.Reason}
			if a.Asked {
				passed := a.Passed
				r.Passed = &passed
			}
			e.Steps = append(e.Steps, r)
		}
	}
	if operation != nil {
		r := operation.record
		e.Timing = append(e.Timing, status.Fact{Name: r.Kind + " began", Value: stamp(r.Started)})
		if v.decision != nil && !v.decided.IsZero() && r.By.Kind == "automatic" {
			e.Timing = append(e.Timing, status.Fact{Name: "decided", Value: stamp(v.decided)})
		}
		if r.Ended != nil {
			e.Timing = append(e.Timing, status.Fact{Name: r.Kind + " took", Value: r.Ended.Sub(r.Started).Round(time.Microsecond).String()})
		}
		for _, d := range r.Steps {
			parts := []string{string(d.State)}
			if took := d.Duration(); took > 0 {
				parts = append(parts, took.Round(time.Microsecond).String())
			}
			if d.Note != "" {
				parts = append(parts, d.Note)
			}
			if d.Error != "" {
				parts = append(parts, d.Error)
			}
			e.Plan = append(e.Plan, status.Fact{Name: d.Name, Value: strings.Join(parts, ", ")})
		}
	}
	return e
}

// stamp is a point in time as an explanation shows it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("2006-01-02 15:04:05.000 -07:00")
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
