package standby

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failoverd/config"
	"failoverd/internal/netstate"
	"failoverd/journal"
	"failoverd/monitor/probe"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/replicate/replicatetest"
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
	decided  []time.Duration // after the time-out of each missed ping

	files   *shelf
	options *drawer
	engine  *replicatetest.Engine // every database server
	trees   *groves
	hold    heldThere // what the agent of pbx remembers

	recipients []string

	unreadable error // why the journal cannot be read
	memory     *disk
	cried      []journal.Event // what people were told past the journal
	pinger     *pinger
	s          *Standby
	stop       context.CancelFunc
	ended      chan error
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
		links:  map[string]netstate.Link{"eth0": {Index: 2, Name: "eth0", Up: true, Carrier: true, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}}},
		engine: replicatetest.New(), trees: newGroves(), running: map[string]bool{}, recipients: []string{"op@example.com"}, fail: map[string]error{}, gate: map[string]chan struct{}{}, bootID: "boot-1", verified: "verified", gateway: gateway,
	}
	w.files = &shelf{w: w, texts: map[string]string{}}
	w.options = &drawer{w: w}
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

func (w *world) deps() Deps {
	return Deps{
		Version: "test", Log: slog.New(slog.DiscardHandler), Config: w.conf, Journal: w.memory, Unreadable: w.unreadable, BootID: w.bootID, BootAt: w.bootAt,
		Load: func() (*config.Config, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.next, w.fail["load"]
		},
		Files: w.files, Options: w.options, Try: w.tried, TestMail: w.testMail,
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
		Catalogs: func(c config.Server) []replicate.Catalog {
			var list []replicate.Catalog
			for _, d := range c.Databases {
				list = append(list, replicate.Catalog{
					Name: d.Name, Kind: "memory", Engine: w.engine, Scripts: d.Fixups,
					Primary: database.End{Host: c.Name, DSN: c.Name, Catalog: d.Name},
					Standby: database.End{Host: "standby", DSN: "standby", Catalog: database.CopyOf(c.Name, d.Name)},
					Drill:   database.Beside(database.End{Host: "standby", DSN: "standby", Catalog: database.CopyOf(c.Name, d.Name)}),
				})
			}
			return list
		},
		Rehearse: func(c config.Server) replicate.Check {
			if len(c.Drill.Check) == 0 {
				return replicate.Check{}
			}
			return replicate.Check{Command: "check", Timeout: c.Drill.Timeout, Run: func(ctx context.Context) (string, error) {
				return "it works", w.act(ctx, "check "+c.Name, func() {})
			}}
		},
		Trees: w.trees, Application: distantOf(w), Herald: heraldOfWorld(w),
		Next:       address.Announcements,
		Recipients: func() []string { return w.recipients },
		TestAlert: func(_ context.Context, to string) ([]string, string, error) {
			return []string{"250 ok"}, "", w.fail["mail "+to]
		},
		Cry:     w.cries,
		Loaded:  func(*config.Config) { w.did("loaded") },
		Metrics: w,
	}
}

// open opens the journal and makes the standby.
func (w *world) open() error {
	if w.memory == nil {
		j, err := journal.Open(context.Background(), filepath.Join(w.dir, "journal"), journal.Options{
			Log: slog.New(slog.DiscardHandler), Recipients: func(string) []journal.Recipient { return []journal.Recipient{{To: "op@example.com"}} },
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
	w.engine.Kill()
	w.stopDaemon()
	w.set(func() { w.dead = false })
	w.engine.Revive()
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
