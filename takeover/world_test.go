package takeover

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// host is the standby's host: its addresses, its link, its stand-in.
type host struct {
	mu      sync.Mutex
	acts    []string
	held    map[netip.Addr]bool
	fail    map[string]error
	running bool
	hangs   chan struct{} // Start waits for it
	up      bool
	mac     string
	changed chan struct{}
	seen    []Sighting
}

func newHost() *host {
	return &host{held: map[netip.Addr]bool{}, fail: map[string]error{}, up: true, mac: "a", changed: make(chan struct{})}
}

func (h *host) act(what string, f func()) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acts = append(h.acts, what)
	if err := h.fail[what]; err != nil {
		return err
	}
	f()
	return nil
}

func (h *host) Assume(_ context.Context, _ string, p netip.Prefix) error {
	return h.act("assume "+p.Addr().String(), func() { h.held[p.Addr()] = true })
}

func (h *host) Drop(_ context.Context, _ string, a netip.Addr) error {
	return h.act("drop "+a.String(), func() { delete(h.held, a) })
}

func (h *host) Holds(a netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held[a]
}

func (h *host) Announce(a netip.Addr) error {
	return h.act("announce "+a.String(), func() {})
}

func (h *host) Verify(_ context.Context, a netip.Addr) Verified {
	_ = h.act("verify "+a.String(), func() {})
	return Verified{Result: "verified", Detail: "192.168.11.254 in 1ms"}
}

func (h *host) Start(ctx context.Context) error {
	h.mu.Lock()
	hangs := h.hangs
	h.mu.Unlock()
	if hangs != nil {
		select {
		case <-hangs:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return h.act("start", func() { h.running = true })
}

func (h *host) Stop(context.Context) error { return h.act("stop", func() { h.running = false }) }

func (h *host) Running(context.Context) (bool, string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running, "looked", h.fail["running"]
}

func (h *host) Ready(context.Context) (string, error) {
	return "answers", h.act("ready", func() {})
}

func (h *host) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

func (h *host) Link(string) (bool, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up, h.mac
}

// set changes the host, and tells of it.
func (h *host) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *host) report(s Sighting) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, s)
}

// sightings lists what was seen since it was last asked.
func (h *host) sightings() []SightingKind {
	h.mu.Lock()
	defer h.mu.Unlock()
	var kinds []SightingKind
	for _, s := range h.seen {
		kinds = append(kinds, s.Kind)
	}
	h.seen = nil
	return kinds
}

// done lists what was done since it was last asked.
func (h *host) done() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	acts := h.acts
	h.acts = nil
	return acts
}

// times counts how often something was done since it was last asked.
func (h *host) times(what string) int {
	n := 0
	for _, act := range h.done() {
		if act == what {
			n++
		}
	}
	return n
}

// subject is a server with two service addresses.
func subject() Server {
	return Server{
		Name: "pbx", Link: "eth0", Assume: true,
		Addresses: []netip.Prefix{netip.PrefixFrom(service, 32), netip.PrefixFrom(second, 32)},
		Spacing:   spacing, Quiet: time.Second, Start: time.Minute, Ready: 5 * time.Second,
	}
}

func (h *host) parts(q *Inquiry) Parts {
	return Parts{Holder: h, Inquiry: q, Announcer: h, StandIn: h}
}

// watched runs a watch until the test ends.
func watched(t *testing.T, h *host, w *wire, change func(*Watch)) {
	t.Helper()
	watch := &Watch{Server: subject(), Parts: h.parts(w.q), Network: h, Report: h.report}
	change(watch)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	since := time.Now()
	go func() { ended <- watch.Run(ctx, since, everyMinute) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, a := range []netip.Addr{service, second} {
			if f := w.q.Found(a); f.Asked != 0 {
				t.Errorf("%s is still asked for after the watch", a)
			}
		}
	})
}

// everyMinute is a schedule of announcements.
func everyMinute(since time.Duration) time.Duration { return time.Minute - since%time.Minute }

var errBusy = errors.New("device or resource busy")

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// copies are the host's copies of databases.
type copies struct{ h *host }

func (c copies) Quiesce(context.Context) (string, error) {
	return "it is 7 h old", c.h.act("quiesce", func() {})
}

func (c copies) Release(_ context.Context, writable bool) error {
	return c.h.act(fmt.Sprintf("release %t", writable), func() {})
}

func (c copies) Names() string { return "pbx_CTSERVER" }
