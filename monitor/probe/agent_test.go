package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestAgentProbe tells the answers of an agent from those that say nothing of the primary.
func TestAgentProbe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	try(t, err)
	closed := l.Addr().(*net.TCPAddr).AddrPort()
	try(t, l.Close())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	answers := func(evidence string, err error) func(context.Context, netip.AddrPort) (string, error) {
		return func(context.Context, netip.AddrPort) (string, error) { return evidence, err }
	}
	for name, tt := range map[string]struct {
		ctx      context.Context
		hello    func(context.Context, netip.AddrPort) (string, error)
		timeout  time.Duration
		outcome  Outcome
		evidence string
	}{
		"lives":      {t.Context(), answers("failoverd 1.0 on pbx", nil), time.Minute, Answered, "failoverd 1.0 on pbx"},
		"not paired": {t.Context(), answers("", fmt.Errorf("run failoverd pair: %w", ErrNobody)), time.Minute, Unknown, "run failoverd pair"},
		"fails":      {t.Context(), answers("", errors.New("it has hung up")), time.Minute, Missed, "it has hung up"},
		"refuses": {t.Context(), func(ctx context.Context, at netip.AddrPort) (string, error) {
			_, err := new(net.Dialer).DialContext(ctx, "tcp", at.String())
			return "", err
		}, time.Minute, Missed, "refuses the connection"},
		"is silent": {t.Context(), func(ctx context.Context, _ netip.AddrPort) (string, error) {
			<-ctx.Done()
			return "", fmt.Errorf("the agent does not answer: %w", context.Cause(ctx))
		}, 20 * time.Millisecond, Missed, "no answer from " + closed.String() + " within 20ms"},
		"broken off": {ended, answers("", nil), time.Minute, Unknown, "the question was broken off"},
	} {
		r := Agent{Question: Question{Server: "PBX", Name: "agent", Timeout: tt.timeout}, At: closed, Hello: tt.hello}.Probe(tt.ctx)
		// A machine that is late itself says nothing of the agent.
		if late := strings.Contains(r.Evidence, "the standby itself was late"); name == "is silent" && late {
			continue
		}
		if r.Outcome != tt.outcome || !strings.Contains(r.Evidence, tt.evidence) || r.Addr != closed.Addr() || r.Probe != "agent" {
			t.Errorf("%s: %+v, want %s, %s", name, r, tt.outcome, tt.evidence)
		}
	}
}
