package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"failoverd/journal"
)

// tail is the end of the history in memory, so that a thousand streams that
// wait for the next event cost one query and not a thousand.
type tail struct {
	history History

	mu      sync.Mutex
	changed <-chan struct{} // as it was before the last look; nil before the first
	events  []told          // the last ones, without a gap
	last    int64           // sequence number of the newest event
}

// told is an event and the message that tells a stream of it, which is the same for all streams.
type told struct {
	journal.Event
	message []byte
}

// tell makes the messages of events.
func tell(events []journal.Event) ([]told, error) {
	list := make([]told, 0, len(events))
	for _, e := range events {
		data, err := json.Marshal(shown(e))
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		list = append(list, told{e, fmt.Appendf(nil, "id: %d\ndata: %s\n\n", e.Seq, data)})
	}
	return list, nil
}

// How much the tail keeps, and how much a stream that is further behind reads
// from the journal at a time.
const (
	tailKept = 1024
	tailPage = 256
)

// newTail returns a tail that has not looked yet.
func newTail(h History) *tail { return &tail{history: h} }

// newest is the sequence number of the newest event, 0 if there is none.
func (t *tail) newest(ctx context.Context) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.look(ctx)
	return t.last, err
}

// after returns some events after the one numbered seq, none if that is the
// newest. lost is not nil if the events right after it are no longer kept, or
// if it is of another journal.
func (t *tail) after(ctx context.Context, seq int64) (events []told, lost *reset, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.look(ctx); err != nil {
		return nil, nil, err
	}
	switch {
	case seq > t.last:
		return nil, &reset{Oldest: t.last + 1, Reason: "the journal ends before this position; it is another one than before"}, nil
	case seq == t.last:
		return nil, nil, nil
	case len(t.events) > 0 && seq >= t.events[0].Seq-1:
		// What is found here is not changed afterwards: look appends or copies.
		i, _ := slices.BinarySearchFunc(t.events, seq+1, func(e told, want int64) int { return int(e.Seq - want) })
		return slices.Clone(t.events[i:min(len(t.events), i+tailPage)]), nil, nil
	}
	page, err := t.history.Events(ctx, journal.EventQuery{After: seq, Limit: tailPage})
	if err != nil {
		return nil, nil, fmt.Errorf("read events: %w", err)
	}
	if len(page) > 0 && seq > 0 && page[0].Seq > seq+1 {
		return nil, &reset{Oldest: page[0].Seq, Reason: "older events are no longer kept"}, nil
	}
	events, err = tell(page)
	return events, nil, err
}

// look reads what is new since the last look. The caller holds the lock.
func (t *tail) look(ctx context.Context) error {
	select {
	case <-t.changed:
	default:
		if t.changed != nil {
			return nil
		}
	}
	changed := t.history.Changed()
	if t.changed == nil {
		newest, err := t.history.Events(ctx, journal.EventQuery{Newest: true, Limit: 1})
		if err != nil {
			return fmt.Errorf("read the newest event: %w", err)
		}
		if len(newest) > 0 {
			if t.events, err = tell(newest); err != nil {
				return err
			}
			t.last = newest[0].Seq
		}
	}
	for {
		page, err := t.history.Events(ctx, journal.EventQuery{After: t.last, Limit: tailPage})
		if err != nil {
			return fmt.Errorf("read new events: %w", err)
		}
		if len(page) > 0 {
			more, err := tell(page)
			if err != nil {
				return err
			}
			t.events, t.last = append(t.events, more...), page[len(page)-1].Seq
		}
		if drop := len(t.events) - tailKept; drop > 0 {
			t.events = slices.Clone(t.events[drop:])
		}
		if len(page) < tailPage {
			t.changed = changed
			return nil
		}
	}
}
