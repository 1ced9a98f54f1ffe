package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/journal"
	"failoverd/status"
)

// Delivery is one row of the delivery log: an alert to one recipient.
type Delivery struct {
	ID         int64      `json:"id"`
	Event      int64      `json:"event" doc:"Sequence number of what it is about"`
	Kind       string     `json:"kind"`
	Server     string     `json:"server"`
	Incident   string     `json:"incident"`
	Recipient  string     `json:"recipient" doc:"A mail address, webhook:NAME, command:NAME, snmp:NAME or syslog:NAME"`
	MessageID  string     `json:"message_id" doc:"The same at every attempt; of a webhook and a command, the id that they are given"`
	State      string     `json:"state" enum:"pending,sent,failed,dropped" doc:"dropped: left out, because there were too many"`
	Answer     string     `json:"answer" doc:"Last answer of the other side, or why there was none"`
	Attempts   int        `json:"attempts"`
	Created    time.Time  `json:"created_at"`
	FirstTried *time.Time `json:"first_tried_at"`
	NextTry    *time.Time `json:"next_try_at" doc:"Null if it is not tried again"`
	Done       *time.Time `json:"done_at" doc:"When it was sent or given up"`
}

// MailList is some mails, the newest first.
type MailList struct {
	Mails []Delivery `json:"mails" nullable:"false"`
	Next  *int64     `json:"next" doc:"Give it as before to go on; null if there is no more"`
}

// TestAlertResult is what came of a test alert.
type TestAlertResult struct {
	OK    bool              `json:"ok" doc:"True if every alert was accepted"`
	Mails []status.TestMail `json:"mails" nullable:"false"`
}

// mailRoutes are the delivery log and the test of it.
func (s *Server) mailRoutes(h huma.API) {
	add(s, h, route{method: http.MethodGet, path: "/mails", id: "list-mails", tag: "alerts", role: Viewer, summary: "The delivery log, the newest first"},
		func(ctx context.Context, in *struct {
			Server   string `query:"server" maxLength:"253" doc:"Only about this server"`
			Incident string `query:"incident" maxLength:"100" doc:"Only about this incident"`
			State    string `query:"state" enum:"pending,sent,failed,dropped"`
			Before   int64  `query:"before" minimum:"0" doc:"Identifier of a mail: only earlier ones"`
			Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		},
		) (*document[MailList], error) {
			c := callerOf(ctx)
			if in.Server != "" && !c.sees(in.Server) {
				return nil, newProblem(http.StatusForbidden, Forbidden, "the token is not good for this server")
			}
			found, err := s.history.Mails(ctx, journal.MailQuery{
				Server: in.Server, Servers: c.servers, Incident: in.Incident, State: in.State, Before: in.Before, Limit: in.Limit + 1,
			})
			if err != nil {
				return nil, err
			}
			mails, next := cut(found, in.Limit, func(m journal.Mail) int64 { return m.ID })
			list := MailList{Mails: []Delivery{}, Next: next}
			for _, m := range mails {
				list.Mails = append(list.Mails, delivery(m))
			}
			return &document[MailList]{list}, nil
		})
	add(s, h, route{
		method: http.MethodPost, path: "/test-alert", id: "test-alert", tag: "alerts", role: Operator, wide: true, changes: true, slow: true,
		errors: []int{409, 503}, summary: "Send a real alert to everybody and show the dialogues",
		detail: "By every way out: mail, webhooks, commands, SNMP, syslog. An alert that is not accepted is no error of the request: `ok` says so. It may take two minutes.",
	},
		func(ctx context.Context, in *struct{ Body *Remark }) (*document[TestAlertResult], error) {
			o, err := order(ctx, orZero(in.Body).Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			mails, err := s.standby.TestAlert(ctx, o)
			result := TestAlertResult{OK: len(mails) > 0, Mails: orEmpty(mails)}
			for _, m := range mails {
				result.OK = result.OK && m.OK
			}
			return &document[TestAlertResult]{result}, err
		})
}

// delivery is a mail of the journal in the words of the API.
func delivery(m journal.Mail) Delivery {
	return Delivery{
		ID: m.ID, Event: m.Event, Kind: m.Kind, Server: m.Server, Incident: m.Incident, Recipient: m.Recipient,
		MessageID: m.MessageID, State: m.State, Answer: m.Answer, Attempts: m.Attempts, Created: m.Created,
		FirstTried: orNull(m.FirstTried), NextTry: orNull(m.NextTry), Done: orNull(m.Done),
	}
}

// orNull is nil for the zero time.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
