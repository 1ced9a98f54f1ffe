package standby

import (
	"context"
	"log/slog"
	"sync"

	"failoverd/journal"
)

// scribe says in the log what was written into the journal. It does so away from
// the loop, because a log may lie on a disk that is busy, or be read by somebody
// who has stopped reading, and neither may delay a takeover.
type scribe struct {
	log *slog.Logger

	mu    sync.Mutex
	queue []journal.Event
	lost  int           // events for which there was no room
	full  chan struct{} // holds a token while there is something to say
}

// scribeRoom is how many events wait at most; they are in the journal anyway.
const scribeRoom = 10_000

func newScribe(log *slog.Logger) *scribe { return &scribe{log: log, full: make(chan struct{}, 1)} }

// write hands events over and never waits.
func (s *scribe) write(events []journal.Event) {
	if len(events) == 0 {
		return
	}
	s.mu.Lock()
	n := min(len(events), scribeRoom-len(s.queue))
	s.queue = append(s.queue, events[:n]...)
	s.lost += len(events) - n
	s.mu.Unlock()
	select {
	case s.full <- struct{}{}:
	default:
	}
}

// run says what comes until the context ends, and then what is left.
func (s *scribe) run(ctx context.Context) error {
	for {
		select {
		case <-s.full:
			s.say()
		case <-ctx.Done():
			s.say()
			return nil
		}
	}
}

// say empties the queue into the log.
func (s *scribe) say() {
	s.mu.Lock()
	events, lost := s.queue, s.lost
	s.queue, s.lost = nil, 0
	s.mu.Unlock()
	for _, e := range events {
		s.log.Info(e.Message, "kind", e.Kind, "server", e.Server, "reason", e.Reason, "incident", e.Incident)
	}
	if lost > 0 {
		s.log.Warn("the log cannot be written fast enough; what is missing here is in the history", "events", lost)
	}
}
