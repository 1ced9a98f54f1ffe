package standby

import "sync"

// mailbox holds what the loop has to look at. Whoever puts something in never
// waits: the pinger keeps its beat while the loop waits for the disk.
type mailbox struct {
	mu    sync.Mutex
	queue []func(*turn)
	heard int           // observations in the queue
	lost  int           // observations for which there was no room
	full  chan struct{} // holds a token while the queue is not empty
}

// room is how many observations wait at most while the loop waits for the disk:
// a quarter of a million are a hundred seconds of 5,000 servers at the default
// interval, and some forty megabytes.
const room = 1 << 18

func newMailbox() *mailbox { return &mailbox{full: make(chan struct{}, 1)} }

// put adds one thing to look at.
func (m *mailbox) put(f func(*turn)) {
	m.mu.Lock()
	m.queue = append(m.queue, f)
	m.mu.Unlock()
	m.ring()
}

// observe adds n observations, unless there is no room for them. Observations
// are made again; what else is put in is not.
func (m *mailbox) observe(n int, f func(*turn)) {
	m.mu.Lock()
	if m.heard+n > room || m.lost > 0 {
		m.lost += n
	} else {
		m.heard += n
		m.queue = append(m.queue, f)
	}
	m.mu.Unlock()
	m.ring()
}

// ring says that there is something.
func (m *mailbox) ring() {
	select {
	case m.full <- struct{}{}:
	default:
	}
}

// take empties the mailbox, and says how many observations were lost since it
// was last emptied.
func (m *mailbox) take() (queue []func(*turn), lost int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	queue, lost = m.queue, m.lost
	m.queue, m.heard, m.lost = nil, 0, 0
	return queue, lost
}
