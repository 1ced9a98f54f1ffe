package standby

import (
	"encoding/json"
	"strings"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/status"
)

const (
	// judgeEvery is how often it is looked whether the servers could be taken over.
	judgeEvery = 30 * time.Second
	// unreadyFor is how long a server must not have been ready before that is mailed: much passes by itself in a moment.
	unreadyFor = 2 * time.Minute
)

// valueUnready is where the journal keeps the servers of which it was mailed that they are not ready: the incident of each.
const valueUnready = "not_ready"

// unready is a server that could not be taken over.
type unready struct {
	since    time.Time // by what was seen since the start
	incident string    // of the mail that says so; empty if none does
}

// judge has the readiness of the servers looked at, away from the loop, and said when it changes. A standby that could not have
// taken over is noticed before the day.
func (t *turn) judge() {
	s := t.s
	if s.judging || t.now.Sub(s.judged) < judgeEvery {
		return
	}
	s.judging, s.judged = true, t.now
	s.run(func() {
		snapshot := s.Snapshot()
		s.box.put(func(t *turn) {
			s.judging = false
			t.judgement(snapshot)
		})
	})
}

// judgement says which servers are not ready any more, or are again.
func (t *turn) judgement(s status.Snapshot) {
	next, changed := map[string]unready{}, false
	for _, v := range s.Servers {
		if _, there := t.s.servers[v.Name]; !there {
			continue // removed meanwhile
		}
		was := t.s.self.unready[v.Name]
		now, e := judged(was, v, s.Standby.Isolated != nil, t.now)
		if e != nil {
			t.note(*e, true)
		}
		changed = changed || now.incident != was.incident
		if now != (unready{}) {
			next[v.Name] = now
		}
	}
	t.s.self.unready = next
	if changed {
		t.value(valueUnready, incidents(next))
	}
}

// judged is what is known of a server's readiness after another look, and what is to be said. Nothing is judged while
// something else is in the way that has a mail of its own, or that somebody has ordered.
func judged(was unready, v status.Server, isolated bool, now time.Time) (unready, *journal.Event) {
	why, other := obstacles(v.Readiness.Checks)
	switch {
	case isolated, other, v.Mode != monitor.Active.String(), v.Role != monitor.StandingBy.String(), v.State == monitor.StateFailure.String():
		return unready{incident: was.incident}, nil
	case why == "" && was.incident == "":
		return unready{}, nil
	case why == "":
		return unready{}, &journal.Event{
			Kind: "server.ready", Severity: "info", Server: v.Name, Incident: was.incident, Actor: actor(automatic("readiness")),
			Message: v.Name + ": a takeover would succeed again", Reason: "no check stands against it",
		}
	case was.since.IsZero():
		return unready{since: now, incident: was.incident}, nil
	case was.incident != "" || now.Sub(was.since) < unreadyFor:
		return was, nil
	}
	was.incident = v.Name + "-r" + now.UTC().Format("20060102-150405")
	return was, &journal.Event{
		Kind: "server.not_ready", Severity: "critical", Server: v.Name, Incident: was.incident, Actor: actor(automatic("readiness")),
		Message: v.Name + ": a takeover would not succeed now", Reason: why,
		Evidence: map[string]any{"since": was.since.Format(time.RFC3339Nano)},
	}
}

// obstacles is what stands against a takeover; other says that something does of which another mail tells, or that no mail
// can tell.
func obstacles(checks []status.Check) (why string, other bool) {
	var list []string
	for _, c := range checks {
		switch {
		case c.Result != "critical":
		case c.Name == "asked", c.Name == "journal":
			other = true
		default:
			list = append(list, c.Name+": "+c.Value)
		}
	}
	return strings.Join(list, "; "), other
}

// incidents is a set of servers that are not ready, as the journal keeps it.
func incidents(set map[string]unready) string {
	told := map[string]string{}
	for name, one := range set {
		if one.incident != "" {
			told[name] = one.incident
		}
	}
	body, _ := json.Marshal(told) // strings are never refused
	return string(body)
}

// recallUnready reads what incidents wrote; what cannot be read is nothing: it is mailed once more.
func recallUnready(body string) map[string]unready {
	var told map[string]string
	if json.Unmarshal([]byte(body), &told) != nil {
		return nil
	}
	set := map[string]unready{}
	for name, incident := range told {
		set[name] = unready{incident: incident}
	}
	return set
}
