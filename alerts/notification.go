package alerts

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Notification is an alert for programs: what a webhook is sent and a command reads. Every key is always there.
type Notification struct {
	Schema   string     `json:"schema"` // failoverd.alert/1: keys are added to it, and never changed
	ID       string     `json:"id"`     // the same at every attempt
	Event    int64      `json:"event"`  // number in the history
	Kind     string     `json:"kind"`
	Severity string     `json:"severity"` // info, warning or critical
	State    string     `json:"state"`    // a word or two for a small display
	Standby  string     `json:"standby"`
	Server   string     `json:"server"`   // empty where it is about the standby itself
	Incident string     `json:"incident"` // empty where it belongs to none
	Alarm    string     `json:"alarm"`    // the same in what raises an alarm and in what clears it: the incident, where there is one
	Clears   bool       `json:"clears"`   // says that what the alarm was about is over
	Title    string     `json:"title"`    // one line; of an incident, the same in all its alerts
	Summary  string     `json:"summary"`  // one sentence: what this alert says
	Reason   string     `json:"reason"`
	Actor    string     `json:"actor"` // the person or token that ordered it; empty: it happened by itself
	Time     time.Time  `json:"time"`
	Since    time.Time  `json:"since"` // when the incident began
	Attempt  int        `json:"attempt"`
	First    *time.Time `json:"first_tried_at"` // null at the first attempt
	Next     []string   `json:"next"`           // what to do, step by step; commands in backquotes
	Text     string     `json:"text"`           // the whole mail
	Runbook  string     `json:"runbook"`        // anchor in docs/alerts.md
	// RunbookURL is where it can be read: of the standby, where it listens on the network; a file on it otherwise.
	RunbookURL string `json:"runbook_url"`
	Console    string `json:"console"` // link; empty where none is known
	Version    string `json:"version"` // failoverd's
}

// notificationSchema names the meaning of the keys.
const notificationSchema = "failoverd.alert/1"

// notification is the story for programs; id and text are the mail's.
func (s Story) notification(id, text string) Notification {
	kind := s.kind()
	n := Notification{
		Schema: notificationSchema, ID: id, Event: s.Event.Seq, Kind: s.Event.Kind, Severity: s.severity(), State: kind.State,
		Standby: s.Standby, Server: s.Event.Server, Incident: s.Event.Incident,
		Alarm: s.alarm(), Clears: kind.Over,
		Title:   strings.TrimPrefix(strings.TrimPrefix(s.subject(), "Re: "), "failoverd: "),
		Summary: s.fill(kind.Lead), Reason: say(s.Event.Reason), Actor: say(orderedBy(s.Event)),
		Time: s.Event.Time.In(s.Zone), Since: s.began().In(s.Zone), Attempt: s.Mail.Attempts + 1,
		Next: []string{}, Text: text, Runbook: kind.Runbook, Version: s.Version,
	}
	if !s.Mail.FirstTried.IsZero() {
		first := s.Mail.FirstTried.In(s.Zone)
		n.First = &first
	}
	for _, next := range kind.Next {
		n.Next = append(n.Next, s.fill(next))
	}
	if s.Runbooks != "" {
		n.RunbookURL = s.Runbooks + "#" + kind.Runbook
	}
	n.Console = s.link()
	return n
}

// alarm is what raises an alarm and what clears it have in common: the incident, or else whom it is about and the runbook,
// which kinds such as server.path_down and server.path_up share.
func (s Story) alarm() string {
	if s.Event.Incident != "" {
		return s.Event.Incident
	}
	return s.server() + "/" + s.kind().Runbook
}

// document is the notification as it is sent.
func (n Notification) document() []byte {
	body, err := json.Marshal(n)
	if err != nil {
		panic(fmt.Sprintf("a notification has no JSON: %v", err)) // Texts, numbers and times always have one.
	}
	return body
}
