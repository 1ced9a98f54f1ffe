package standby

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"failoverd/config"
	"failoverd/monitor"
	"failoverd/monitor/probe"
	"failoverd/replicate"
	"failoverd/status"
)

// Standby watches servers and stands in for them.
type Standby struct {
	deps Deps
	log  *slog.Logger
	box  *mailbox

	// Owned by the loop.
	config     *config.Config
	servers    map[string]*server
	order      []string                 // names, as configured
	all        []*server                // the same in that order
	questioned map[netip.Addr][]*server // whose address is asked for by ARP
	absent     map[string]kept          // facts of servers that are not configured
	witnesses  map[netip.Addr]*witness
	self       self
	reload     reload
	due        []*server     // a decision is wanted about these
	retry      []func(*turn) // what could not be written down yet
	stopping   bool
	ran        bool                                 // a task was begun in this turn
	reporting  bool                                 // the daily report is being made
	judging    bool                                 // the readiness is being looked at
	judged     time.Time                            // when it was last
	outcry     cry                                  // what people are told past the journal
	scheduled  time.Time                            // when it was last looked what is due
	recalled   map[string]map[string]replicate.Copy // copies that the journal held at the start, by server

	// Shared with tasks.
	operations operations
	tasks      sync.WaitGroup
	own        *ownNet
	pinger     Pinger
	probing    Probing
	history    *history
	viewer     *viewer
	scribe     *scribe

	mu       sync.Mutex
	segments map[string]*segment

	reloading sync.Mutex // one reads the configuration at a time

	unreadable string // why the journal cannot be read; empty if it can. Nothing is done then.

	stop    context.Context // ends with cause plan.ErrInterrupted when the daemon stops
	started time.Time
	looped  atomic.Int64 // when the loop last ran, nanoseconds after started, by the monotonic clock
	seq     atomic.Int64 // journal position
	ready   chan struct{}
	gone    chan struct{} // closed when nobody looks at the mailbox any more
}

// New reads the journal and returns a standby that has not started.
func New(ctx context.Context, deps Deps) (*Standby, error) {
	s := &Standby{
		deps: deps, log: deps.Log.With("component", "standby"), box: newMailbox(),
		config: deps.Config, servers: map[string]*server{}, absent: map[string]kept{}, recalled: map[string]map[string]replicate.Copy{}, witnesses: map[netip.Addr]*witness{},
		segments: map[string]*segment{}, own: &ownNet{Net: deps.Net}, started: time.Now(),
		ready: make(chan struct{}), gone: make(chan struct{}),
	}
	s.operations.journal = deps.Journal
	if deps.Unreadable != nil {
		s.unreadable = deps.Unreadable.Error()
	}
	if err := rehearse(); err != nil {
		return nil, err
	}
	s.history = newHistory(deps.Journal, s.log, func(err error) { s.box.put(func(*turn) { s.written(err) }) })
	s.viewer = newViewer(s)
	s.scribe = newScribe(s.log)
	s.pinger = deps.Pinger(s.own, s.results, s.stalled)
	s.probing = deps.Probing(s.results)
	for _, c := range deps.Config.Servers {
		s.add(c)
	}
	s.index()
	if err := s.recall(ctx); err != nil {
		return nil, fmt.Errorf("read what the journal holds: %w", err)
	}
	if err := s.recallIncidents(ctx); err != nil {
		return nil, fmt.Errorf("read what the journal holds: %w", err)
	}
	if err := s.recallCopies(ctx); err != nil {
		return nil, fmt.Errorf("read what the journal holds: %w", err)
	}
	return s, nil
}

// add takes a server into the set. It is not watched before the next retarget.
func (s *Standby) add(c config.Server) *server {
	v := &server{detail: map[string]probe.Result{}}
	s.configure(v, c)
	v.link = s.linkOf(c)
	s.servers[c.Name] = v
	s.order = append(s.order, c.Name)
	return v
}

// configure gives a server its configuration.
func (s *Standby) configure(v *server, c config.Server) {
	v.config, v.policy = &c, policyOf(c)
	v.standIn, v.fence, v.catalogs = s.deps.StandIn(c), s.deps.Fence(c), s.deps.Catalogs(c)
	v.trees = treesOf(c, s.config.Standby.DataDir)
	v.herald = s.heraldOf(c)
}

// index lists the servers, and notes whose every address is that is asked for by
// ARP.
func (s *Standby) index() {
	s.questioned, s.all = map[netip.Addr][]*server{}, nil
	for _, name := range s.order {
		v := s.servers[name]
		s.all = append(s.all, v)
		for _, a := range v.questioned() {
			s.questioned[a] = append(s.questioned[a], v)
		}
	}
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

// relink brings the takeover interface of a server up to date. What is held on
// a link stays there, and so does what is under way; a default route that is
// gone for a while is no reason to forget where the primary is.
func (s *Standby) relink(v *server) {
	if v.facts.Role != monitor.StandingBy || v.task != nil {
		return
	}
	if link := s.linkOf(*v.config); link != "" {
		v.link = link
	}
}

// Ready is closed once the standby has recovered from whatever it was doing
// and watches its servers.
func (s *Standby) Ready() <-chan struct{} { return s.ready }

// LoopAge is how long ago the decision loop last ran. A clock that jumps does
// not change it.
func (s *Standby) LoopAge() time.Duration {
	return time.Since(s.started) - time.Duration(s.looped.Load())
}

// results takes in what the probes brought. It is called by the pinger and by
// the schedule of the further probes, and never waits.
func (s *Standby) results(rs []probe.Result) {
	rs = append([]probe.Result(nil), rs...)
	s.box.observe(len(rs), func(t *turn) {
		for _, r := range rs {
			t.result(r)
		}
	})
}

// segmentFor returns the segment of a link, nil if there is none yet.
func (s *Standby) segmentFor(link string) *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.segments[link]
}

// errStopped is answered to whoever asks a standby that has stopped.
func errStopped() error { return refuse(status.NotAvailable, "failoverd is stopping") }
