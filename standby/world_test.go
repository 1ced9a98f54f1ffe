package standby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failoverd/config"
	"failoverd/internal/netstate"
	"failoverd/journal"
	"failoverd/monitor/probe"
	"failoverd/plan"
	"failoverd/status"
	"failoverd/takeover"
	"failoverd/takeover/address"
)

var (
	gateway = netip.MustParseAddr("192.168.11.254")
	ownAddr = netip.MustParseAddr("192.168.11.2")
	pbx     = netip.MustParseAddr("192.168.11.1")
	crm     = netip.MustParseAddr("192.168.11.3")
)

const (
	pbxMAC = "02:00:00:00:00:01"
	badMAC = "02:00:00:00:00:99"
)

// world is a standby with everything around it played: the network, the
// kernel's addresses, the neighbours, the stand-ins. The journal is the real
// one, on a disk that can be made to fail. The clock is a bubble's.
type world struct {
	t    testing.TB
	dir  string
	conf *config.Config
	next *config.Config // what a reload reads

	mu       sync.Mutex
	alive    map[netip.Addr]bool   // who answers pings
	wire     map[netip.Addr]string // who answers ARP
	held     map[netip.Addr]string // labelled as ours, by link
	foreign  map[netip.Addr]bool   // held by this host, and not ours
	links    map[string]netstate.Link
	changed  chan struct{}
	running  map[string]bool // the stand-ins
	fail     map[string]error
	gate     map[string]chan struct{} // an act waits until it is closed
	stubborn bool                     // and does not heed its context
	acts     []string
	dead     bool // the daemon has crashed: nothing that it does happens
	bootID   string
	bootAt   time.Time
	gateway  netip.Addr
	noRoute  bool
	verified string
	took     []string

	memory *disk
	pinger *pinger
	s      *Standby
	stop   context.CancelFunc
	ended  chan error
}

// inBubble plays a story in a bubble.
func inBubble(t *testing.T, story func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { story(t) })
}

// newWorld returns a standby that watches these servers, and has not started.
func newWorld(t testing.TB, servers ...config.Server) *world {
	w := &world{
		t: t, dir: t.TempDir(), alive: map[netip.Addr]bool{gateway: true}, wire: map[netip.Addr]string{},
		held: map[netip.Addr]string{}, foreign: map[netip.Addr]bool{}, changed: make(chan struct{}),
		links:   map[string]netstate.Link{"eth0": {Index: 2, Name: "eth0", Up: true, Carrier: true, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}}},
		running: map[string]bool{}, fail: map[string]error{}, gate: map[string]chan struct{}{}, bootID: "boot-1", verified: "verified", gateway: gateway,
	}
	w.conf = &config.Config{
		File: "failoverd.yaml",
		Standby: config.Standby{
			Name: "standby", DataDir: w.dir, Interface: "eth0", Capacity: 1, DefaultWitness: true, Settle: 10 * time.Second,
		},
		Alerts:  config.Alerts{Email: &config.Email{To: []string{"op@example.com"}}},
		Servers: servers,
	}
	for _, c := range servers {
		w.alive[c.Address] = true
	}
	w.next = w.conf
	t.Cleanup(func() {
		if w.ended != nil {
			w.stopDaemon()
		}
		if w.memory != nil {
			if err := w.memory.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

// primary is a primary with the defaults of the manual.
func primary(name string, a netip.Addr) config.Server {
	return config.Server{
		Name: name, Address: a, Addresses: []netip.Addr{a},
		Ping: config.Ping{Interval: 2 * time.Second, Timeout: time.Second, WarnAfter: 5, FailAfter: 15, FailAfterReboot: 30},
		Takeover: config.Takeover{
			Mode: "automatic", AssumeAddress: true, ServiceAddresses: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())},
			OnConflict: "refuse", OnClaim: "defend", OnFailure: "undo", AddressOrder: "last",
			Start: config.StandIn{Units: []string{name + ".service"}, Timeout: 30 * time.Second},
		},
	}
}

// disk is the journal on a disk that fails or hangs when it is told to.
type disk struct {
	*journal.Journal
	w *world

	mu      sync.Mutex
	broken  error
	blocked chan struct{} // commits wait until it is closed
	commits int
	onNext  func(journal.Batch) error // asked before each commit
	dies    func(journal.Batch) bool  // asked after it
}

func (m *disk) Commit(ctx context.Context, b journal.Batch) ([]journal.Event, error) {
	m.mu.Lock()
	err, blocked, onNext := m.broken, m.blocked, m.onNext
	m.commits++
	m.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
	if m.w.crashed() {
		return nil, errors.New("the daemon is dead")
	}
	if err == nil && onNext != nil {
		err = onNext(b)
	}
	if err != nil {
		return nil, err
	}
	for _, op := range b.Operations {
		m.w.did("commit " + op.Kind + " " + openWord(op.Open))
	}
	events, err := m.Journal.Commit(ctx, b)
	if m.dies != nil && m.dies(b) {
		m.w.set(func() { m.w.dead = true })
		return nil, errors.New("the daemon is dead")
	}
	return events, err
}

func openWord(open bool) string {
	if open {
		return "open"
	}
	return "over"
}

func (m *disk) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

func (m *disk) asks(f func(journal.Batch) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onNext = f
}

func (m *disk) blocks() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ch := make(chan struct{})
	m.blocked = ch
	return func() {
		m.mu.Lock()
		m.blocked = nil
		m.mu.Unlock()
		close(ch)
	}
}

