package probe

import (
	"context"
	"hash/fnv"
	"sync"
	"time"
)

// Scheduled is a Prober and the beat that it is asked at.
type Scheduled struct {
	Key      string // tells it apart from the others, "server/probe"
	Interval time.Duration
	Prober   Prober
}

// Schedule runs Probers, each on its own beat in a goroutine of its own: a slow
// one delays no other, and itself only in that the beats it slept through are
// left out. One Prober never runs twice at a time.
type Schedule struct {
	deliver func([]Result)

	mu      sync.Mutex
	wanted  map[string]Scheduled
	runs    map[string]*run
	ctx     context.Context //nolint:containedctx // set by Run, to start what Set adds
	working sync.WaitGroup

	delivering sync.Mutex
}

// run is one Prober at work.
type run struct {
	interval time.Duration
	cancel   context.CancelFunc
	ended    chan struct{}
}

// NewSchedule makes a Schedule without Probers. deliver is called by one
// goroutine at a time, and must not call Set.
func NewSchedule(deliver func([]Result)) *Schedule {
	return &Schedule{deliver: deliver, wanted: make(map[string]Scheduled), runs: make(map[string]*run)}
}

// Set replaces the Probers. One with the same key and interval keeps its beat
// and the question that is out; its next question is the new Prober's. The
// question of one that is gone is broken off and has no result. Set may be
// called before Run and any time.
func (s *Schedule) Set(all []Scheduled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = make(map[string]Scheduled, len(all))
	for _, w := range all {
		w.Interval = max(w.Interval, time.Millisecond)
		s.wanted[w.Key] = w
	}
	s.adjust()
}

// adjust stops and starts what differs from what is wanted. The caller holds
// the lock.
func (s *Schedule) adjust() {
	if s.ctx == nil {
		return
	}
	stopped := make(map[string]*run)
	for key, r := range s.runs {
		if w, ok := s.wanted[key]; !ok || w.Interval != r.interval {
			r.cancel()
			delete(s.runs, key)
			stopped[key] = r
		}
	}
	for key, w := range s.wanted {
		if s.runs[key] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(s.ctx)
		r := &run{interval: w.Interval, cancel: cancel, ended: make(chan struct{})}
		before := stopped[key]
		s.runs[key] = r
		s.working.Add(1)
		go func() {
			defer s.working.Done()
			defer close(r.ended)
			defer cancel()
			if before != nil {
				// Its question was broken off, but may take a moment to end.
				<-before.ended
			}
			s.keep(ctx, key, r)
		}()
	}
}

// Run asks until ctx ends, then returns nil when every question has ended.
func (s *Schedule) Run(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	s.adjust()
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	// From here on Set starts nothing.
	s.ctx = nil
	clear(s.runs)
	s.mu.Unlock()
	s.working.Wait()
	return nil
}

// keep asks one Prober at its beat. The beat is absolute, its phase a hash of
// the key, so that a reload of many does not start them all at once.
func (s *Schedule) keep(ctx context.Context, key string, r *run) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // A hash does not fail.
	beat := time.Now().Add(time.Duration(h.Sum64() % uint64(r.interval)))
	timer := time.NewTimer(time.Until(beat))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		s.mu.Lock()
		prober := s.wanted[key].Prober
		ours := s.runs[key] == r
		s.mu.Unlock()
		if !ours {
			return
		}
		result := prober.Probe(ctx)
		if ctx.Err() != nil {
			return
		}
		s.delivering.Lock()
		s.deliver([]Result{result})
		s.delivering.Unlock()
		beat = beat.Add((max(time.Since(beat), 0)/r.interval + 1) * r.interval)
		timer.Reset(time.Until(beat))
	}
}
