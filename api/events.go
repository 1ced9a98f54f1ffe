package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/journal"
)

// EventQuery chooses events. Zero fields choose all.
type EventQuery struct {
	Since         time.Time
	After, Before int64 // Seq > After, Seq < Before
	Server        string
	Kind          string // may be a pattern: takeover.*
	Incident      string
	Limit         int  // 0: 100
	Newest        bool // newest first; otherwise oldest first
}

// values are the query as parameters of a request.
func (q EventQuery) values() url.Values {
	order := "oldest"
	if q.Newest {
		order = "newest"
	}
	return query("since", instant(q.Since), "after", number64(q.After), "before", number64(q.Before), "server", q.Server,
		"kind", q.Kind, "incident", q.Incident, "limit", number(q.Limit), "order", order)
}

// EventList is some events.
type EventList struct {
	Events []journal.Event `json:"events" nullable:"false"`
	Next   *int64          `json:"next" doc:"Give it as before (newest first) or after (oldest first) to go on; null if there is no more"`
}

// eventChoice are the parameters of a history.
type eventChoice struct {
	Since    time.Time `query:"since" doc:"Not older than this"`
	After    int64     `query:"after" minimum:"0" doc:"Sequence number: only later ones"`
	Before   int64     `query:"before" minimum:"0" doc:"Sequence number: only earlier ones"`
	Server   string    `query:"server" maxLength:"253" doc:"Only of this server"`
	Kind     string    `query:"kind" maxLength:"60" pattern:"^[a-z_.*]+$" doc:"Only of this kind; a pattern with * is possible"`
	Incident string    `query:"incident" maxLength:"100" doc:"Only of this incident"`
	Limit    int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Order    string    `query:"order" enum:"newest,oldest" default:"newest"`
}

// eventRoutes are the history and who did what.
func (s *Server) eventRoutes(h huma.API) {
	add(s, h, route{method: http.MethodGet, path: "/events", id: "list-events", tag: "events", role: Viewer, summary: "The history, with reasons"},
		func(ctx context.Context, in *eventChoice) (*document[EventList], error) {
			c := callerOf(ctx)
			if in.Server != "" && !c.sees(in.Server) {
				return nil, newProblem(http.StatusForbidden, Forbidden, "the token is not good for this server")
			}
			list, err := s.scan(ctx, in.query(), func(e journal.Event) bool { return c.sees(e.Server) })
			return &document[EventList]{list}, err
		})
	add(s, h, route{
		method: http.MethodGet, path: "/audit", id: "list-audit", tag: "access", role: Admin, wide: true,
		summary: "Who did what, the newest first", detail: "Everything that a person or a token asked for, and who was refused.",
	},
		func(ctx context.Context, in *struct {
			Since  time.Time `query:"since" doc:"Not older than this"`
			Before int64     `query:"before" minimum:"0" doc:"Sequence number: only earlier ones"`
			Server string    `query:"server" maxLength:"253" doc:"Only of this server"`
			Kind   string    `query:"kind" maxLength:"60" pattern:"^[a-z_.*]+$" doc:"Only of this kind; a pattern with * is possible"`
			Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		},
		) (*document[EventList], error) {
			q := journal.EventQuery{Since: in.Since, Before: in.Before, Server: in.Server, Kind: in.Kind, Limit: in.Limit, Newest: true}
			list, err := s.scan(ctx, q, func(e journal.Event) bool { return e.Actor.Kind == "user" || e.Actor.Kind == "token" })
			return &document[EventList]{list}, err
		})
}

// query is the choice in the words of the journal.
func (in *eventChoice) query() journal.EventQuery {
	return journal.EventQuery{
		Since: in.Since, After: in.After, Before: in.Before, Server: in.Server, Kind: in.Kind,
		Incident: in.Incident, Limit: in.Limit, Newest: in.Order == "newest",
	}
}

// How far one request looks for events that it may show.
const (
	scanPage  = 1000
	scanPages = 20
)

// scan reads as many events as the query's limit wants of those that keep
// chooses. It gives up after some pages; Next says where to go on.
func (s *Server) scan(ctx context.Context, q journal.EventQuery, keep func(journal.Event) bool) (EventList, error) {
	want := q.Limit
	list := EventList{Events: []journal.Event{}}
	q.Limit = min(want+1, scanPage)
	for range scanPages {
		page, err := s.history.Events(ctx, q)
		if err != nil {
			return EventList{}, err
		}
		for _, e := range page {
			if len(list.Events) == want {
				list.Next = &list.Events[want-1].Seq
				return list, nil
			}
			if keep(e) {
				list.Events = append(list.Events, shown(e))
			}
			if q.Newest {
				q.Before = e.Seq
			} else {
				q.After = e.Seq
			}
		}
		if len(page) < q.Limit {
			return list, nil
		}
		q.Limit = scanPage
	}
	next := q.After
	if q.Newest {
		next = q.Before
	}
	list.Next = &next
	return list, nil
}

// shown is an event as the API shows it: no key is ever null that could be
// empty.
func shown(e journal.Event) journal.Event {
	if e.Evidence == nil {
		e.Evidence = map[string]any{}
	}
	return e
}
