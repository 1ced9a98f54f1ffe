package main

import (
	"context"
	"errors"
	"net/http"

	"failoverd/api"
	"failoverd/status"
)

// The exit codes. They are documented and never change; scripts treat a code
// that they do not know as a failure.
const (
	exitDone      = 0  // done; of status: all ready
	exitFailed    = 1  // failed
	exitUsage     = 2  // usage, or confirmation impossible
	exitAttention = 3  // somebody should look
	exitUncovered = 4  // a server is down and nobody serves it
	exitRefused   = 5  // refused by a check, nothing was changed
	exitConflict  = 6  // another operation runs, or the state does not allow it
	exitNotFound  = 7  // there is no such thing
	exitForbidden = 8  // not allowed
	exitNoDaemon  = 9  // no daemon answers
	exitGaveUp    = 10 // the client gave up waiting and the operation still runs
	exitDeclined  = 11 // declined at the question, or cancelled
)

// The codes of problems that arise in the client itself.
const (
	codeUsage        = "usage"
	codeConfirmation = "confirmation-needed"
	codeDeclined     = "declined"
	codeNoDaemon     = "no-daemon"
	codeStillRunning = "still-running"
	codeFailed       = "operation-failed"
	codeCancelled    = "operation-cancelled"
	codePartial      = "operation-partial"
	codeInterrupted  = "interrupted"
	codeClient       = "client"
)

// exitOf is the one place that says which exit code a problem means. A code
// that this client does not know (the daemon may be newer) is judged by its
// HTTP status.
func exitOf(code string, httpStatus int) int {
	switch code {
	case status.ChecksFailed:
		return exitRefused
	case status.NotFound:
		return exitNotFound
	case status.OperationRunning, status.WrongState:
		return exitConflict
	case api.Unauthenticated, api.Forbidden:
		return exitForbidden
	case codeUsage, codeConfirmation:
		return exitUsage
	case codeDeclined, codeCancelled:
		return exitDeclined
	case codeNoDaemon:
		return exitNoDaemon
	case codeStillRunning:
		return exitGaveUp
	case codePartial:
		return exitAttention
	case status.JournalUnwritable, status.JournalUnreadable, status.NotAvailable, status.InvalidConfig, status.PairingFailed, status.AgentSilent,
		codeFailed, codeInterrupted, codeClient:
		return exitFailed
	}
	switch httpStatus {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return exitUsage
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitForbidden
	case http.StatusNotFound, http.StatusGone:
		return exitNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return exitConflict
	}
	return exitFailed
}

// exitOfVerdict is the exit code of `failoverd status`.
func exitOfVerdict(v status.Verdict) int {
	switch v {
	case status.AllReady:
		return exitDone
	case status.Uncovered:
		return exitUncovered
	}
	return exitAttention
}

// A failure ends a command with a problem that arose in the client.
type failure struct {
	code   string
	detail string
	try    string
	cause  error
}

func (f *failure) Error() string { return f.detail }
func (f *failure) Unwrap() error { return f.cause }

// An answer ends a command that has said everything on standard output, with
// an exit code that is part of the answer.
type answer int

func (a answer) Error() string { return "the answer is in the exit code" }

// problemOf turns any error into the one shape in which errors are shown.
func problemOf(err error) *api.Problem {
	var problem *api.Problem
	var own *failure
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &own):
		return &api.Problem{Code: own.code, Title: title(own.code), Detail: own.detail, Try: own.try}
	case errors.Is(err, context.Canceled):
		return &api.Problem{Code: codeInterrupted, Title: title(codeInterrupted), Detail: "interrupted"}
	}
	return &api.Problem{Code: codeClient, Title: title(codeClient), Detail: err.Error()}
}

// title is the constant title of one of the client's own problems.
func title(code string) string {
	switch code {
	case codeUsage:
		return "The command line is not understood"
	case codeConfirmation:
		return "A confirmation is needed and nobody can be asked"
	case codeDeclined:
		return "Declined"
	case codeNoDaemon:
		return "No daemon answers"
	case codeStillRunning:
		return "The operation still runs"
	case codeFailed:
		return "The operation failed"
	case codeCancelled:
		return "The operation was cancelled"
	case codePartial:
		return "The operation ended with a step that failed"
	case codeInterrupted:
		return "Interrupted"
	}
	return "The command failed"
}
