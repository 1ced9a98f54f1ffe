package agent

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// NotPairedError says that the standby has no key of an agent.
type NotPairedError struct{ Address netip.AddrPort }

func (e *NotPairedError) Error() string {
	return fmt.Sprintf("no agent is paired at %s: run failoverd agent pair on the primary, then failoverd pair %s here", e.Address, e.Address)
}

// WrongKeyError says that whoever answers at an agent's address is not the agent that was paired.
type WrongKeyError struct {
	Address       netip.AddrPort
	Pinned, Shown Key
}

func (e *WrongKeyError) Error() string {
	return fmt.Sprintf("whoever answers at %s is not the agent that was paired: its key is %s, the paired one's %s; pair again only if the agent was installed anew, else find out who answers",
		e.Address, e.Shown.Fingerprint(), e.Pinned.Fingerprint())
}

// RefusedError says what an agent gave as its reason.
type RefusedError struct {
	Address netip.AddrPort
	Problem Problem
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the agent at %s refuses: %s", e.Address, e.Problem.Detail)
}

// said turns a problem of the agent into an error of the standby.
func said(to netip.AddrPort, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return &RefusedError{Address: to, Problem: Problem{Code: tame(p.Code, maxWord), Detail: tame(p.Detail, 10*maxWord)}}
	}
	return unanswered(to, err)
}

// unanswered says that there was no way to an agent, and what that may mean.
func unanswered(to netip.AddrPort, err error) error {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("what listens at %s is no agent: it does not speak TLS", to)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the agent at %s has closed the connection without an answer: it may be stopping, or have too many connections", to)
	}
	return fmt.Errorf("the agent at %s does not answer: %w", to, err)
}
