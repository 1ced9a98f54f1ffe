package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/status"
)

// ServerList is every server at one instant.
type ServerList struct {
	GeneratedAt time.Time       `json:"generated_at" doc:"When this was computed"`
	Seq         int64           `json:"seq" doc:"Journal position that it is true for"`
	Servers     []status.Server `json:"servers" nullable:"false"`
}

// Wish is a suspension or a stop.
type Wish struct {
	Reason string     `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
	Until  *time.Time `json:"until,omitempty" nullable:"true" doc:"When it ends by itself; absent or null: when it is resumed. A time that has passed is refused with 422, time-passed"`
}

// Remark says why.
type Remark struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
}

// named is the path of a server. It is not embedded anywhere: huma leaves the
// fields of an embedded type that is not exported empty.
type named struct {
	Name string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
}

// document is an answer that is one document.
type document[T any] struct{ Body T }

// wishFor is a request for a suspension or a stop.
type wishFor struct {
	Name    string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
	IfMatch string `header:"If-Match" maxLength:"400" doc:"ETag of the server as it was looked at; another state is refused with 412"`
	Body    *Wish
}

// remarkFor is a request that only says why.
type remarkFor struct {
	Name    string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
	IfMatch string `header:"If-Match" maxLength:"400" doc:"ETag of the server as it was looked at; another state is refused with 412"`
	Body    *Remark
}

// serverRoutes are what can be read about servers, and the operator's wishes.
func (s *Server) serverRoutes(h huma.API) {
	add(s, h, route{
		method: http.MethodGet, path: "/status", id: "get-status", tag: "servers", role: Viewer,
		summary: "Everything at one instant",
		detail:  "What the command line and the console show first. Continue the event stream from its `seq`.",
	},
		func(ctx context.Context, _ *struct{}) (*document[status.Snapshot], error) {
			return &document[status.Snapshot]{visible(callerOf(ctx), s.standby.Snapshot())}, nil
		})
	add(s, h, route{method: http.MethodGet, path: "/servers", id: "list-servers", tag: "servers", role: Viewer, summary: "The servers"},
		func(ctx context.Context, _ *struct{}) (*document[ServerList], error) {
			now := visible(callerOf(ctx), s.standby.Snapshot())
			return &document[ServerList]{ServerList{now.GeneratedAt, now.Seq, orEmpty(now.Servers)}}, nil
		})
	add(s, h, route{method: http.MethodGet, path: "/servers/{name}", id: "get-server", tag: "servers", role: Viewer, summary: "One server"},
		func(_ context.Context, in *named) (*serverDocument, error) {
			found, err := s.server(in.Name)
			return documented(found), err
		})
	add(s, h, route{
		method: http.MethodGet, path: "/servers/{name}/readiness", id: "get-readiness", tag: "servers", role: Viewer,
		summary: "Would a takeover succeed now?",
	},
		func(_ context.Context, in *named) (*document[status.Readiness], error) {
			found, err := s.server(in.Name)
			return &document[status.Readiness]{found.Readiness}, err
		})
	add(s, h, route{
		method: http.MethodGet, path: "/servers/{name}/explain", id: "explain-server", tag: "servers", role: Viewer,
		summary: "Why the last decision was taken",
	},
		func(ctx context.Context, in *named) (*document[status.Explanation], error) {
			e, err := s.standby.Explain(ctx, in.Name)
			return &document[status.Explanation]{e}, err
		})

	type act = func(context.Context, string, status.Order) (status.Server, error)
	for _, w := range []struct {
		name, summary, detail string
		do                    act
	}{
		{"suspend", "Take a server out of the decision", "Idempotent. It is not pinged and not taken over; database sync goes on, file sync does not.", s.standby.Suspend},
		{"stop", "Stop the monitoring of a server", "Idempotent. It is not probed any more.", s.standby.Stop},
	} {
		add(s, h, wishRoute(w.name, w.summary, w.detail), func(ctx context.Context, in *wishFor) (*serverDocument, error) {
			if err := s.unchanged(in.Name, in.IfMatch); err != nil {
				return nil, err
			}
			wish := orZero(in.Body)
			o, err := order(ctx, wish.Reason, wish.Until, nil)
			if err != nil {
				return nil, err
			}
			after, err := w.do(ctx, in.Name, o)
			return documented(after), err
		})
	}
	add(s, h, wishRoute("resume", "Take a suspended or stopped server back", "Idempotent."),
		func(ctx context.Context, in *remarkFor) (*serverDocument, error) {
			if err := s.unchanged(in.Name, in.IfMatch); err != nil {
				return nil, err
			}
			o, err := order(ctx, orZero(in.Body).Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			after, err := s.standby.Resume(ctx, in.Name, o)
			return documented(after), err
		})
}

// wishRoute is the route of an operator's wish.
func wishRoute(name, summary, detail string) route {
	return route{
		method: http.MethodPost, path: "/servers/{name}/" + name, id: name + "-server", tag: "orders", role: Operator,
		summary: summary, detail: detail + " Answers at once with the server as it is then.", changes: true, errors: []int{409, 412, 503},
	}
}

// server is the named server as it is now.
func (s *Server) server(name string) (status.Server, error) {
	for _, found := range s.standby.Snapshot().Servers {
		if found.Name == name {
			return found, nil
		}
	}
	p := newProblem(http.StatusNotFound, status.NotFound, "there is no server "+clip(name, 80))
	p.Try = "failoverd status"
	return status.Server{}, p
}

// visible is the part of a snapshot that the caller may see. The snapshot
// itself is everybody's and stays as it is.
func visible(c *caller, now status.Snapshot) status.Snapshot {
	if c.servers == nil {
		return now
	}
	hidden := func(name string) bool { return !c.sees(name) }
	hide := discreet(c, namesOf(now.Servers))
	now.Servers = slices.DeleteFunc(slices.Clone(now.Servers), func(x status.Server) bool { return hidden(x.Name) })
	now.Attention = slices.DeleteFunc(slices.Clone(now.Attention), func(x status.Notice) bool { return x.Server != "" && hidden(x.Server) })
	now.Incidents = slices.DeleteFunc(slices.Clone(now.Incidents), func(x status.Incident) bool { return hidden(x.Server) })
	now.Standby.Config.Notices = []string{} // They name the servers that they are about.
	if now.Standby.Config.Error != "" {
		now.Standby.Config.Error = "the newest files were not taken; whoever sees all servers sees why" // It quotes what is written about servers.
	}
	named := func(text string) bool { return hide(text) != text }
	now.Standby.Config.NeedsRestart = slices.DeleteFunc(slices.Clone(now.Standby.Config.NeedsRestart), named)
	for i, x := range now.Attention { // About the standby; what follows the colon quotes the configuration.
		if x.Server == "" && strings.HasPrefix(x.Text, "the configuration file was rejected") || x.Server == "" && named(x.Text) {
			now.Attention[i].Text, _, _ = strings.Cut(x.Text, ": ")
		}
	}
	now.Standby.StandingIn = slices.DeleteFunc(slices.Clone(now.Standby.StandingIn), hidden)
	now.Standby.Waiting = slices.DeleteFunc(slices.Clone(now.Standby.Waiting), hidden)
	return now
}

// orZero is what p points to, or the zero value.
func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// orEmpty makes a list that is never null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
