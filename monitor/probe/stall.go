package probe

import (
	"fmt"
	"time"
)

// lookInterval is how often suspension is looked for while nothing is silent.
const lookInterval = 100 * time.Millisecond

// stopped says for how long the process or the host was stopped, 0 if it was
// not: something was due long ago, or the host slept.
func (l *loop) stopped(r reading) time.Duration {
	if len(l.book.heap) > 0 {
		if gap := r.now - l.book.heap[0].wake; gap > max(stallGap, l.book.shortest) {
			l.clock.suspended()
			return gap
		}
	}
	// The monotonic clock stands still while the host is suspended, so that
	// nothing looks late; but no answer came in that time either.
	if r.now-l.looked < lookInterval && !l.judging(r.now) {
		return 0
	}
	l.looked = r.now
	if slept := l.clock.suspended(); slept > time.Second {
		return slept
	}
	return 0
}

// judging says whether a ping may be judged in this pass.
func (l *loop) judging(now moment) bool {
	e := l.book.due(now)
	return e != nil && e.beat > now
}

// stall throws away what was out while the standby stood still, and takes the
// beat up again where it would be now.
func (l *loop) stall(gap time.Duration, r reading) {
	l.cfg.Log.Warn("the standby itself was stopped, pings that were out are unknown", "gap", gap)
	l.cfg.Stalled(gap)
	evidence := fmt.Sprintf("the standby itself was stopped for %s", short(gap))
	for _, e := range l.book.entries {
		for _, w := range e.windows {
			if !w.missed {
				l.unknown(e, r, w.sent, evidence)
			}
		}
		e.windows = nil
		if e.beat <= r.now {
			e.beat += ((r.now-e.beat)/e.Interval + 1) * e.Interval
		}
		l.book.schedule(e)
	}
	// An old answer finds no ping that it belongs to.
	l.deliver()
}
