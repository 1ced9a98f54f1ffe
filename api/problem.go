package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"failoverd/status"
)

// The codes of problems beside those of status.Refusal. They are stable: a
// script may decide on them.
const (
	BadRequest       = "bad-request"        // 400
	Unauthenticated  = "unauthenticated"    // 401
	Forbidden        = "forbidden"          // 403
	CrossOrigin      = "cross-origin"       // 403
	MethodNotAllowed = "method-not-allowed" // 405
	RequestTimeout   = "request-timeout"    // 408
	StateChanged     = status.StateChanged  // 412: the order was given for another state
	TooLarge         = "too-large"          // 413
	UnsupportedType  = "unsupported-type"   // 415
	Invalid          = "validation"         // 422
	KeyReused        = "key-reused"         // 422: another order was given with this Idempotency-Key
	TimePassed       = "time-passed"        // 422: what was asked for until then would be over already
	RateLimited      = "rate-limited"       // 429
	TooManyStreams   = "too-many-streams"   // 429
	NameTaken        = status.NameTaken     // 409
	Internal         = "internal"           // 500
	Unavailable      = "unavailable"        // 503
)

// Problem is why a request was not carried out: RFC 9457, with what an operator
// and a script ask next. No key is ever missing.
type Problem struct {
	Type      string         `json:"type" doc:"Stable name of the kind of problem, a URI" example:"urn:failoverd:problem:checks-failed"`
	Title     string         `json:"title" doc:"The same for every problem of this type"`
	Status    int            `json:"status" doc:"HTTP status"`
	Detail    string         `json:"detail" doc:"What happened, for people"`
	Instance  string         `json:"instance" doc:"Path of the request"`
	Code      string         `json:"code" doc:"Stable, for programs"`
	Changed   bool           `json:"changed" doc:"False: nothing was changed. True: something was, or may have been"`
	Checks    []status.Check `json:"checks" nullable:"false" doc:"The checks that refused, with the word that accepts each"`
	Operation string         `json:"operation" doc:"Path of the operation that is in the way, empty if none is"`
	Try       string         `json:"try" doc:"The command that helps, empty if none does"`
	Errors    []FieldProblem `json:"errors" nullable:"false" doc:"What is wrong with the request, field by field"`
	RequestID string         `json:"request_id" doc:"The same as in the log and in the X-Request-Id header"`
}

// FieldProblem is what is wrong with one field of a request.
type FieldProblem struct {
	Field   string `json:"field" doc:"Where: body.until, query.limit"`
	Message string `json:"message" doc:"What is expected there"`
}

// problemType is the media type of every error.
const problemType = "application/problem+json"

// newProblem returns a problem of which nothing was changed.
func newProblem(status int, code, detail string) *Problem {
	return &Problem{Status: status, Code: code, Detail: detail}
}

// Error is the text for people.
func (p *Problem) Error() string {
	if len(p.Errors) == 0 {
		return p.Detail
	}
	parts := make([]string, 0, len(p.Errors))
	for _, e := range p.Errors {
		parts = append(parts, strings.TrimPrefix(e.Field+": ", ": ")+e.Message)
	}
	return p.Detail + ": " + strings.Join(parts, "; ")
}

// GetStatus is the HTTP status, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is the media type, for huma.
func (p *Problem) ContentType(string) string { return problemType }

// complete fills in what follows from the rest.
func (p *Problem) complete(path, requestID string) *Problem {
	p.Type = "urn:failoverd:problem:" + p.Code
	p.Title = titleOf(p.Code, p.Status)
	p.Instance, p.RequestID = path, requestID
	if p.Checks == nil {
		p.Checks = []status.Check{}
	}
	if p.Errors == nil {
		p.Errors = []FieldProblem{}
	}
	return p
}

// titleOf is one title a code.
func titleOf(code string, httpStatus int) string {
	switch code {
	case status.ChecksFailed:
		return "Refused by safety checks"
	case status.OperationRunning:
		return "Another operation is running"
	case status.WrongState:
		return "Not possible in this state"
	case status.JournalUnwritable:
		return "The journal cannot be written"
	case status.JournalUnreadable:
		return "The journal cannot be read"
	case status.NotAvailable:
		return "Not available"
	case status.InvalidConfig:
		return "The configuration is not valid"
	case status.PairingFailed:
		return "The pairing has failed"
	case status.AgentSilent:
		return "The agent has not told it"
	case CrossOrigin:
		return "Refused: the request comes from another site"
	case TooManyStreams:
		return "Too many event streams"
	case KeyReused:
		return "The key was given with another order"
	case TimePassed:
		return "The time has passed"
	case NameTaken:
		return "The name is taken"
	case status.HostOnly:
		return "Only to be done on the standby itself"
	case StateChanged:
		return "The state has changed"
	case Invalid:
		return "The request is not valid"
	}
	return http.StatusText(httpStatus)
}

// refused turns an error of the standby into a problem. A refusal is told as it
// is. Anything else is a fault: its text goes to the log, not to the client,
// and changing says whether something may have been changed.
func refused(err error, changing bool) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	r, ok := errors.AsType[*status.Refusal](err)
	if !ok {
		return &Problem{
			Status: http.StatusInternalServerError, Code: Internal, Changed: changing,
			Detail: "something went wrong inside failoverd; the log has the reason under the request id",
		}
	}
	p := &Problem{Code: r.Code, Detail: r.Detail, Changed: r.Changed, Checks: r.Checks, Try: r.Try, Status: http.StatusConflict}
	if r.Operation != "" {
		p.Operation = operationPath(r.Operation)
	}
	switch r.Code {
	case status.NotFound:
		p.Status = http.StatusNotFound
	case status.InvalidConfig:
		p.Status = http.StatusUnprocessableEntity
	case status.StateChanged:
		p.Status = http.StatusPreconditionFailed
	case status.HostOnly:
		p.Status = http.StatusForbidden
	case status.JournalUnwritable, status.JournalUnreadable:
		p.Status = http.StatusServiceUnavailable
	}
	return p
}

// operationPath is where an operation is found.
func operationPath(id string) string { return Base + "/operations/" + id }

// writeProblem answers with p.
func writeProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	p.complete(r.URL.Path, requestID(r.Context()))
	body, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("a problem has no JSON: %v", err)) // It consists of strings.
	}
	h := w.Header()
	h.Set("Content-Type", problemType)
	h.Del("Content-Length")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		w.Write(append(body, '\n'))
	}
}
