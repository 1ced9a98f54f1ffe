package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/status"
)

// configurationRoutes are what is in force and having it read again.
func (s *Server) configurationRoutes(h huma.API) {
	add(s, h, route{
		method: http.MethodGet, path: "/config/notices", id: "get-config-notices", tag: "configuration", role: Viewer, wide: true,
		summary: "The configuration in force, and what is to be said about it",
	},
		func(context.Context, *struct{}) (*document[status.Config], error) {
			return &document[status.Config]{s.standby.Snapshot().Standby.Config}, nil
		})
	add(s, h, route{
		method: http.MethodPost, path: "/reload", id: "reload", tag: "configuration", role: Admin, wide: true, changes: true,
		errors: []int{409, 503}, summary: "Read the configuration again",
		detail: "All or nothing: after an error the old one stays in force.",
	},
		func(ctx context.Context, in *struct{ Body *Remark }) (*document[status.Reloaded], error) {
			o, err := order(ctx, orZero(in.Body).Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			r, err := s.standby.Reload(ctx, o)
			return &document[status.Reloaded]{r}, err
		})
}