func (m *disk) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commits
}

// did notes an act.
func (w *world) did(act string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acts = append(w.acts, act)
}

// done lists the acts since it was last asked.
func (w *world) done() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	acts := w.acts
	w.acts = nil
	return acts
}

func (w *world) crashed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// act does something to the world, unless it fails or the daemon is dead. It
// waits at its gate before.
func (w *world) act(ctx context.Context, what string, f func()) error {
	w.mu.Lock()
	gate := w.gate[what]
	if w.stubborn {
		ctx = context.WithoutCancel(ctx)
	}
	w.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errors.New("the daemon is dead")
	}
	w.acts = append(w.acts, what)
	if err := w.fail[what]; err != nil {
		return err
	}
	f()
	return nil
}

// set changes the world.
func (w *world) set(f func()) {
	w.mu.Lock()
	f()
	w.mu.Unlock()
}

// shut makes an act wait, and returns what lets it go on.
func (w *world) shut(what string) (open func()) {
	ch := make(chan struct{})
	w.set(func() { w.gate[what] = ch })
	return func() {
		w.set(func() { delete(w.gate, what) })
		close(ch)
	}
}

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

// ObservePing, ObserveMiss and ObserveTakeover are the metrics.
func (w *world) ObservePing(string, time.Duration) {}
func (w *world) ObserveMiss(string)                {}
func (w *world) ObserveTakeover(server, result string, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, server+" "+result)
}

func (w *world) deps() Deps {
	return Deps{
		Version: "test", Log: slog.New(slog.DiscardHandler), Config: w.conf, Journal: w.memory, BootID: w.bootID, BootAt: w.bootAt,
		Load: func() (*config.Config, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.next, w.fail["load"]
		},
		Net: w,
		Pinger: func(n probe.NetState, deliver func([]probe.Result), stalled func(time.Duration)) Pinger {
			w.pinger = &pinger{w: w, net: n, deliver: deliver, stalled: stalled, wake: make(chan struct{}, 1)}
			return w.pinger
		},
		Probers: func(config.Server) []probe.Scheduled { return nil },
		Probing: func(func([]probe.Result)) Probing { return idle{} },
		Holder:  w,
		Segment: func(link string, hear func(address.Claim)) (Segment, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if _, ok := w.links[link]; !ok {
				return nil, fmt.Errorf("no interface %q", link)
			}
			return &segmentOf{w: w, link: link, hear: hear}, nil
		},
		Verify: func(context.Context, Segment, netip.Addr, []netip.Addr) takeover.Verified {
			w.mu.Lock()
			defer w.mu.Unlock()
			return takeover.Verified{Result: w.verified, Detail: "asked"}
		},
		StandIn: func(c config.Server) takeover.StandIn { return app{w, c.Name} },
		Fence: func(c config.Server) *takeover.Fence {
			if c.Takeover.Fence == nil {
				return nil
			}
			return &takeover.Fence{Command: "fence", Timeout: c.Takeover.Fence.Timeout, Run: func(ctx context.Context) (string, error) {
				return "off", w.act(ctx, "fence "+c.Name, func() {})
			}}
		},
		Next: address.Announcements,
		TestMail: func(_ context.Context, to string) ([]string, string, error) {
			return []string{"250 ok"}, "", w.fail["mail "+to]
		},
		Loaded:  func(*config.Config) { w.did("loaded") },
		Metrics: w,
	}
}

// open opens the journal and makes the standby.
func (w *world) open() error {
	if w.memory == nil {
		j, err := journal.Open(context.Background(), filepath.Join(w.dir, "journal"), journal.Options{
			Log: slog.New(slog.DiscardHandler), Recipients: func() []string { return []string{"op@example.com"} },
		})
		if err != nil {
			return err
		}
		w.memory = &disk{Journal: j, w: w}
	}
	s, err := New(context.Background(), w.deps())
	w.s = s
	return err
}

