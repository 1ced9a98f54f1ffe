package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"failoverd/api/documents"
	"failoverd/plan"
)

// requestID is the identifier of the request that ctx belongs to.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// guard is what every request passes before it reaches a route: it is given a
// name, its sender is looked at and counted, its body is read within bounds. It
// also is the only place where something that goes wrong becomes an answer.
func (s *Server) guard(next *http.ServeMux) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), requestIDKey, nameRequest(r)))
		a.Header().Set("X-Request-Id", requestID(r.Context()))
		a.Header().Set("Cache-Control", "no-store")
		a.Header().Set("X-Content-Type-Options", "nosniff")
		defer s.recover(a, r)
		// An answer that nobody takes must not hold the connection for ever.
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.limits.AnswerTime))

		if err := cross.Check(r); err != nil {
			a.Header().Set("Connection", "close")
			s.access.audit(r, plan.Actor{Kind: "token", Via: "https", From: address(r)}, "the request comes from another site")
			writeProblem(a, r, newProblem(http.StatusForbidden, CrossOrigin, "a page of another site sent this request; nothing was done"))
			return
		}
		if wait, ok := s.access.requests.allow(origin(r), time.Now()); !ok {
			tooMany(a, r, wait, "too many requests from this client")
			return
		}
		c, p := s.access.who(r)
		if p == nil && c == nil && !public(r) {
			p = newProblem(http.StatusUnauthorized, Unauthenticated, "a token is needed here: Authorization: Bearer fvt_…")
			p.Try = "failoverd token create NAME, on the standby"
		}
		if p != nil && !public(r) {
			s.access.refuse(a, r, p)
			return
		}
		if c != nil {
			if p := ownPage(r, c); p != nil {
				s.access.audit(r, c.actor, p.Detail)
				writeProblem(a, r, p)
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), callerKey, c))
		}
		if p := s.tidy(a, r); p != nil {
			writeProblem(a, r, p)
			return
		}
		handler, pattern := next.Handler(r)
		if pattern == "" {
			writeProblem(a, r, astray(a, handler, r))
			return
		}
		out, end := compressed(a, r)
		next.ServeHTTP(out, r)
		if err := end(); err != nil {
			panic(http.ErrAbortHandler) // Half an answer must not look like a whole one.
		}
		s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", a.status, "request_id", requestID(r.Context()))
	})
}

// public reports whether anybody may ask for the path: health, the description, the console's own files, the documents, who is signed
// in, and to be signed in.
func public(r *http.Request) bool {
	switch p := r.URL.Path; p {
	case "/healthz", "/readyz", "/openapi.json", "/", documents.Base:
		return true
	case sessionPath:
		return r.Method != http.MethodDelete
	default:
		return strings.HasPrefix(p, "/console/") || strings.HasPrefix(p, documents.Base+"/")
	}
}

// nameRequest is the sender's name for the request if it is one, and a new one
// otherwise.
func nameRequest(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	fits := len(id) >= 1 && len(id) <= 64
	for _, c := range []byte(id) {
		fits = fits && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if fits {
		return id
	}
	return "req_" + rand.Text()[:16]
}

// tidy refuses what could be read in two ways, and reads the body.
//
// The query is brought into one form, because the parameters that routes look
// at are searched for in the text: "?dry_run&x=1", or an escaped name, must
// never turn a question into an order.
func (s *Server) tidy(w http.ResponseWriter, r *http.Request) *Problem {
	if clean := path.Clean(r.URL.Path); clean != r.URL.Path || r.Method == http.MethodConnect {
		return newProblem(http.StatusNotFound, "not-found", "there is nothing at this path")
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return newProblem(http.StatusBadRequest, BadRequest, "the query cannot be read")
	}
	p := newProblem(http.StatusUnprocessableEntity, Invalid, "the query is not valid")
	for name, values := range q {
		if len(values) > 1 {
			p.Errors = append(p.Errors, FieldProblem{"query." + clip(name, 40), "given more than once"})
		} else if values[0] == "" {
			p.Errors = append(p.Errors, FieldProblem{"query." + clip(name, 40), "has no value"})
		}
	}
	if len(p.Errors) > 0 {
		return p
	}
	r.URL.RawQuery = q.Encode()
	return s.readBody(w, r)
}

// readBody reads the body within its bounds, so that no route waits for a slow
// sender.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) *Problem {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(s.limits.BodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.Body))
	control.SetReadDeadline(time.Time{})
	if err == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		return nil
	}
	w.Header().Set("Connection", "close")
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return newProblem(http.StatusRequestEntityTooLarge, TooLarge, fmt.Sprintf("the body is larger than %d bytes", s.limits.Body))
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return newProblem(http.StatusRequestTimeout, RequestTimeout, fmt.Sprintf("the body did not arrive within %s", s.limits.BodyTime))
	}
	return newProblem(http.StatusBadRequest, BadRequest, "the body cannot be read")
}

// astray is the problem of a request that no route takes: the mux says whether
// the path is unknown or only the method.
func astray(w http.ResponseWriter, handler http.Handler, r *http.Request) *Problem {
	said := &answer{ResponseWriter: discard{http.Header{}}}
	handler.ServeHTTP(said, r)
	if said.status == http.StatusMethodNotAllowed {
		allow := said.Header().Get("Allow")
		w.Header().Set("Allow", allow)
		return newProblem(http.StatusMethodNotAllowed, MethodNotAllowed, "here only: "+allow)
	}
	return newProblem(http.StatusNotFound, "not-found", "there is nothing at this path")
}

// recover turns a panic of a route into an answer, so that a fault in what is
// shown never ends what protects the servers.
func (s *Server) recover(a *answer, r *http.Request) {
	fault := recover()
	if fault == nil {
		return
	}
	if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(fault)
	}
	if a.status != 0 && r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // The client went away in the middle; that is no fault.
	}
	s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "fault", fmt.Sprint(fault), "stack", string(debug.Stack()), "request_id", requestID(r.Context()))
	if a.status != 0 {
		panic(http.ErrAbortHandler) // Half an answer must not look like a whole one.
	}
	writeProblem(a, r, refused(errors.New("panic"), r.Method != http.MethodGet && r.Method != http.MethodHead))
}

// tooMany tells a client when to come again.
func tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration, why string) {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	w.Header().Set("Connection", "close")
	writeProblem(w, r, newProblem(http.StatusTooManyRequests, RateLimited, fmt.Sprintf("%s; again in %d s", why, seconds)))
}

// answer is a response of which one knows whether it has begun.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (a *answer) WriteHeader(code int) {
	if a.status == 0 && code >= 200 {
		a.status = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write begins the answer if nothing has yet.
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// discard is a response that nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// splitRole takes the stored form of a role apart: "operator", or
// "operator:A,B" for one that is good for these servers only.
func splitRole(stored string) (Role, []string) {
	role, names, limited := strings.Cut(stored, ":")
	if !limited {
		return Role(role), nil
	}
	return Role(role), strings.Split(names, ",")
}
