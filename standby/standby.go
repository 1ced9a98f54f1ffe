package standby

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/monitor/probe"
	"failoverd/plan"
	"failoverd/status"
	"failoverd/takeover"
)

// Standby watches servers and stands in for them.
type Standby struct {
	deps Deps
	log  *slog.Logger
	box  *mailbox

	// Owned by the loop.
	config    *config.Config
	servers   map[string]*server
	order     []string // names, as configured
	witnesses map[netip.Addr]*witness
	self      self
	reload    reload
	retry     []func(*turn) // ends of tasks that could not be written down yet

	// Shared with tasks.
	operations operations
	tasks      sync.WaitGroup
	own        *ownNet
	pinger     Pinger
	probing    Probing
	history    *history

	mu       sync.Mutex
	segments map[string]*segment

	stop    context.Context // ends with cause plan.ErrInterrupted when the daemon stops
	started time.Time
	looped  atomic.Int64 // when the loop last ran, unix nanoseconds
	seq     atomic.Int64 // journal position
	last    atomic.Pointer[status.Snapshot]
	ready   chan struct{}
}

// New reads the journal and returns a standby that has not started.
func New(ctx context.Context, deps Deps) (*Standby, error) {
	s := &Standby{
		deps: deps, log: deps.Log.With("component", "standby"), box: newMailbox(),
		config: deps.Config, servers: map[string]*server{}, witnesses: map[netip.Addr]*witness{},
		segments: map[string]*segment{}, own: &ownNet{Net: deps.Net}, ready: make(chan struct{}),
	}
	s.operations.journal = deps.Journal
	s.history = newHistory(deps.Journal, s.log)
	s.pinger = deps.Pinger(s.own, s.results, s.stalled)
	s.probing = deps.Probing(s.results)
	for _, c := range deps.Config.Servers {
		s.add(c)
	}
	if err := s.recall(ctx); err != nil {
		return nil, fmt.Errorf("read what the journal holds: %w", err)
	}
	return s, nil
}

// add takes a server into the set. It is not watched before the next retarget.
func (s *Standby) add(c config.Server) *server {
	v := &server{
		config: c, policy: policyOf(c), link: s.linkOf(c),
		standIn: s.deps.StandIn(c), fence: s.deps.Fence(c),
		detail: map[string]probe.Result{},
	}
	v.facts.Paths = make([]monitor.PathCount, len(c.Addresses))
	v.outcomes = make([]probe.Result, len(c.Addresses))
	s.servers[c.Name] = v
	s.order = append(s.order, c.Name)
	return v
}

// linkOf is the takeover interface of a server.
func (s *Standby) linkOf(c config.Server) string {
	switch {
	case c.Takeover.Interface != "":
		return c.Takeover.Interface
	case s.config.Standby.Interface != "":
		return s.config.Standby.Interface
	}
	return s.deps.Net.State().DefaultLink
}

// Ready is closed once the standby has recovered from whatever it was doing
// and watches its servers.
func (s *Standby) Ready() <-chan struct{} { return s.ready }

// LoopAge is how long ago the decision loop last ran.
func (s *Standby) LoopAge() time.Duration {
	return time.Since(time.Unix(0, s.looped.Load()))
}

// heartbeat is the longest time between two turns of the loop.
const heartbeat = 200 * time.Millisecond

