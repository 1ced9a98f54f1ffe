package standby

import "sync"

// mailbox holds what the loop has to look at. Whoever puts something in never
// waits: the pinger keeps its beat while the loop waits for the disk.
type mailbox struct {
	mu    sync.Mutex
	queue []func(*turn)
	full  chan struct{} // holds a token while the queue is not empty
}

func newMailbox() *mailbox { return &mailbox{full: make(chan struct{}, 1)} }

// put adds one thing to look at.
func (m *mailbox) put(f func(*turn)) {
	m.mu.Lock()
	m.queue = append(m.queue, f)
	m.mu.Unlock()
	select {
	case m.full <- struct{}{}:
	default:
	}
}

// take empties the mailbox.
func (m *mailbox) take() []func(*turn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	return q
}
