package standby

import (
	"context"
	"errors"
	"sync"

	"failoverd/journal"
)

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

func (m *disk) AddBuckets(ctx context.Context, buckets []journal.Bucket) error {
	m.mu.Lock()
	err := m.broken
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return m.Journal.AddBuckets(ctx, buckets)
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
