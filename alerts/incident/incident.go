// Package incident says what becomes of an incident: from the first alert about it, by what is said of it, by the person who
// takes it, and by the clock, to its end. It is pure: it reads no clock and sends nothing.
package incident

import "time"

// The severities, the least first, as the journal has them.
const (
	Info     = "info"
	Warning  = "warning"
	Critical = "critical"
)

// rank orders the severities. What is none of them is a warning.
func rank(severity string) int {
	switch severity {
	case Info:
		return 0
	case Critical:
		return 2
	}
	return 1
}

// Incident is something wrong that people were told of, until it is over. Its JSON is what the journal keeps.
type Incident struct {
	ID       string    `json:"id"`
	Key      string    `json:"key"` // what it is about, for incidents that no outage of a server names
	Server   string    `json:"server"`
	Kind     string    `json:"kind"`     // of its first alert
	Severity string    `json:"severity"` // the worst that was said of it
	Title    string    `json:"title"`    // what its first alert said
	Latest   string    `json:"latest"`   // what was said last
	Opened   time.Time `json:"opened"`
	Worsened time.Time `json:"worsened"` // since when its severity is that
	Told     time.Time `json:"told"`     // when people were last told: by an alert, or a reminder
	Reminded int       `json:"reminded"` // how often nobody had taken it for so long

	Escalated time.Time `json:"escalated"` // zero: not
	Taken     *Taken    `json:"taken"`     // nil: nobody has
	Ended     time.Time `json:"ended"`     // zero: it goes on
}

// Taken is who takes care of an incident.
type Taken struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Alert is something that people are told of an incident.
type Alert struct {
	ID, Key, Server string
	Kind, Severity  string
	Message         string
	At              time.Time
}

// Opens tells whether an alert that belongs to no open incident begins one. Good news do not.
func Opens(a Alert) bool { return a.ID != "" && rank(a.Severity) > rank(Info) }

// Open is the incident that an alert begins.
func Open(a Alert) Incident {
	return Incident{
		ID: a.ID, Key: a.Key, Server: a.Server, Kind: a.Kind, Severity: a.Severity, Title: a.Message, Latest: a.Message,
		Opened: a.At, Worsened: a.At, Told: a.At,
	}
}

// Tell is the incident after one more alert. Whoever has taken it has taken what they knew of: when it gets worse, somebody
// has to take it anew.
func (i Incident) Tell(a Alert) Incident {
	i.Latest, i.Told = a.Message, a.At
	if rank(a.Severity) > rank(i.Severity) {
		i.Severity, i.Worsened, i.Taken = a.Severity, a.At, nil
	}
	return i
}

// Take is the incident that somebody takes care of. Whoever took it first is kept; it then tells false.
func (i Incident) Take(by, reason string, at time.Time) (Incident, bool) {
	if i.Taken != nil || !i.Ended.IsZero() {
		return i, false
	}
	i.Taken = &Taken{By: by, Reason: reason, At: at}
	return i, true
}

// End is the incident that is over.
func (i Incident) End(at time.Time) Incident {
	if i.Ended.IsZero() {
		i.Ended = at
	}
	return i
}

// Policy says how long nobody may take an incident before something is said.
type Policy struct {
	RemindEvery   time.Duration // 0: nobody is reminded
	EscalateAfter time.Duration // 0: nothing is escalated
}

// Action is what the clock asks for.
type Action int

// The actions.
const (
	Nothing  Action = iota
	Remind          // those who were told, that nobody has taken it
	Escalate        // to those who are there for that
)

// Due is what is to be said at that time, and the incident as it is when that has been said. Only what is critical is
// escalated, and once; whoever is told of that need not be reminded at the same moment. A clock that was set back postpones
// nothing for longer than one interval.
func (i Incident) Due(p Policy, now time.Time) (Incident, Action) {
	if !i.Ended.IsZero() || i.Taken != nil {
		return i, Nothing
	}
	if i.Told.After(now) {
		i.Told = now
	}
	if i.Worsened.After(now) {
		i.Worsened = now
	}
	if p.EscalateAfter > 0 && i.Severity == Critical && i.Escalated.IsZero() && now.Sub(i.Worsened) >= p.EscalateAfter {
		i.Escalated, i.Told = now, now
		return i, Escalate
	}
	if p.RemindEvery > 0 && now.Sub(i.Told) >= p.RemindEvery {
		i.Told = now
		i.Reminded++
		return i, Remind
	}
	return i, Nothing
}