// start starts the daemon and waits until it watches.
func (w *world) start() *world {
	w.t.Helper()
	if err := w.open(); err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.ended = stop, make(chan error, 1)
	s, ended := w.s, w.ended
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		w.t.Fatalf("the standby ended: %v", err)
	}
	synctest.Wait()
	return w
}

// stopDaemon stops the daemon, as systemctl does.
func (w *world) stopDaemon() {
	w.t.Helper()
	w.stop()
	if err := <-w.ended; err != nil && !w.crashed() {
		w.t.Errorf("the standby ended: %v", err)
	}
	w.ended = nil
}

// crash ends the daemon between one instant and the next: nothing that it does
// afterwards happens.
func (w *world) crash() {
	w.t.Helper()
	w.set(func() { w.dead = true })
	w.stopDaemon()
	w.set(func() { w.dead = false })
	w.memory.breaks(nil)
	w.memory.asks(nil)
	w.memory.dies = nil
	w.done()
}

// reboot ends the host: its addresses and stand-ins are gone.
func (w *world) reboot() {
	w.t.Helper()
	w.crash()
	w.set(func() {
		clear(w.held)
		clear(w.running)
		w.bootID += "'"
		w.bootAt = time.Now()
	})
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	<-time.After(d)
	synctest.Wait()
}

// dies has a primary die, just after it has answered.
func (w *world) dies(a netip.Addr) {
	w.set(func() { delete(w.alive, a) })
}

// returns has it come back.
func (w *world) returns(a netip.Addr) {
	w.set(func() { w.alive[a] = true })
}

// of is a server as people see it.
func (w *world) of(name string) status.Server {
	w.t.Helper()
	for _, v := range w.s.Snapshot().Servers {
		if v.Name == name {
			return v
		}
	}
	w.t.Fatalf("no server %q in the snapshot", name)
	panic("unreachable")
}

// is checks who serves.
func (w *world) is(name, state, role string) {
	w.t.Helper()
	if v := w.of(name); v.State != state || v.Role != role {
		w.t.Fatalf("%s is %s, %s (%s); want %s, %s", name, v.State, v.Role, v.Summary, state, role)
	}
}

// events lists the kinds of events of a server, oldest first, "" for all.
func (w *world) events(name string) []string {
	w.t.Helper()
	events, err := w.memory.Events(context.Background(), journal.EventQuery{Server: name, Limit: 10000})
	if err != nil {
		w.t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// happened counts the events of a kind.
func (w *world) happened(kind string) int {
	w.t.Helper()
	return count(w.events(""), kind)
}

// mails lists the kinds of alerts in the outbox, oldest first.
func (w *world) mails() []string {
	w.t.Helper()
	mails, err := w.memory.Mails(context.Background(), journal.MailQuery{Limit: 10000})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.SortFunc(mails, func(a, b journal.Mail) int { return int(a.ID - b.ID) })
	var kinds []string
	for _, m := range mails {
		kinds = append(kinds, m.Kind)
	}
	return kinds
}

// openOperations counts the operations that are open in the journal.
func (w *world) openOperations() int {
	w.t.Helper()
	open := true
	ops, err := w.memory.Operations(context.Background(), journal.OperationQuery{Open: &open})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(ops)
}

// holds reports whether the standby holds an address.
func (w *world) holds(a netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.held[a]
	return ok
}

// runs reports whether a stand-in runs.
func (w *world) runs(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running[name]
}

// standsIn brings the standby to where it stands in.
func (w *world) standsIn(name string, a netip.Addr) {
	w.t.Helper()
	w.pass(5 * time.Second)
	w.dies(a)
	w.pass(40 * time.Second)
	w.is(name, "Failure", "standing in")
	if !w.holds(a) || !w.runs(name) {
		w.t.Fatalf("the standby stands in for %s, and holds its address: %t, runs: %t", name, w.holds(a), w.runs(name))
	}
	w.done()
}

// facts are the facts of a server in the journal.
func (w *world) facts(name string) kept {
	w.t.Helper()
	all, err := w.memory.Facts(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	var k kept
	if all[name] == nil {
		return k // nothing has happened to it
	}
	if err := json.Unmarshal(all[name], &k); err != nil {
		w.t.Fatalf("facts of %s: %v", name, err)
	}
	return k
}

// by is an operator's order.
func by(reason string, accept ...string) status.Order {
	return status.Order{By: plan.Actor{Kind: "user", Name: "ann", Via: "socket"}, Reason: reason, Accept: accept}
}

// code is the code of a refusal, "" for none.
func code(err error) string {
	var r *status.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return ""
}

func count(list []string, what string) int {
	n := 0
	for _, one := range list {
		if one == what {
			n++
		}
	}
	return n
}