// Run watches, decides and acts until the context ends. It returns after every
// task has ended; the addresses and the stand-ins stay as they are.
func (s *Standby) Run(ctx context.Context) error {
	stop, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	s.stop = stop
	s.started = time.Now()
	s.reload.loaded = s.started
	s.looped.Store(time.Now().UnixNano())

	parts, end := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	failed := make(chan error, 8)
	start := func(name string, run func(context.Context) error) {
		running.Go(func() {
			if err := run(parts); err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	start("pinger", s.pinger.Run)
	start("probes", s.probing.Run)
	start("probe history", s.history.run)
	start("links", s.watchLinks)

	err := s.loop(ctx, failed)
	cancel(plan.ErrInterrupted)
	s.drain()
	end()
	s.closeSegments()
	running.Wait()
	return err
}

// loop is the loop that everything hangs on.
func (s *Standby) loop(ctx context.Context, failed <-chan error) error {
	if err := s.recover(ctx); err != nil {
		return err
	}
	close(s.ready)
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.goodbye()
		case err := <-failed:
			return err
		case <-tick.C:
			s.turn(ctx, s.due)
		case <-s.box.full:
			s.turn(ctx, nil)
		}
	}
}

// turn looks at everything that has come in, and at extra.
func (s *Standby) turn(ctx context.Context, extra func(*turn)) {
	t := s.begin()
	retry := s.retry
	s.retry = nil
	for _, f := range retry {
		f(t)
	}
	for _, f := range s.box.take() {
		f(t)
	}
	if extra != nil {
		extra(t)
	}
	t.consider()
	if err := t.commit(context.WithoutCancel(ctx)); err != nil {
		s.log.Error("the journal cannot be written: nothing is done that could not be remembered", "err", err)
	}
	s.looped.Store(time.Now().UnixNano())
}

// drain waits for the tasks, and looks at what their ends bring.
func (s *Standby) drain() {
	done := make(chan struct{})
	go func() {
		s.tasks.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			s.turn(context.Background(), nil)
			return
		case <-s.box.full:
			s.turn(context.Background(), nil)
		}
	}
}

// goodbye writes down that the daemon stops on purpose, so that the next start
// is not taken for one after a crash.
func (s *Standby) goodbye() error {
	t := s.begin()
	t.batch.Values = map[string]string{valueClean: "yes"}
	t.note(journal.Event{
		Kind: "daemon.stopping", Severity: "info", Actor: actor(automatic("daemon")),
		Message: "failoverd stops; addresses and stand-ins stay as they are", Reason: "it was told to",
	}, false)
	return t.commit(context.Background())
}

// ask runs f in the loop and waits for it, or for the context.
func (s *Standby) ask(ctx context.Context, f func(*turn)) error {
	done := make(chan struct{})
	s.box.put(func(t *turn) {
		f(t)
		close(done)
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// written notes whether the journal can be written.
func (s *Standby) written(err error) {
	if err == nil {
		s.self.unwritable = ""
		return
	}
	s.self.unwritable = err.Error()
}

// results takes in what the probes brought. It is called by the pinger and by
// the schedule of the further probes, and never waits.
func (s *Standby) results(rs []probe.Result) {
	rs = append([]probe.Result(nil), rs...)
	s.box.put(func(t *turn) {
		for _, r := range rs {
			t.result(r)
		}
	})
}

// errUnknownServer is answered to an order for a server that is not configured.
var errUnknownServer = errors.New("no such server")

// segmentFor returns the segment of a link, nil if there is none yet.
func (s *Standby) segmentFor(link string) *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.segments[link]
}

// markedHolder marks addresses as the standby's own before they are assumed, so
// that no ping of them is ever taken for an answer of the primary.
type markedHolder struct {
	Holder
	own *ownNet
}

func (h markedHolder) Assume(ctx context.Context, link string, p netip.Prefix) error {
	h.own.mark(p.Addr())
	err := h.Holder.Assume(ctx, link, p)
	if err != nil && !h.own.holds(p.Addr()) {
		h.own.unmark(p.Addr())
	}
	return err
}

func (h markedHolder) Drop(ctx context.Context, link string, a netip.Addr) error {
	err := h.Holder.Drop(ctx, link, a)
	if err == nil {
		h.own.unmark(a)
	}
	return err
}

// Holds asks the kernel itself: what the watcher of links and addresses has
// heard may be a moment old.
func (h markedHolder) Holds(a netip.Addr) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	held, err := h.Holder.Held(ctx)
	if err != nil {
		return h.own.holds(a)
	}
	for _, one := range held {
		if one.Prefix.Addr() == a {
			return true
		}
	}
	return false
}

var _ takeover.Holder = markedHolder{}
