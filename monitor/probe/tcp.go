package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// TCP asks whether somebody accepts a connection.
type TCP struct {
	Question // Addr is set by Probe
	To       netip.AddrPort
}

// Probe connects and closes again.
func (p TCP) Probe(ctx context.Context) Result {
	p.Addr = p.To.Addr().Unmap()
	r := p.begin()
	conn, outcome, evidence := p.connect(ctx, r.Sent, p.To)
	if conn != nil {
		// Only that it opened was asked.
		_ = conn.Close()
	}
	return p.end(ctx, r, outcome, evidence)
}

// connect opens a connection for a question that began at a time; without one
// it says what that means.
func (q Question) connect(ctx context.Context, sent time.Time, to netip.AddrPort) (net.Conn, Outcome, string) {
	if ctx.Err() != nil {
		return nil, Unknown, "the question was broken off"
	}
	if fault := q.pathFault(sent); fault != "" {
		return nil, Unknown, fault
	}
	// No keep-alive: the connection lives for one question.
	dialer := net.Dialer{Deadline: sent.Add(q.Timeout), KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err == nil {
		return conn, Answered, "connected to " + to.String()
	}
	outcome, evidence := q.failure(ctx, err, to)
	return nil, outcome, evidence
}

// failure says what an error on a connection means.
func (q Question) failure(ctx context.Context, err error, to netip.AddrPort) (Outcome, string) {
	switch {
	case ctx.Err() != nil:
		return Unknown, "the question was broken off"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, unix.ETIMEDOUT):
		return Missed, fmt.Sprintf("no answer from %s within %s", to, q.Timeout)
	case errors.Is(err, unix.ECONNREFUSED):
		return Missed, to.String() + " refuses the connection"
	case errors.Is(err, unix.ENETUNREACH) && q.Net != nil:
		// The standby has a route, so a router on the way said so.
		return Missed, "a router says that the network of " + to.String() + " is unreachable"
	case local(err):
		return Unknown, sendFault(err)
	default:
		return Missed, fmt.Sprintf("%s: %v", to, err)
	}
}
