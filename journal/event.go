package journal

import (
	"encoding/json"
	"fmt"
	"time"
)

// Actor says who did something.
type Actor struct {
	Kind string `json:"kind"` // automatic, user, token or system
	Name string `json:"name"`
	Via  string `json:"via"`  // socket, https, console, signal, …
	From string `json:"from"` // the address that a request came from
}

// The severities of an event.
const (
	Info     = "info"
	Warning  = "warning"
	Critical = "critical"
)

// Event is one entry of the history. Seq is given by the journal, grows and is never used twice.
type Event struct {
	Seq       int64          `json:"seq"`
	Time      time.Time      `json:"time"`
	Kind      string         `json:"kind"`
	Severity  string         `json:"severity"`
	Server    string         `json:"server"`
	Incident  string         `json:"incident"`
	Operation string         `json:"operation"`
	Actor     Actor          `json:"actor"`
	Message   string         `json:"message"` // one line for people
	Reason    string         `json:"reason"`
	Evidence  map[string]any `json:"evidence"`
}

// Operation is one takeover, release or other plan. An open one is what a restart finishes or undoes.
type Operation struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Server  string          `json:"server"`
	Open    bool            `json:"open"`
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended"`
	Body    json.RawMessage `json:"body"`
}

// Copy is what is remembered of the copies of one catalog of a server: a JSON document of whoever copies.
type Copy struct {
	Server  string
	Catalog string
	Body    json.RawMessage
}

// Alert asks for a mail about an event of the same batch to every recipient.
type Alert struct {
	Kind     string
	Server   string
	Incident string
	Event    int // index in Batch.Events
	// Reminder says that it tells nothing new: it does not go to whom an alert of the same incident waits to be sent.
	Reminder bool
}

// Batch is what one Commit stores, all or nothing.
type Batch struct {
	Events     []Event
	Facts      map[string]json.RawMessage // by server; nil deletes
	Operations []Operation                // added, or replaced by ID
	Copies     []Copy                     // added, or replaced by server and catalog
	Incidents  []Incident                 // added, or replaced by ID
	Alerts     []Alert
	Values     map[string]string // standby-wide: boot_id, …
	Mails      []Mail            // what has become of rows of the outbox, by ID
}

// empty tells whether there is nothing to store.
func (b Batch) empty() bool {
	return len(b.Events)+len(b.Facts)+len(b.Operations)+len(b.Copies)+len(b.Incidents)+len(b.Alerts)+len(b.Values)+len(b.Mails) == 0
}

// encodeEvidence gives the JSON of m. A value that has no JSON is stored as its text, because
// a clumsy piece of evidence must not keep a decision from being written down.
func encodeEvidence(m map[string]any) (any, error) {
	if len(m) == 0 {
		return nil, nil
	}
	plain := make(map[string]any, len(m))
	for k, v := range m {
		if err, is := v.(error); is {
			v = err.Error() // An error's JSON would be {}.
		}
		if _, err := json.Marshal(v); err != nil {
			v = fmt.Sprint(v)
		}
		plain[k] = v
	}
	text, err := json.Marshal(plain)
	return string(text), err
}

// nanos gives the stored form of a time; the zero time is 0.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// moment is the inverse of nanos, in UTC.
func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
