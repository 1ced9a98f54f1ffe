package probe

import (
	"context"
	"errors"
	"net/netip"
)

// ErrNobody says that an agent was reached, or somebody in its place, and that nothing is known of it: it is not paired,
// or it is another. That is no sign of a failure.
var ErrNobody = errors.New("it is not the agent that was paired")

// Agent asks the agent on a primary whether it lives.
type Agent struct {
	Question // Addr is set by Probe
	At       netip.AddrPort
	// Hello asks, and says what the agent answered. An error that is ErrNobody says nothing of the primary.
	Hello func(ctx context.Context, at netip.AddrPort) (evidence string, err error)
}

// Probe asks for a sign of life.
func (p Agent) Probe(ctx context.Context) Result {
	p.Addr = p.At.Addr().Unmap()
	r := p.begin()
	if ctx.Err() != nil {
		return p.end(ctx, r, Unknown, "the question was broken off")
	}
	if fault := p.pathFault(r.Sent); fault != "" {
		return p.end(ctx, r, Unknown, fault)
	}
	asking, cancel := context.WithDeadline(ctx, r.Sent.Add(p.Timeout))
	defer cancel()
	evidence, err := p.Hello(asking, p.At)
	switch {
	case err == nil:
		return p.end(ctx, r, Answered, evidence)
	case errors.Is(err, ErrNobody):
		return p.end(ctx, r, Unknown, err.Error())
	}
	outcome, evidence := p.failure(ctx, err, p.At)
	return p.end(ctx, r, outcome, evidence)
}
