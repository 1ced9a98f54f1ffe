package standby

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
)

// intent is a takeover that will begin if the next ping is missed. It is on disk a moment before that is known, so
// that the address can be assumed while the takeover itself is being written down: the write to the disk is not on
// the way of users who wait. A crash in between leaves an intent and, at worst, a stray address, and the next start
// drops the one because of the other.
type intent struct {
	Server    string    `json:"server"`
	Operation string    `json:"operation"`
	At        time.Time `json:"at"`
}

// valueIntent is where the journal keeps the last intent; empty when nothing is intended.
const valueIntent = "intent"

// intentAhead is how long before a decisive time-out the intent is written: longer than a disk takes that has been
// idle.
const intentAhead = 3 * time.Millisecond

// intentFor is how long an intent is good for: it is about one ping.
const intentFor = 100 * time.Millisecond

// intend is called at the last miss but one. The next ping decides: it was, or is, sent an interval after the one that
// was missed.
func (t *turn) intend(v *server, e monitor.Event) {
	s := t.s
	oneLeft := func() bool {
		f := &v.facts
		return v.policy.Automatic && f.Role == monitor.StandingBy && f.Misses == f.Limit(v.policy)-1 && !f.Frozen
	}
	if !oneLeft() {
		return
	}
	due := e.Sent.Add(v.policy.Interval + v.policy.Timeout - intentAhead)
	time.AfterFunc(time.Until(due), func() {
		s.box.put(func(t *turn) {
			// One at a time: of several servers that are about to be decided about, the first is served first.
			if t.now.Sub(s.self.intent.At) < intentFor || !oneLeft() {
				return
			}
			about := intent{Server: v.config.Name, Operation: newID("takeover", t.now), At: t.now}
			body, err := json.Marshal(about)
			if err != nil {
				return // It consists of texts and a time.
			}
			t.remember(v) // Its facts are written as they are: what is about to be needed is looked for in time.
			t.value(valueIntent, string(body))
			t.after(func() { s.self.intent = about })
		})
	})
}

// intended returns the operation that was written down as the intention to take this server over, empty if there is
// none, and takes it back from the journal together with whatever the turn writes down.
func (t *turn) intended(v *server) string {
	about := t.s.self.intent
	if about.Server != v.config.Name || t.now.Sub(about.At) > intentFor {
		return ""
	}
	return about.Operation
}

// clearIntent takes the intent back as soon as something is written down anyway: what was intended has begun by then,
// or has come to nothing.
func (t *turn) clearIntent() {
	if _, intends := t.batch.Values[valueIntent]; intends || t.s.self.intent.Operation == "" {
		return
	}
	t.value(valueIntent, "")
	t.after(func() { t.s.self.intent = intent{At: t.s.self.intent.At} })
}

// value has a value written down with the turn, unless the turn has said another one.
func (t *turn) value(name, value string) {
	if t.batch.Values == nil {
		t.batch.Values = map[string]string{}
	}
	if _, said := t.batch.Values[name]; !said {
		t.batch.Values[name] = value
	}
}

// interrupted says of an intent that was found at a start what became of it. The address that a takeover may have
// assumed has been dropped with the other strays.
func (t *turn) interrupted(body string, known func(operation string) bool) {
	var about intent
	if body == "" || json.Unmarshal([]byte(body), &about) != nil || known(about.Operation) {
		return
	}
	t.value(valueIntent, "")
	t.note(journal.Event{
		Kind: "takeover.closed", Severity: "warning", Server: about.Server, Operation: about.Operation, Actor: actor(automatic("recovery")),
		Message: fmt.Sprintf("a takeover of %s was about to begin and is taken back", about.Server),
		Reason:  "failoverd ended at " + about.At.Format(time.RFC3339Nano) + " or just after, before it had written the takeover down",
	}, false)
}

// errNotWritten is why a takeover is taken back that could not be written down.
var errNotWritten = errors.Join(plan.ErrCancelled, errUnwritten)
