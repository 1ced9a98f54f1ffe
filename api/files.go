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
	Body *Remark
}

// The orders about a tree, as they are called in paths.
const (
	ConfirmDeletions = "confirm-deletions"
	AcceptSource     = "accept-source"
	DiscardDiverged  = "discard-diverged"
)

// fileRoutes show the copies of files, and take the decisions that only a person can take about them.
func (s *Server) fileRoutes(h huma.API) {
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
			summary: o.summary, detail: o.detail + " Answers at once with the server as it is then.", changes: true, errors: []int{409, 503},
		}
		add(s, h, r, func(ctx context.Context, in *remarkForTree) (*document[status.Server], error) {
			wish, err := order(ctx, orZero(in.Body).Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			after, err := o.do(ctx, in.Name, in.Tree, wish)
			return &document[status.Server]{after}, err
		})
	}
}
