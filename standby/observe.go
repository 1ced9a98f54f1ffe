package standby

import (
	"net/netip"
	"slices"
	"time"

	"failoverd/monitor"
	"failoverd/monitor/probe"
)

// result takes one probe's result to its server, or to the witness that it is
// about.
func (t *turn) result(r probe.Result) {
	if r.Server == witnessServer {
		t.witnessed(r)
		return
	}
	v, ok := t.s.servers[r.Server]
	if !ok {
		return // removed meanwhile
	}
	if r.Path < 0 {
		t.probed(v, r)
		return
	}
	if r.Path >= len(v.asked) || r.Addr != v.asked[r.Path] {
		return // it is not asked any more
	}
	if t.s.own.own(r.Addr) && r.Outcome != probe.Unknown {
		// The pinger asks the same question before it sends; a ping that was
		// on its way when the address was assumed still counts for nothing.
		r.Outcome, r.Late, r.Evidence = probe.Unknown, false, "this address is on the standby itself"
	}
	t.s.history.add(r)
	if r.Late {
		t.step(v, monitor.Event{Kind: monitor.Late, At: r.At, Path: r.Path, RTT: r.RTT, Evidence: r.Evidence}, automatic("monitor"))
		return
	}
	v.outcomes[r.Path] = r
	v.beats.add(r)
	e := monitor.Event{At: r.At, Path: r.Path, Sent: r.Sent, RTT: r.RTT, Evidence: r.Evidence}
	switch r.Outcome {
	case probe.Answered:
		e.Kind = monitor.Answered
		t.s.deps.Metrics.ObservePing(r.Server, r.RTT)
		t.s.self.heard(r.At)
	case probe.Missed:
		e.Kind = monitor.Missed
		e.Unwitnessed = !t.s.witnessesOff() && v.facts.Unwitnessed(r.Sent, t.s.heard())
		t.s.deps.Metrics.ObserveMiss(r.Server)
		t.timeouts = append(t.timeouts, r.Sent.Add(v.policy.Timeout))
	default:
		e.Kind = monitor.CannotAsk
	}
	t.step(v, e, automatic("monitor"))
	if e.Kind == monitor.Missed {
		t.intend(v, e)
	}
}

// probed takes the result of a further probe.
func (t *turn) probed(v *server, r probe.Result) {
	v.detail[r.Probe] = r
	for _, c := range v.config.Probes {
		if c.Name != r.Probe {
			continue
		}
		e := monitor.Event{At: r.At, Probe: r.Probe, Severity: severity(c.Failure), Limit: c.FailAfter, Evidence: r.Evidence}
		switch r.Outcome {
		case probe.Answered:
			e.Kind = monitor.ProbePassed
		case probe.Missed:
			e.Kind = monitor.ProbeFailed
		default:
			return // cannot tell: counts toward nothing
		}
		t.step(v, e, automatic("monitor"))
	}
}

// found takes what asking for an address by ARP has brought to every server
// that the address belongs to.
func (t *turn) found(ip netip.Addr, mac string, at time.Time, answered bool) {
	for _, v := range t.s.questioned[ip] {
		if v.facts.Role == monitor.StandingIn {
			if answered {
				t.claimed(v, ip, mac, at)
			}
			continue
		}
		e := monitor.Event{Kind: monitor.NeighbourAsked, At: at}
		if answered {
			e.Kind, e.MAC = monitor.NeighbourAnswered, mac
			e.Evidence = ip.String() + " is answered for by " + mac
		}
		t.step(v, e, automatic("monitor"))
	}
	if answered {
		t.witnessedByARP(ip, at)
	}
}

// claimed takes in that another host claims an address that the standby holds.
func (t *turn) claimed(v *server, ip netip.Addr, mac string, at time.Time) {
	if !slices.Contains(v.service(), ip) {
		return
	}
	v.claimedAt = at
	t.step(v, monitor.Event{
		Kind: monitor.Claimed, At: at, MAC: mac,
		Evidence: ip.String() + " is claimed by " + mac,
	}, automatic("conflict watch"))
}

// claimOver is how long a claim has to be silent until it is over: long enough
// for several questions to go unanswered.
const claimOver = 20 * time.Second

// timers does what the passing of time brings.
func (t *turn) timers(now time.Time) {
	for _, v := range t.s.all {
		if until := v.facts.Wish.Until; v.facts.Mode == monitor.Suspended && !until.IsZero() && !now.Before(until) {
			// Nobody is named: nobody has acknowledged anything.
			t.step(v, monitor.Event{Kind: monitor.Resume, Reason: "suspended until " + until.Format(time.RFC3339)}, automatic("schedule"))
		}
		t.remind(v)
		if v.facts.Claim != "" && now.Sub(v.claimedAt) > claimOver {
			t.step(v, monitor.Event{Kind: monitor.Cleared}, automatic("conflict watch"))
		}
		if v.facts.Role == monitor.StandingIn && v.watch == nil && v.task == nil {
			t.after(func() {
				if v.facts.Role == monitor.StandingIn && v.task == nil { // or a release has begun in the same turn
					t.s.beginWatch(v, t.now)
				}
			})
		}
	}
}
