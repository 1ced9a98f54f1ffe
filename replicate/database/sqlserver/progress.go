package sqlserver

import (
	"sync"
	"time"

	"failoverd/replicate/database"
)

// notOftener is how long a follower of a copy is left in peace.
const notOftener = 100 * time.Millisecond

// progress tells a Watch how far a copy has come: within a phase never backwards, and not too often.
type progress struct {
	watch database.Watch

	mu   sync.Mutex
	now  database.Progress
	told time.Time
}

// phase begins a phase of so many bytes.
func (p *progress) phase(name string, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = database.Progress{Phase: name, Total: total}
	p.tell(true)
}

// percent says how much of the phase is done, as the server counts it.
func (p *progress) percent(n float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reach(int64(float64(p.now.Total) * min(n, 100) / 100))
}

// done says that so many bytes more are done.
func (p *progress) done(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reach(p.now.Done + n)
}

// finish says that the phase is done.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Done = p.now.Total
	p.tell(true)
}

func (p *progress) reach(n int64) {
	if n = min(n, p.now.Total); n > p.now.Done {
		p.now.Done = n
		p.tell(false)
	}
}

func (p *progress) tell(anyway bool) {
	if now := time.Now(); p.watch != nil && (anyway || now.Sub(p.told) >= notOftener) {
		p.told = now
		p.watch(p.now)
	}
}
