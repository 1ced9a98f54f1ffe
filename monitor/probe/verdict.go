package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// answered records a reply, if it is the answer to a ping of ours.
func (l *loop) answered(from netip.Addr, rep reply, stamp int64, r reading) {
	e, w, ok := l.book.answer(from, rep)
	if !ok {
		return
	}
	came := r.received(stamp, l.before, w.sent)
	result := Result{
		Server: e.Server, Probe: e.probe, Path: e.Path, Addr: e.Addr,
		At: r.at, Sent: r.time(w.sent), RTT: came - w.sent, Outcome: Answered,
	}
	switch {
	case !w.missed && came <= w.deadline:
		e.silent = false
	case w.missed:
		result.Late, result.Outcome = true, Missed
		result.Evidence = fmt.Sprintf("answered only after %s, the time-out is %s", short(result.RTT), e.Timeout)
	default:
		// The answer came too late and before anybody looked: it is a miss
		// and a late answer, in that order.
		l.missed(e, w, r)
		late := result
		late.Late, late.Outcome = true, Missed
		late.Evidence = fmt.Sprintf("answered only after %s, the time-out is %s", short(result.RTT), e.Timeout)
		result = late
	}
	l.results = append(l.results, result)
}

// missed records a ping without an answer in time.
func (l *loop) missed(e *entry, w window, r reading) {
	if !e.silent {
		e.silent = true
		e.renew()
	}
	l.results = append(l.results, Result{
		Server: e.Server, Probe: e.probe, Path: e.Path, Addr: e.Addr,
		At: r.at, Sent: r.time(w.sent), Outcome: Missed, Evidence: "no answer within " + e.Timeout.String(),
	})
}

// judge decides on every ping of an entry that is out of time.
func (l *loop) judge(e *entry, r reading) {
	for i := 0; i < len(e.windows); i++ {
		w := e.windows[i]
		if w.missed || w.deadline > r.now {
			continue
		}
		if fault := l.ownFault(e, w, r); fault != "" {
			e.windows = slices.Delete(e.windows, i, i+1)
			i--
			l.unknown(e, r, w.sent, fault)
			continue
		}
		e.windows[i].missed = true
		l.missed(e, w, r)
	}
}

// ownFault says why a ping without an answer says nothing of its target, "" if
// it does.
func (l *loop) ownFault(e *entry, w window, r reading) string {
	if late := r.now - w.deadline; late > max(e.Interval, lateGap) {
		return fmt.Sprintf("the standby itself was late by %s", short(late))
	}
	f := l.familyOf(e)
	if f.sockets == nil || f.opened > w.sent {
		return "the standby's own socket broke while the ping was out"
	}
	if f.pick(e).lossy > w.sent {
		return "the standby had no room for an answer that came"
	}
	return l.pathFault(e, r.time(w.sent))
}

// pathFault says what is wrong on the standby's own side of the way to an
// entry, for a ping that was or will be sent at a time; "" if nothing is.
func (l *loop) pathFault(e *entry, sent time.Time) string {
	if l.cfg.Net == nil {
		return ""
	}
	state := l.cfg.Net.State()
	if e.route.generation != state.Generation {
		e.route = findRoute(l.cfg.Net, state, e.Addr)
	}
	if e.route.fault != "" {
		return e.route.fault
	}
	return linkFault(state, e.route.link, sent)
}

// short rounds a duration to what people want to read.
func short(d time.Duration) time.Duration {
	switch {
	case d > time.Minute:
		return d.Round(time.Second)
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	default:
		return d.Round(10 * time.Microsecond)
	}
}
