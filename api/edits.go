package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/status"
)

// NewServer is a server that is to be watched.
type NewServer struct {
	Name   string `json:"name" minLength:"1" maxLength:"63" doc:"What it is called"`
	Text   string `json:"text" minLength:"1" maxLength:"32768" doc:"Its configuration: the keys of one entry of servers, YAML. A password is not in it, but named: {file: PATH}"`
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
}

// NewText is another configuration of a server.
type NewText struct {
	Text   string `json:"text" minLength:"1" maxLength:"32768" doc:"Its configuration: the keys of one entry of servers, YAML, with comments"`
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
}

// serverFileDocument is a server's file with its ETag.
type serverFileDocument struct {
	ETag string `header:"ETag" doc:"Of the text; give it as If-Match to change it"`
	Body status.ServerFile
}

// editedDocument is what came of an edit, with the ETag that the file has then.
type editedDocument struct {
	ETag string `header:"ETag" doc:"Of the text as it is then"`
	Body status.Edited
}

func editedAs(e status.Edited, err error) (*editedDocument, error) {
	return &editedDocument{ETag: `"` + e.ETag + `"`, Body: e}, err
}

// editDetail is what is true of every edit.
const editDetail = "All or nothing: the whole configuration is checked with the change, the file in servers.d is written, and it is in force when the answer comes. " +
	"What failoverd would run, read or write on its own host, and where it sends passwords, is only written by root on the standby (403 host-only)."

// editRoutes are adding, changing and removing a server.
func (s *Server) editRoutes(h huma.API) {
	add(s, h, route{
		method: http.MethodGet, path: "/servers/{name}/configuration", id: "get-server-configuration", tag: "configuration", role: Admin,
		summary: "The file of a server's configuration", errors: []int{409},
	},
		func(ctx context.Context, in *named) (*serverFileDocument, error) {
			f, err := s.standby.ServerFile(ctx, in.Name)
			return &serverFileDocument{ETag: `"` + f.ETag + `"`, Body: f}, err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/servers", id: "add-server", tag: "configuration", role: Admin, wide: true, changes: true,
		errors: []int{409, 503}, summary: "Add a server", detail: editDetail,
	},
		func(ctx context.Context, in *struct {
			DryRun bool `query:"dry_run" doc:"Check it, change nothing"`
			Body   NewServer
		},
		) (*editedDocument, error) {
			o, err := editOrder(ctx, in.Body.Reason)
			if err != nil {
				return nil, err
			}
			return editedAs(s.standby.AddServer(ctx, in.Body.Name, in.Body.Text, in.DryRun, o))
		})
	add(s, h, route{
		method: http.MethodPut, path: "/servers/{name}/configuration", id: "edit-server", tag: "configuration", role: Admin, wide: true, changes: true,
		errors: []int{409, 412, 428, 503}, summary: "Change a server's configuration", detail: editDetail,
	},
		func(ctx context.Context, in *struct {
			Name    string `path:"name" minLength:"1" maxLength:"63" doc:"Name of the server"`
			IfMatch string `header:"If-Match" maxLength:"400" doc:"ETag of the file as it was looked at; needed"`
			DryRun  bool   `query:"dry_run" doc:"Check it, change nothing"`
			Body    NewText
		},
		) (*editedDocument, error) {
			o, tag, err := editOf(ctx, in.IfMatch, in.Body.Reason)
			if err != nil {
				return nil, err
			}
			return editedAs(s.standby.EditServer(ctx, in.Name, in.Body.Text, tag, in.DryRun, o))
		})
	add(s, h, route{
		method: http.MethodDelete, path: "/servers/{name}", id: "remove-server", tag: "configuration", role: Admin, wide: true, changes: true,
		errors: []int{409, 412, 428, 503}, summary: "Remove a server",
		detail: "It is not watched any more. Its copies and its history stay where they are, and its file is kept under its name with .before added. A server that the standby stands in for is not removed (409).",
	},
		func(ctx context.Context, in *struct {
			Name    string `path:"name" minLength:"1" maxLength:"63" doc:"Name of the server"`
			IfMatch string `header:"If-Match" maxLength:"400" doc:"ETag of its configuration as it was looked at; needed"`
			DryRun  bool   `query:"dry_run" doc:"Check it, change nothing"`
			Reason  string `query:"reason" maxLength:"500" doc:"Why, for the history"`
		},
		) (*editedDocument, error) {
			o, tag, err := editOf(ctx, in.IfMatch, in.Reason)
			if err != nil {
				return nil, err
			}
			return editedAs(s.standby.RemoveServer(ctx, in.Name, tag, in.DryRun, o))
		})
}

// editOrder is the order behind an edit.
func editOrder(ctx context.Context, reason string) (status.Order, error) {
	o, err := order(ctx, reason, nil, nil)
	o.OnHost = callerOf(ctx).onHost()
	return o, err
}

// editOf is editOrder, with the tag of the file that was looked at: nobody overwrites what he has not seen.
func editOf(ctx context.Context, ifMatch, reason string) (status.Order, string, error) {
	tag := strings.Trim(strings.TrimSpace(ifMatch), `"`)
	if tag == "" || strings.ContainsAny(tag, `",*`) {
		p := newProblem(http.StatusPreconditionRequired, PreconditionRequired,
			fmt.Sprintf("If-Match is needed, with the ETag of GET %s/servers/NAME/configuration", Base))
		return status.Order{}, "", p
	}
	o, err := editOrder(ctx, reason)
	return o, tag, err
}
