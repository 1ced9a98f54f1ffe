package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	probing "github.com/prometheus-community/pro-bing"
	"golang.org/x/sys/unix"
)

// Ping is one ping, by pro-bing: for a question that is asked now and then, from
// a certain source or through a certain interface, as the check that an assumed
// address works or that a witness answers. The beat of the primaries is kept by
// a Pinger instead.
type Ping struct {
	Question // Name may be empty: "ping 10.0.0.1"

	// Source is the address to ask from, the kernel's choice if not valid.
	Source netip.Addr

	// Interface is the link to ask through, the kernel's choice if empty.
	Interface string
}

// Probe asks once. It may return up to 100 ms after the time-out or the end of
// ctx, since pro-bing looks no more often.
func (p Ping) Probe(ctx context.Context) Result {
	if p.Name == "" {
		p.Name = "ping " + p.Addr.String()
	}
	p.Addr = p.Addr.Unmap()
	p.Timeout = max(p.Timeout, time.Millisecond) // Zero would be a panic inside pro-bing.
	r := p.begin()
	if ctx.Err() != nil {
		return p.end(ctx, r, Unknown, "the question was broken off")
	}
	// A route of type prohibit would send pro-bing round for ever, and an
	// address of our own would be answered by our own kernel.
	if fault := p.pathFault(r.Sent); fault != "" {
		return p.end(ctx, r, Unknown, fault)
	}
	rtt, err := p.ask(ctx, true)
	if errors.Is(err, unix.EPERM) && rtt == 0 {
		// Without CAP_NET_RAW the system may still permit datagram sockets.
		if again, againErr := p.ask(ctx, false); againErr == nil {
			rtt, err = again, nil
		}
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return p.end(ctx, r, Unknown, "the question was broken off")
	case err != nil:
		return p.end(ctx, r, Unknown, sendFault(err))
	case rtt <= 0:
		return p.end(ctx, r, Missed, fmt.Sprintf("no answer within %s", p.Timeout))
	case rtt > p.Timeout:
		// When a dead link comes back the kernel sends what it had queued, and
		// that is answered too.
		return p.end(ctx, r, Missed, fmt.Sprintf("answered only after %s, the time-out is %s", short(rtt), p.Timeout))
	default:
		r = p.end(ctx, r, Answered, fmt.Sprintf("answered in %s", short(rtt)))
		r.RTT = rtt
		return r
	}
}

// ask sends one echo request and waits for its answer; rtt is 0 if none came.
func (p Ping) ask(ctx context.Context, raw bool) (rtt time.Duration, err error) {
	pinger := probing.New(p.Addr.String())
	pinger.SetIPAddr(&net.IPAddr{IP: p.Addr.AsSlice(), Zone: p.Addr.Zone()})
	pinger.Count = 1
	pinger.Timeout, pinger.Interval = p.Timeout, p.Timeout
	pinger.RecordRtts, pinger.RecordTTLs = false, false
	pinger.SetPrivileged(raw)
	pinger.InterfaceName = p.Interface
	if p.Source.IsValid() {
		pinger.Source = p.Source.String()
	}
	guard := &loopGuard{}
	pinger.SetLogger(guard)
	// Our own monotonic times: pro-bing computes with the wall clock.
	var sent time.Time
	var answered time.Duration
	pinger.OnSend = func(*probing.Packet) { sent = time.Now() }
	pinger.OnRecv = func(k *probing.Packet) {
		// pro-bing takes its own token from any address.
		if from, ok := netip.AddrFromSlice(k.IPAddr.IP); ok && from.Unmap() == p.Addr.WithZone("") {
			answered = max(time.Since(sent), time.Nanosecond)
		}
	}
	var refused error
	pinger.OnSendError = func(_ *probing.Packet, err error) { refused = err }
	err = pinger.RunWithContext(ctx)
	if guard.caught.Load() {
		return 0, unix.EACCES
	}
	if err == nil {
		err = refused
	}
	return answered, err
}

// loopGuard is a logger that ends pro-bing's endless loop: when sending is
// refused with EACCES it logs once, tries again, and would do so for ever,
// whatever its context says. The first time may be a broadcast address, the
// second cannot be helped.
type loopGuard struct {
	probing.NoopLogger
	tries  int
	caught atomic.Bool
}

// Infof ends the sending goroutine the second time.
func (g *loopGuard) Infof(string, ...any) {
	if g.tries++; g.tries > 1 {
		g.caught.Store(true)
		runtime.Goexit()
	}
}
