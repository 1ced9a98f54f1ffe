package standby

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"failoverd/internal/netstate"
	"failoverd/monitor/probe"
)

// The network.

func (w *world) State() netstate.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := netstate.State{Links: maps.Clone(w.links), Addrs: map[netip.Addr]netstate.Held{}}
	if _, ok := w.links["eth0"]; ok {
		s.Addrs[ownAddr] = netstate.Held{Prefix: netip.PrefixFrom(ownAddr, 24), Link: "eth0"}
	}
	if !w.noRoute {
		s.Gateway4, s.DefaultLink = w.gateway, "eth0"
	}
	for a, link := range w.held {
		s.Addrs[a] = netstate.Held{Prefix: netip.PrefixFrom(a, 32), Link: link}
	}
	for a := range w.foreign {
		s.Addrs[a] = netstate.Held{Prefix: netip.PrefixFrom(a, 32), Link: "eth0"}
	}
	return s
}

func (w *world) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

func (w *world) Egress(dst netip.Addr) (string, bool, error) {
	_, local := w.State().Addrs[dst]
	return "eth0", local, nil
}

// link switches a link on or off, and tells.
func (w *world) link(name string, carrier bool) {
	w.set(func() {
		l := w.links[name]
		l.Carrier = carrier
		w.links[name] = l
		close(w.changed)
		w.changed = make(chan struct{})
	})
}

// tell says that the network has changed.
func (w *world) tell() {
	w.set(func() {
		close(w.changed)
		w.changed = make(chan struct{})
	})
}

// pinger keeps the beat of its targets, as the real one does.
type pinger struct {
	w       *world
	net     probe.NetState
	deliver func([]probe.Result)
	stalled func(time.Duration)

	mu      sync.Mutex
	targets []probe.Target
	next    []time.Time
	wake    chan struct{}
}

func (p *pinger) Set(targets []probe.Target) {
	p.mu.Lock()
	next := make([]time.Time, len(targets))
	for i, t := range targets {
		next[i] = time.Now()
		if was := slices.Index(p.targets, t); was >= 0 {
			next[i] = p.next[was]
		}
	}
	p.targets, p.next = targets, next
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// asks lists who is pinged.
func (p *pinger) asks() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, t := range p.targets {
		list = append(list, strings.TrimPrefix(t.Server, "\x00")+" "+t.Addr.String())
	}
	slices.Sort(list)
	return list
}

func (p *pinger) Run(ctx context.Context) error {
	var late sync.WaitGroup
	defer late.Wait()
	for {
		p.mu.Lock()
		wait := time.Hour
		for i, t := range p.targets {
			if !p.next[i].After(time.Now()) {
				p.next[i] = time.Now().Add(t.Interval)
				late.Go(func() { p.ping(ctx, t) })
			}
			wait = min(wait, time.Until(p.next[i]))
		}
		p.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-p.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// ping asks once.
func (p *pinger) ping(ctx context.Context, t probe.Target) {
	r := probe.Result{Server: t.Server, Path: t.Path, Addr: t.Addr, Probe: "ping " + t.Addr.String(), Sent: time.Now(), At: time.Now()}
	_, local, _ := p.net.Egress(t.Addr)
	p.w.mu.Lock()
	alive := p.w.alive[t.Addr]
	up := p.w.links["eth0"].Carrier
	p.w.mu.Unlock()
	switch {
	case local, !up:
		r.Outcome, r.Evidence = probe.Unknown, "cannot be asked"
	case alive:
		r.Outcome, r.RTT = probe.Answered, time.Millisecond
	default:
		timer := time.NewTimer(t.Timeout)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		r.At, r.Outcome, r.Evidence = time.Now(), probe.Missed, "no answer"
	}
	p.deliver([]probe.Result{r})
}
