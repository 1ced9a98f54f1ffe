package standby

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"failoverd/status"
)

// patience is how long a reader waits for the loop. The loop may wait for a
// slow disk; then people see the last snapshot, and the loop's age on it.
const patience = 2 * time.Second

// viewer makes snapshots, one at a time, of scenes that the loop copies for it.
// All who ask before the loop has copied the next one share it.
type viewer struct {
	s    *Standby
	last atomic.Pointer[status.Snapshot]

	mu   sync.Mutex
	next *look         // asked for, and not copied yet
	wake chan struct{} // holds a token while next waits to be taken up
}

// look is one look at everything.
type look struct {
	snapshot status.Snapshot
	done     chan struct{} // closed when the snapshot is there
}

func newViewer(s *Standby) *viewer { return &viewer{s: s, wake: make(chan struct{}, 1)} }

// look asks for a snapshot that is not older than now.
func (w *viewer) look() *look {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == nil {
		w.next = &look{done: make(chan struct{})}
		w.wake <- struct{}{} // run has taken the one of the look before
	}
	return w.next
}

// copied is what the loop hands over.
type copied struct {
	look  *look
	scene scene
}

// run makes the snapshots until the context ends.
func (w *viewer) run(ctx context.Context) error {
	scenes := make(chan copied, 1)
	var old scene
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
		// At the end of a turn everything is durable that the scene shows.
		w.s.box.put(func(t *turn) {
			t.looks = append(t.looks, func() {
				w.mu.Lock()
				l := w.next
				w.next = nil
				w.mu.Unlock()
				scenes <- copied{l, w.s.scene(time.Now(), w.s.all, old)}
			})
		})
		select {
		case <-ctx.Done():
			return nil
		case c := <-scenes:
			c.look.snapshot = w.s.view(c.scene)
			w.last.Store(&c.look.snapshot)
			old = c.scene
			close(c.look.done)
		}
	}
}

// Snapshot is what people see, computed here and nowhere else. Who receives it
// does not change it: others have it too.
func (s *Standby) Snapshot() status.Snapshot {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	l := s.viewer.look()
	select {
	case <-l.done:
		return l.snapshot
	case <-timer.C:
	case <-s.gone:
	}
	if last := s.viewer.last.Load(); last != nil {
		old := *last
		old.Standby.LoopAge = s.LoopAge().Seconds()
		return old
	}
	return status.Snapshot{
		GeneratedAt: time.Now(), Verdict: status.Attention, Servers: []status.Server{}, Incidents: []status.Incident{},
		Attention: []status.Notice{{Severity: "critical", Text: "the decision loop does not answer", Help: "systemctl status failoverd"}},
	}
}

// one is the snapshot of one server, as it is after everything that was ordered
// before.
func (s *Standby) one(ctx context.Context, name string) (status.Server, error) {
	got, err := consult(ctx, s, func(t *turn) (scene, error) {
		v, err := s.find(name)
		if err != nil {
			return scene{}, err
		}
		return s.scene(t.now, []*server{v}, scene{}), nil
	})
	if err != nil {
		return status.Server{}, err
	}
	servers := s.view(got).Servers
	if len(servers) != 1 {
		return status.Server{}, errors.New("the server is not in its own snapshot")
	}
	return servers[0], nil
}
