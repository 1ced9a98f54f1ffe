package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/status"
)

// TreeList is the copies of a server's files.
type TreeList struct {
	Files []status.Tree `json:"files" nullable:"false"`
}

// remarkForTree is an order about one tree of a server.
type remarkForTree struct {
	Name string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
	Tree string `path:"tree" minLength:"1" maxLength:"63" doc:"Name of the tree"`

	IfMatch string `header:"If-Match" maxLength:"400" doc:"ETag of the server as it was looked at; another state is refused with 412"`
	Body    *Remark
}

// Restoring says what is to be put into its place again.
type Restoring struct {
	Set    string `json:"set" minLength:"1" maxLength:"64" doc:"When it was set aside, as the list tells"`
	Path   string `json:"path" minLength:"1" maxLength:"4096" doc:"Its path in the tree"`
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
}

// The orders about a tree, as they are called in paths.
const (
	ConfirmDeletions = "confirm-deletions"
	AcceptSource     = "accept-source"
	DiscardDiverged  = "discard-diverged"
)

// AsidePage is which part of the list of what was set aside is wanted. Of zero fields the client sends none.
type AsidePage struct {
	Before string `query:"before" maxLength:"8300" pattern:"^[0-9A-Za-z.-]{1,64}_([0-9a-f]{2})+$" patternDescription:"the next of the page before" doc:"The next of the page before: only what comes after it"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// asideRoutes show what was set aside at a primary, and put it into its place again.
func (s *Server) asideRoutes(h huma.API) {
	add(s, h, route{
		method: http.MethodGet, path: "/servers/{name}/files/{tree}/set-aside", id: "list-set-aside", tag: "servers", role: Viewer,
		summary: "What was set aside at the primary when files were brought back",
		detail:  "What the primary had and the standby never had, the last replication to live first, with the reason of each. The primary's agent is asked.",
		errors:  []int{409},
	},
		func(ctx context.Context, in *struct {
			Name string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
			Tree string `path:"tree" minLength:"1" maxLength:"63" doc:"Name of the tree"`
			AsidePage
		},
		) (*document[status.SetAside], error) {
			after, err := status.ParseAsidePlace(in.Before)
			if err != nil {
				return nil, invalid("query.before", "the next of the page before")
			}
			list, err := s.standby.SetAside(ctx, in.Name, in.Tree, after, in.Limit)
			list.Files = orEmpty(list.Files)
			return &document[status.SetAside]{list}, err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/servers/{name}/files/{tree}/restore", id: "restore-set-aside", tag: "orders", role: Operator,
		summary: "Put something that was set aside into its place again", changes: true, errors: []int{409, 412, 503},
		detail: "At the primary, by its agent. What is in its place goes to the trash there. Answers when it is done, with the server as it is then.",
	},
		func(ctx context.Context, in *struct {
			Name string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
			Tree string `path:"tree" minLength:"1" maxLength:"63" doc:"Name of the tree"`

			IfMatch string `header:"If-Match" maxLength:"400" doc:"ETag of the server as it was looked at; another state is refused with 412"`
			Body    Restoring
		},
		) (*serverDocument, error) {
			if err := s.unchanged(in.Name, in.IfMatch); err != nil {
				return nil, err
			}
			wish, err := order(ctx, in.Body.Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			after, err := s.standby.RestoreAside(ctx, in.Name, in.Tree, in.Body.Set, in.Body.Path, wish)
			return documented(after), err
		})
}

// fileRoutes show the copies of files, and take the decisions that only a person can take about them.
func (s *Server) fileRoutes(h huma.API) {
	s.asideRoutes(h)
	add(s, h, route{
		method: http.MethodGet, path: "/servers/{name}/files", id: "list-files", tag: "servers", role: Viewer,
		summary: "The standby's copies of a server's files", detail: "With the paths that are not copied, and why.",
	},
		func(_ context.Context, in *named) (*document[TreeList], error) {
			found, err := s.server(in.Name)
			return &document[TreeList]{TreeList{orEmpty(found.Trees)}}, err
		})
	for _, o := range []struct {
		name, summary, detail string
		do                    func(context.Context, string, string, status.Order) (status.Server, error)
	}{
		{
			ConfirmDeletions, "Let the deletions happen that are held back", "What is deleted goes to the copy's trash.",
			s.standby.ConfirmDeletions,
		},
		{
			AcceptSource, "Take the source as it is, though it is another directory than before",
			"Everything is compared, and the copy becomes what the source is; the brake holds deletions back as ever.", s.standby.AcceptSource,
		},
		{
			DiscardDiverged, "Give up what the stand-in has written in the copy", "The copy follows its source again; what it replaces goes to the copy's trash.",
			s.standby.DiscardFiles,
		},
	} {
		r := route{
			method: http.MethodPost, path: "/servers/{name}/files/{tree}/" + o.name, id: o.name + "-of-files", tag: "orders", role: Operator,
			summary: o.summary, detail: o.detail + " Answers at once with the server as it is then.", changes: true, errors: []int{409, 412, 503},
		}
		add(s, h, r, func(ctx context.Context, in *remarkForTree) (*serverDocument, error) {
			if err := s.unchanged(in.Name, in.IfMatch); err != nil {
				return nil, err
			}
			wish, err := order(ctx, orZero(in.Body).Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			after, err := o.do(ctx, in.Name, in.Tree, wish)
			return documented(after), err
		})
	}
}
