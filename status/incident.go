package status

import "time"

// Incident is something wrong that people were told of, until it is over.
type Incident struct {
	ID        string        `json:"id"`
	Server    string        `json:"server" doc:"Empty if it concerns the standby itself"`
	Kind      string        `json:"kind" doc:"Of its first alert"`
	Severity  string        `json:"severity" enum:"warning,critical" doc:"The worst that was said of it"`
	Title     string        `json:"title" doc:"What its first alert said"`
	Latest    string        `json:"latest" doc:"What was said of it last"`
	Opened    time.Time     `json:"opened_at"`
	Ended     *time.Time    `json:"ended_at" doc:"Null while it goes on"`
	Taken     *Acknowledged `json:"acknowledged" doc:"Who takes care of it, null if nobody does"`
	Told      time.Time     `json:"told_at" doc:"When people were last told of it"`
	Reminders int           `json:"reminders" doc:"How often they were reminded, because nobody had acknowledged it"`
	Escalated *time.Time    `json:"escalated_at" doc:"Null if it was not"`
}

// Acknowledged is who takes care of an incident.
type Acknowledged struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}
