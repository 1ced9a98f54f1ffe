package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// replications are the kinds of operations that move data between a primary and its standby.
func replications() []string { return []string{status.FromLive, status.ToLive, status.RollBack} }

// Replicates reports whether an operation of that kind moves data.
func Replicates(kind string) bool { return slices.Contains(replications(), kind) }

// replicationRoutes are the orders that move data between a primary and its standby, and what came of them.
func (s *Server) replicationRoutes(h huma.API) {
	replicate := func(kind string) func(context.Context, string, status.Order) (plan.Record, error) {
		return func(ctx context.Context, server string, o status.Order) (plan.Record, error) {
			return s.standby.Replicate(ctx, server, kind, o)
		}
	}
	s.orderRoute(h, status.FromLive, status.FromLive, "Copy the primary's databases to the standby now", replicate(status.FromLive))
	s.orderRoute(h, status.ToLive, status.ToLive, "Bring the standby's data back to the primary", replicate(status.ToLive))
	s.orderRoute(h, status.RollBack, status.RollBack, "Put the previous copies in service again", s.standby.RollBack)
	add(s, h, route{
		method: http.MethodGet, path: "/servers/{name}/replications", id: "list-replications", tag: "operations", role: Viewer,
		summary: "Replications of a server, the newest first", detail: "Both directions, and rollbacks; those that run as well.",
	},
		func(ctx context.Context, in *struct {
			Name string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
			Page
		},
		) (*document[OperationList], error) {
			if _, err := s.server(in.Name); err != nil {
				return nil, err
			}
			list, err := s.listOperations(ctx, in.Page, journal.OperationQuery{Server: in.Name, Kinds: replications()})
			return &document[OperationList]{list}, err
		})
}
