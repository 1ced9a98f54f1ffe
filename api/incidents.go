package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/journal"
	"failoverd/status"
)

// IncidentList is some incidents, the newest first.
type IncidentList struct {
	Incidents []status.Incident `json:"incidents" nullable:"false"`
	Next      *string           `json:"next" doc:"Give it as before to go on; null if there is no more"`
}

// incidentRoutes list the incidents, and note who takes care of one.
func (s *Server) incidentRoutes(h huma.API) {
	add(s, h, route{method: http.MethodGet, path: "/incidents", id: "list-incidents", tag: "alerts", role: Viewer, summary: "Incidents, the newest first"},
		func(ctx context.Context, in *struct {
			Server string `query:"server" maxLength:"253" doc:"Only about this server"`
			Open   bool   `query:"open" doc:"Only those that are not over"`
			Page
		},
		) (*document[IncidentList], error) {
			c := callerOf(ctx)
			if in.Server != "" && !c.sees(in.Server) {
				return nil, newProblem(http.StatusForbidden, Forbidden, "the token is not good for this server")
			}
			found, err := s.standby.Incidents(ctx, journal.IncidentQuery{Server: in.Server, Servers: c.servers, Open: in.Open, Before: in.position(), Limit: in.Limit + 1})
			var list IncidentList
			list.Incidents, list.Next = cut(found, in.Limit, func(i status.Incident) string { return cursor(i.Opened, i.ID) })
			return &document[IncidentList]{list}, err
		})
	add(s, h, route{method: http.MethodGet, path: "/incidents/{id}", id: "get-incident", tag: "alerts", role: Viewer, summary: "One incident"},
		func(ctx context.Context, in *struct {
			ID string `path:"id" minLength:"1" maxLength:"200" doc:"Identifier of the incident"`
		},
		) (*document[status.Incident], error) {
			i, err := s.incident(ctx, in.ID)
			return &document[status.Incident]{i}, err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/incidents/{id}/acknowledge", id: "acknowledge-incident", tag: "alerts", role: Operator,
		summary: "Say that you take care of an incident", changes: true, errors: []int{409, 503},
		detail: "Nobody is reminded of it any more, and it is not escalated, unless it gets worse; whoever was told of it is told who takes care. Who did first is kept: doing it again changes nothing.",
	},
		func(ctx context.Context, in *struct {
			ID   string `path:"id" minLength:"1" maxLength:"200" doc:"Identifier of the incident"`
			Body *Remark
		},
		) (*document[status.Incident], error) {
			if _, err := s.incident(ctx, in.ID); err != nil {
				return nil, err
			}
			o, err := order(ctx, orZero(in.Body).Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			i, err := s.standby.Acknowledge(ctx, in.ID, o)
			return &document[status.Incident]{i}, err
		})
}

// incident is an incident, if the sender may know of it.
func (s *Server) incident(ctx context.Context, id string) (status.Incident, error) {
	i, err := s.standby.Incident(ctx, id)
	if err == nil && !callerOf(ctx).sees(i.Server) {
		return status.Incident{}, newProblem(http.StatusForbidden, Forbidden, "the token is not good for the server of this incident")
	}
	return i, err
}
