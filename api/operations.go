package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// The kinds of operations that move a role. Those that move data are in status.
const (
	Takeover = "takeover"
	Release  = "release"
)

// Decision is an order for an operation.
type Decision struct {
	Reason string   `json:"reason,omitempty" maxLength:"500" doc:"Why, for the history"`
	Accept []string `json:"accept,omitempty" maxItems:"16" doc:"Names of failed checks that are accepted"`
}

// OperationList is some operations, the newest first.
type OperationList struct {
	Operations []plan.Record `json:"operations" nullable:"false"`
	Next       *string       `json:"next" doc:"Give it as before to go on; null if there is no more"`
}

// listOperations is a page of the operations that q chooses.
func (s *Server) listOperations(ctx context.Context, p Page, q journal.OperationQuery) (OperationList, error) {
	q.Servers, q.Before, q.Limit = callerOf(ctx).servers, p.position(), p.Limit+1
	found, err := s.standby.Operations(ctx, q)
	var list OperationList
	list.Operations, list.Next = cut(found, p.Limit, func(r plan.Record) string { return cursor(r.Started, r.ID) })
	return list, err
}

// decisionFor is a request for an operation.
type decisionFor struct {
	Name    string `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
	DryRun  bool   `query:"dry_run" doc:"Show the plan and change nothing"`
	IfMatch string `header:"If-Match" maxLength:"400" doc:"ETag of the server as it was looked at; another state is refused with 412"`
	Key     string `header:"Idempotency-Key" maxLength:"200" pattern:"^[!-~]+$" doc:"A name of your own for this order. The same order with the same name, within a day, is done once: it answers with the operation that the first one began. Another order with that name is refused with 422, key-reused"`
	Body    *Decision
}

// admitted is the answer to an order for an operation: 202 with the operation,
// or 200 with the plan.
type admitted struct {
	Status   int
	Location string `header:"Location" doc:"Where the operation is found"`
	Body     any
}

// operationNamed is the path of an operation.
type operationNamed struct {
	ID string `path:"id" minLength:"1" maxLength:"100" doc:"Identifier of the operation"`
}

// operationRoutes are the orders that take long, and what becomes of them.
func (s *Server) operationRoutes(h huma.API) {
	s.orderRoute(h, "failover", Takeover, "Take a server's role over now", s.standby.Failover)
	s.orderRoute(h, "release", Release, "Give a server's role back", s.standby.Release)
	s.orderRoute(h, status.Drill, status.Drill, "Rehearse a takeover of a server", s.standby.Drill)
	s.orderRoute(h, status.Handover, status.Handover, "Bring the data and the role of a server that lives to the standby", s.standby.Handover)
	s.orderRoute(h, status.Failback, status.Failback, "Bring a server's data and its role back after a takeover", s.standby.Failback)
	add(s, h, route{method: http.MethodGet, path: "/operations", id: "list-operations", tag: "operations", role: Viewer, summary: "Operations, the newest first"},
		func(ctx context.Context, in *struct {
			Server string `query:"server" maxLength:"253" doc:"Only of this server"`
			Kind   string `query:"kind" enum:"takeover,release,handover,failback,drill,replicate-from-live,replicate-to-live,rollback" doc:"Only of this kind"`
			Page
		},
		) (*document[OperationList], error) {
			if in.Server != "" && !callerOf(ctx).sees(in.Server) {
				return nil, newProblem(http.StatusForbidden, Forbidden, "the token is not good for this server")
			}
			q := journal.OperationQuery{Server: in.Server}
			if in.Kind != "" {
				q.Kinds = []string{in.Kind}
			}
			list, err := s.listOperations(ctx, in.Page, q)
			return &document[OperationList]{list}, err
		})
	add(s, h, route{method: http.MethodGet, path: "/operations/{id}", id: "get-operation", tag: "operations", role: Viewer, summary: "One operation with its steps"},
		func(ctx context.Context, in *operationNamed) (*document[plan.Record], error) {
			r, err := s.operation(ctx, in.ID)
			return &document[plan.Record]{r}, err
		})
	add(s, h, route{
		method: http.MethodPost, path: "/operations/{id}/cancel", id: "cancel-operation", tag: "operations", role: Operator,
		summary: "Ask an operation to stop", status: http.StatusAccepted, changes: true, errors: []int{409, 503},
		detail: "What it did is undone. Answers when the wish has been noted.",
	},
		func(ctx context.Context, in *struct {
			ID   string `path:"id" minLength:"1" maxLength:"100" doc:"Identifier of the operation"`
			Body *Remark
		},
		) (*document[plan.Record], error) {
			if _, err := s.operation(ctx, in.ID); err != nil {
				return nil, err
			}
			o, err := order(ctx, orZero(in.Body).Reason, nil, nil)
			if err != nil {
				return nil, err
			}
			r, err := s.standby.Cancel(ctx, in.ID, o)
			return &document[plan.Record]{r}, err
		})
}

// orderRoute is the order of an operation of that kind. The word in the path is the action.
func (s *Server) orderRoute(h huma.API, action, kind, summary string, do func(context.Context, string, status.Order) (plan.Record, error)) {
	r := route{
		method: http.MethodPost, path: "/servers/{name}/" + action, id: action + "-server", tag: "orders", role: Operator,
		summary: summary, status: http.StatusAccepted, changes: true, errors: []int{409, 412, 503}, slow: kind != Takeover && kind != Release && kind != status.Drill,
		detail: "Answers when the operation has been admitted; it goes on. With `dry_run=true` it answers 200 with the plan and changes nothing. A second one while the first runs is refused with a link to it.",
	}
	add(s, h, r, func(ctx context.Context, in *decisionFor) (*admitted, error) {
		d := orZero(in.Body)
		o, err := order(ctx, d.Reason, nil, d.Accept)
		if err != nil {
			return nil, err
		}
		if in.DryRun {
			shown, err := s.standby.Preview(ctx, in.Name, kind, o)
			return &admitted{Status: http.StatusOK, Body: shown}, err
		}
		end, begun, err := s.begun(ctx, &o, kind, in.Name, d, in.Key)
		if err != nil {
			return nil, err
		}
		defer end()
		if begun.ID != "" { // Before the state is looked at: the first order has changed it.
			return &admitted{Status: http.StatusAccepted, Location: operationPath(begun.ID), Body: begun}, nil
		}
		if err := s.unchanged(in.Name, in.IfMatch); err != nil {
			return nil, err
		}
		running, err := do(ctx, in.Name, o)
		return &admitted{Status: http.StatusAccepted, Location: operationPath(running.ID), Body: running}, err
	})
	documentAdmitted(h, Base+r.path)
}

// operation is the operation of that identifier, if the caller may see it.
func (s *Server) operation(ctx context.Context, id string) (plan.Record, error) {
	r, err := s.standby.Operation(ctx, id)
	if err == nil && !callerOf(ctx).sees(r.Server) {
		return plan.Record{}, newProblem(http.StatusForbidden, Forbidden, "the token is not good for the server of this operation")
	}
	return r, err
}
