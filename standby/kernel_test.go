package standby

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"failoverd/monitor/probe"
	"failoverd/takeover/address"
)

// idle is a part that does nothing.
type idle struct{}

func (idle) Set([]probe.Scheduled) {}
func (idle) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// The kernel's addresses.

func (w *world) Assume(ctx context.Context, link string, p netip.Prefix) error {
	return w.act(ctx, "assume "+p.Addr().String(), func() { w.held[p.Addr()] = link })
}

func (w *world) Drop(ctx context.Context, link string, a netip.Addr) error {
	return w.act(ctx, "drop "+a.String(), func() {
		if w.held[a] == link {
			delete(w.held, a)
		}
	})
}

func (w *world) Prepare() {}

func (w *world) Held(context.Context) ([]address.Held, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []address.Held
	for a, link := range w.held {
		list = append(list, address.Held{Link: link, Prefix: netip.PrefixFrom(a, 32)})
	}
	return list, nil
}

// segmentOf is a segment of the world.
type segmentOf struct {
	w    *world
	link string
	hear func(address.Claim)
}

func (s *segmentOf) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (s *segmentOf) Ask(a netip.Addr) error {
	s.w.mu.Lock()
	mac, ok := s.w.wire[a]
	s.w.mu.Unlock()
	if ok {
		hw, _ := net.ParseMAC(mac)
		s.hear(address.Claim{IP: a, MAC: hw, At: time.Now()})
	}
	return nil
}

func (s *segmentOf) Known(a netip.Addr) string {
	if a == pbx {
		return pbxMAC
	}
	return ""
}

func (s *segmentOf) Announce(a netip.Addr) error {
	return s.w.act(context.Background(), "announce "+a.String(), func() {})
}

func (s *segmentOf) AnnounceFor(a netip.Addr, mac string) error {
	return s.w.act(context.Background(), "announce "+a.String()+" for "+mac, func() {})
}

// app is a stand-in.
type app struct {
	w    *world
	name string
}

func (a app) Start(ctx context.Context) error {
	return a.w.act(ctx, "start "+a.name, func() { a.w.running[a.name] = true })
}

func (a app) Stop(ctx context.Context) error {
	return a.w.act(ctx, "stop "+a.name, func() { delete(a.w.running, a.name) })
}

func (a app) Running(context.Context) (bool, string, error) {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	return a.w.running[a.name], "looked", nil
}

func (a app) Ready(ctx context.Context) (string, error) {
	return "ready", a.w.act(ctx, "ready "+a.name, func() {})
}

// ObservePing and those that follow are the metrics.
func (w *world) ObservePing(string, time.Duration) {}
func (w *world) ObserveMiss(string)                {}
func (w *world) ObserveDecision(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.decided = append(w.decided, took)
}

func (w *world) ObserveTakeover(server, result string, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, server+" "+result)
}

func (w *world) ObserveDrill(server, result string, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, fmt.Sprintf("%s drill %s %t", server, result, took >= 0))
}

func (w *world) ObserveFailback(server, result string, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, fmt.Sprintf("%s failback %s", server, result))
}

func (w *world) ObserveHandover(server, result string, stop time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, fmt.Sprintf("%s handover %s %t", server, result, stop > 0))
}

func (w *world) ObserveReplication(server, kind, result string, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, fmt.Sprintf("%s %s %s %t", server, kind, result, took >= 0))
}
