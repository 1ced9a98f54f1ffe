package probe

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Question is what every Prober of one question has in common.
type Question struct {
	Server string
	Name   string // the name of the probe
	Addr   netip.Addr

	// Timeout is how long an answer is waited for.
	Timeout time.Duration

	// Net knows this host's network; nil leaves out the checks of it.
	Net NetState
}

// begin is the result before anything is known.
func (q Question) begin() Result {
	return Result{Server: q.Server, Probe: q.Name, Path: -1, Addr: q.Addr, Sent: time.Now()}
}

// pathFault says why the standby cannot ask, or for a question put at a time,
// why it could not have heard; "" if nothing is wrong on its side.
func (q Question) pathFault(sent time.Time) string {
	if q.Net == nil || !q.Addr.IsValid() {
		return ""
	}
	state := q.Net.State()
	r := findRoute(q.Net, state, q.Addr)
	if r.fault != "" {
		return r.fault
	}
	return linkFault(state, r.link, sent)
}

// end completes a result. What looks like a miss is Unknown where the standby
// is to blame: it was told to stop, it was late itself, its link was down.
func (q Question) end(ctx context.Context, r Result, outcome Outcome, evidence string) Result {
	r.At = time.Now()
	r.Outcome, r.Evidence = outcome, evidence
	took := r.At.Sub(r.Sent)
	if outcome == Answered {
		r.RTT = took
		return r
	}
	if outcome != Missed {
		return r
	}
	blame := ""
	switch {
	case ctx.Err() != nil:
		blame = "the question was broken off"
	case took > q.Timeout+lateGap:
		blame = fmt.Sprintf("the standby itself was late by %s", short(took-q.Timeout))
	default:
		blame = q.pathFault(r.Sent)
	}
	if blame != "" {
		r.Outcome, r.Evidence = Unknown, blame
	}
	return r
}
