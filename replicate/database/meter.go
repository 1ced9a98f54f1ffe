package database

import (
	"sync"
	"sync/atomic"
	"time"
)

// Meter tells a Watch how far a copy is, a few times a second, however often it is fed.
type Meter struct {
	Bytes atomic.Int64 // that travelled, of all phases
	Rows  atomic.Int64

	watch Watch

	mu     sync.Mutex
	phase  Progress
	quit   chan struct{}
	ticked sync.WaitGroup
}

// beat is how often progress is told.
const beat = 200 * time.Millisecond

// NewMeter begins to tell. Whoever makes a meter stops it.
func NewMeter(w Watch) *Meter {
	if w == nil {
		w = func(Progress) {}
	}
	m := &Meter{watch: w, quit: make(chan struct{})}
	m.ticked.Go(func() {
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				m.tell()
			case <-m.quit:
				return
			}
		}
	})
	return m
}

// Stop ends the telling.
func (m *Meter) Stop() {
	close(m.quit)
	m.ticked.Wait()
}

func (m *Meter) tell() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase.Phase != "" {
		m.phase.Rows = m.Rows.Load()
		m.watch(m.phase)
	}
}

// Begin begins a phase of so many bytes; 0 is unknown. How the phase before ended is told, also if it took no time.
func (m *Meter) Begin(phase string, total int64) {
	m.mu.Lock()
	if m.phase.Done > 0 {
		m.phase.Rows = m.Rows.Load()
		m.watch(m.phase)
	}
	m.phase = Progress{Phase: phase, Total: total}
	m.mu.Unlock()
	m.tell()
}

// Advance adds to what is done of the phase.
func (m *Meter) Advance(object string, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.phase.Done += bytes
	m.phase.Object = object
}
