package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/status"
)

// NewServer is a server to be added.
type NewServer struct {
	Name   string `json:"name" minLength:"1" maxLength:"63" doc:"Name of the server, and of its file"`
	Text   string `json:"text" minLength:"1" maxLength:"60000" doc:"The file of servers.d: the server's keys, as YAML"`
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
}

// ServerText is what a server's file is to become.
type ServerText struct {
	Text   string `json:"text" minLength:"1" maxLength:"60000" doc:"The file of servers.d: the server's keys, as YAML"`
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
}

// TestResult is what came of testing a server's connections.
type TestResult struct {
	Trials []status.Trial `json:"trials" nullable:"false" doc:"What was asked, and what came of it"`
}

// configurationDocument is a server's file with its ETag.
type configurationDocument struct {
	ETag string `header:"ETag" doc:"Of the text; give it as If-Match"`
	Body status.ServerConfiguration
}

// configured is the answer to a change: 200, or 201 of a server that was added.
type configured struct {
	Status int
	ETag   string `header:"ETag" doc:"Of the text, once it is saved"`
	Body   status.Configured
}

// cameOf is what came of a change as an answer.
func cameOf(c status.Configured, added bool) *configured {
	out := &configured{Status: http.StatusOK, Body: c}
	if c.Saved && c.Revision != "" {
		out.ETag = `"` + c.Revision + `"`
	}
	if c.Saved && added {
		out.Status = http.StatusCreated
	}
	return out
}

// lookedAt is the revision in an If-Match, which a change of what is there needs.
func lookedAt(ifMatch string) (string, error) {
	tag := strings.TrimSpace(ifMatch)
	if len(tag) < 3 || !strings.HasPrefix(tag, `"`) || !strings.HasSuffix(tag, `"`) || strings.ContainsAny(tag, ", ") {
		return "", invalid("header.If-Match", "the ETag of the configuration as it was looked at")
	}
	return strings.Trim(tag, `"`), nil
}

// serverFileRoutes add, change and remove servers. A configuration is a text with comments: it is written as it was sent.
func (s *Server) serverFileRoutes(h huma.API) {
	const how = " It is checked whole, with all other files, before anything is written; it is written whole; and it is in force when the answer comes. " +
		"With `dry_run=true` it is checked, what it names is asked once, and nothing is changed. " +
		"What failoverd runs, reads and writes on its own host, and where it sends a password that it has, is only written by root on the standby (403 host-only); passwords in clear text are refused."
	add(s, h, route{
		method: http.MethodGet, path: "/servers/{name}/configuration", id: "get-server-configuration", tag: "configuration", role: Admin,
		summary: "The file that says how a server is watched", errors: []int{503},
	},
		func(ctx context.Context, in *named) (*configurationDocument, error) {
			c, err := s.standby.ServerConfiguration(ctx, in.Name)
			out := &configurationDocument{Body: c}
			if c.Editable {
				out.ETag = `"` + c.Revision + `"`
			}
			return out, err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/servers", id: "add-server", tag: "configuration", role: Admin, wide: true, changes: true, slow: true,
		status: http.StatusCreated, errors: []int{409, 503}, summary: "Add a server", detail: "Writes servers.d/NAME.yaml." + how,
	},
		func(ctx context.Context, in *struct {
			DryRun bool `query:"dry_run" doc:"Check and try, and change nothing"`
			Body   NewServer
		},
		) (*configured, error) {
			o, err := order(ctx, in.Body.Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			c, err := s.standby.Configure(ctx, status.ServerChange{Server: in.Body.Name, Text: []byte(in.Body.Text), New: true, DryRun: in.DryRun}, o)
			return cameOf(c, true), err
		})
	responses := h.OpenAPI().Paths[Base+"/servers"].Post.Responses
	responses["200"] = &huma.Response{Description: "What came of a dry run", Content: responses["201"].Content}
	add(s, h, route{
		method: http.MethodPut, path: "/servers/{name}/configuration", id: "put-server-configuration", tag: "configuration", role: Admin, changes: true, slow: true,
		errors: []int{409, 412, 503}, summary: "Change how a server is watched", detail: "Replaces its file in servers.d." + how,
	},
		func(ctx context.Context, in *struct {
			Name    string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
			DryRun  bool   `query:"dry_run" doc:"Check and try, and change nothing"`
			IfMatch string `header:"If-Match" required:"true" maxLength:"400" doc:"ETag of the configuration as it was looked at; another one is refused with 412"`
			Body    ServerText
		},
		) (*configured, error) {
			seen, err := lookedAt(in.IfMatch)
			if err != nil {
				return nil, err
			}
			o, err := order(ctx, in.Body.Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			c, err := s.standby.Configure(ctx, status.ServerChange{Server: in.Name, Text: []byte(in.Body.Text), Revision: seen, DryRun: in.DryRun}, o)
			return cameOf(c, false), err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/servers/{name}/test", id: "test-server", tag: "orders", role: Operator, changes: true, slow: true,
		errors: []int{503}, summary: "Test the connections of a server",
		detail: "Its addresses, probes and agent, both ends of its databases, and the directories of its files are asked once. Nothing is changed.",
	},
		func(ctx context.Context, in *struct {
			Name string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
			Body *Remark
		},
		) (*document[TestResult], error) {
			o, err := order(ctx, orZero(in.Body).Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			trials, err := s.standby.Test(ctx, in.Name, o)
			return &document[TestResult]{TestResult{orEmpty(trials)}}, err
		})
	add(s, h, route{
		method: http.MethodDelete, path: "/servers/{name}", id: "remove-server", tag: "configuration", role: Admin, changes: true, wide: true,
		errors: []int{409, 412, 503}, summary: "Remove a server",
		detail: "Takes its file in servers.d away: it is not watched and not replicated any more. The primary is not touched; the standby's copies, and what was remembered of it, stay. A server that the standby stands in for is not removed.",
	},
		func(ctx context.Context, in *struct {
			Name    string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
			DryRun  bool   `query:"dry_run" doc:"Check, and change nothing"`
			Reason  string `query:"reason" maxLength:"500" doc:"Why, for the history"`
			IfMatch string `header:"If-Match" required:"true" maxLength:"400" doc:"ETag of the configuration as it was looked at; another one is refused with 412"`
		},
		) (*configured, error) {
			seen, err := lookedAt(in.IfMatch)
			if err != nil {
				return nil, err
			}
			o, err := order(ctx, in.Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			c, err := s.standby.Configure(ctx, status.ServerChange{Server: in.Name, Revision: seen, DryRun: in.DryRun}, o)
			return cameOf(c, false), err
		})
}
