package standby

import (
	"time"

	"failoverd/monitor"
)

// rehearsal is how long before a decisive time-out the journal is written once,
// for no other reason than that it is about to be needed. A processor and a disk
// that have been idle for a tenth of a second take 1 to 2 ms for what takes them
// 0.4 ms a moment later, and that time would be on the way to the takeover.
const rehearsal = 3 * time.Millisecond

// rehearsals is the least time between two rehearsals, however many servers are
// about to be decided about.
const rehearsals = 50 * time.Millisecond

// valueSuspect is what a rehearsal writes down: whom it was about, and when.
const valueSuspect = "last_suspect"

// rehearse is called at the last miss but one. The next ping decides: it was, or
// is, sent an interval after the one that was missed.
func (t *turn) rehearse(v *server, e monitor.Event) {
	s, name := t.s, v.config.Name
	if v.facts.Role != monitor.StandingBy || v.facts.Misses != v.facts.Limit(v.policy)-1 || v.facts.Frozen {
		return
	}
	due := e.Sent.Add(v.policy.Interval + v.policy.Timeout - rehearsal)
	time.AfterFunc(time.Until(due), func() {
		s.box.put(func(t *turn) {
			if t.now.Sub(s.self.rehearsed) < rehearsals {
				return
			}
			s.self.rehearsed = t.now
			t.remember(v) // its facts are written as they are
			if t.batch.Values == nil {
				t.batch.Values = map[string]string{}
			}
			t.batch.Values[valueSuspect] = name + " " + t.now.Format(time.RFC3339Nano)
		})
	})
}
