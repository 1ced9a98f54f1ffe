package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"failoverd/status"
)

// A route is one method of one resource.
type route struct {
	method, path string
	id           string // operationId in the description
	tag          string
	summary      string
	detail       string
	role         Role // who may use it; empty: anybody
	wide         bool // concerns the standby itself: not for a token that is good for some servers only
	status       int  // of success; 0 means 200
	changes      bool // changes something
	slow         bool // waits for servers elsewhere
	errors       []int
}

// orderTime bounds an order. An order goes on when whoever gave it hangs up:
// half of it must not depend on a cable.
const orderTime = 30 * time.Second

// add registers a route.
func add[I, O any](s *Server, h huma.API, r route, fn func(context.Context, *I) (*O, error)) {
	huma.Register(h, s.describe(h, r), func(ctx context.Context, in *I) (*O, error) {
		if r.changes {
			bound := max(orderTime, s.answerTime(r))
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), bound)
			defer cancel()
		}
		out, err := fn(ctx, in)
		hide := s.hide(callerOf(ctx))
		if err != nil {
			return nil, discretely(s.told(ctx, r, err), hide)
		}
		return discretely(out, hide), nil
	})
}

// answerTime is how long the answer of a route may take.
func (s *Server) answerTime(r route) time.Duration {
	if r.slow {
		return max(slowAnswer, s.limits.AnswerTime)
	}
	return s.limits.AnswerTime
}

// told is what the client is told of an error. The log has the rest.
func (s *Server) told(ctx context.Context, r route, err error) *Problem {
	p := refused(err, r.changes)
	if p.Status >= http.StatusInternalServerError {
		s.log.Error("request failed", "route", r.id, "err", err, "request_id", requestID(ctx))
	}
	return p
}

// describe is the description of a route for huma, which checks requests
// against it.
func (s *Server) describe(h huma.API, r route) huma.Operation {
	ok := r.status
	if ok == 0 {
		ok = http.StatusOK
	}
	op := huma.Operation{
		OperationID: r.id, Method: r.method, Path: Base + r.path, Tags: []string{r.tag},
		Summary: r.summary, Description: strings.TrimSpace(r.detail + "\n\nRole: " + cmp.Or(string(r.role), "none is needed") + "."),
		DefaultStatus:                ok,
		BodyReadTimeout:              -1,                // The body has been read when the route is reached.
		MaxBodyBytes:                 s.limits.Body + 1, // Likewise.
		RejectUnknownQueryParameters: true,
		Security:                     []map[string][]string{{"token": {}}, {"session": {}}},
		Responses:                    map[string]*huma.Response{strconv.Itoa(ok): {Description: http.StatusText(ok)}},
		Middlewares: huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
			req, w := humago.Unwrap(ctx)
			if p := s.permit(req, r); p != nil {
				writeProblem(w, req, p)
				return
			}
			if t := s.answerTime(r); t > s.limits.AnswerTime {
				http.NewResponseController(w).SetWriteDeadline(time.Now().Add(t))
			}
			next(ctx)
		}},
	}
	codes := append([]int{401, 403, 422, 429, 500}, r.errors...)
	if r.role == "" {
		op.Security = []map[string][]string{}
	}
	if strings.Contains(r.path, "{") {
		codes = append(codes, 404)
	}
	if r.method == http.MethodPost || r.method == http.MethodPut || r.method == http.MethodPatch {
		codes = append(codes, 400, 408, 413, 415)
	}
	for _, code := range codes {
		op.Responses[strconv.Itoa(code)] = problemResponse(h, code)
	}
	return op
}

// problemResponse describes an error.
func problemResponse(h huma.API, code int) *huma.Response {
	return &huma.Response{
		Description: http.StatusText(code),
		Content:     map[string]*huma.MediaType{problemType: {Schema: h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")}},
	}
}

// permit says why the sender may not use a route, or nil.
func (s *Server) permit(req *http.Request, r route) *Problem {
	c := callerOf(req.Context())
	var p *Problem
	switch server := req.PathValue("name"); {
	case r.role == "":
		return nil
	case c == nil:
		return newProblem(http.StatusUnauthorized, Unauthenticated, "it is not known who asks")
	case !c.role.includes(r.role):
		p = newProblem(http.StatusForbidden, Forbidden, fmt.Sprintf("%s has the role %s; this needs the role %s", c.actor.Name, c.role, r.role))
	case server != "" && !c.sees(server):
		p = newProblem(http.StatusForbidden, Forbidden, fmt.Sprintf("the token %s is good for %s only", c.actor.Name, strings.Join(c.servers, ", ")))
	case r.wide && c.servers != nil:
		p = newProblem(http.StatusForbidden, Forbidden, fmt.Sprintf("this concerns the standby itself; the token %s is good for %s only", c.actor.Name, strings.Join(c.servers, ", ")))
	default:
		return nil
	}
	s.access.audit(req, c.actor, p.Detail)
	return p
}

// checkName matches the name of a check.
const checkName = `^[a-z0-9]+(-[a-z0-9]+)*$`

// order is what the sender of the request asks for.
func order(ctx context.Context, reason string, until *time.Time, accept []string) (status.Order, error) {
	o := status.Order{By: callerOf(ctx).actor, Reason: strings.TrimSpace(reason), Accept: accept}
	if !plain(reason) {
		return o, invalid("body.reason", "text without control characters, on one line")
	}
	if until != nil {
		if o.Until = *until; !o.Until.After(time.Now()) {
			return o, newProblem(http.StatusUnprocessableEntity, TimePassed, "until: that time has passed already; it must be in the future")
		}
	}
	word := regexp.MustCompile(checkName)
	for i, a := range accept {
		if !word.MatchString(a) {
			return o, invalid(fmt.Sprintf("body.accept[%d]", i), "the name of a check: primary-alive")
		}
	}
	return o, nil
}

// plain reports whether a text can be shown in a terminal, a log and a mail
// without doing anything there.
func plain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
	})
}

// invalid is the problem of one field.
func invalid(field, want string) *Problem {
	p := newProblem(http.StatusUnprocessableEntity, Invalid, "the request is not valid")
	p.Errors = []FieldProblem{{Field: field, Message: "expected " + want}}
	return p
}
