package probe

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// PingerConfig is what a Pinger needs.
type PingerConfig struct {
	// Net knows this host's links, addresses and routes. Without it (nil)
	// only what the kernel refuses to send is Unknown.
	Net NetState

	// Deliver receives what became known, in order and from one goroutine. The
	// slice is the receiver's. While it runs no ping is sent, so it must not
	// block long; a ping that is late for it is Unknown, never Missed.
	Deliver func([]Result)

	// Stalled is told, by the same goroutine, when the process or the host was
	// stopped, and for how long. Every ping that was out is delivered as
	// Unknown right after. May be nil.
	Stalled func(gap time.Duration)

	Log *slog.Logger
}

// Pinger keeps the beat of every target.
type Pinger struct {
	cfg PingerConfig

	mu      sync.Mutex
	targets []Target // the set that Run has not seen yet
	changed bool     // targets is such a set, even when it is empty
	asked   []string // servers to ask at once
	bell    int      // eventfd that wakes Run, -1 while it does not run
}

// NewPinger makes a Pinger without targets.
func NewPinger(cfg PingerConfig) *Pinger {
	if cfg.Stalled == nil {
		cfg.Stalled = func(time.Duration) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Pinger{cfg: cfg, bell: -1}
}

// Set replaces the targets. One that was there before (same server, path and
// address) keeps its beat and the ping that is out; the pings of one that is
// gone are dropped without a result. It may be called before Run and any time.
func (p *Pinger) Set(targets []Target) {
	resolved := make([]Target, len(targets))
	for i, t := range targets {
		resolved[i] = t.resolved()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets, p.changed = resolved, true
	p.ring()
}

// Now pings every path of a server at once, besides its beat.
func (p *Pinger) Now(server string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, server)
	p.ring()
}

// ring wakes Run. The caller holds the lock.
func (p *Pinger) ring() {
	if p.bell >= 0 {
		// An eventfd refuses only when it is rung already.
		_, _ = unix.Write(p.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// Run pings until ctx ends, then returns nil. The sockets belong to the network
// namespace of the thread that Run is called on.
func (p *Pinger) Run(ctx context.Context) error {
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("ping: open eventfd: %w", err)
	}
	p.mu.Lock()
	if p.bell >= 0 {
		p.mu.Unlock()
		_ = unix.Close(bell)
		return fmt.Errorf("ping: already running")
	}
	p.bell = bell
	p.mu.Unlock()
	rung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(rung)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ring()
	})
	defer func() {
		if !stop() {
			<-rung
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.bell = -1
		_ = unix.Close(bell)
	}()
	l, err := newLoop(p.cfg, bell, p.inbox)
	if err != nil {
		return err
	}
	defer l.close()
	return l.run(ctx)
}

// inbox hands over what Set and Now have left.
func (p *Pinger) inbox() (targets []Target, changed bool, asked []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	targets, changed, asked = p.targets, p.changed, p.asked
	p.targets, p.changed, p.asked = nil, false, nil
	return targets, changed, asked
}
