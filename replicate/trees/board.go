package trees

import (
	"context"
	"errors"
	"sync"
	"time"

	"failoverd/replicate/files"
)

// board is where the goroutine of a tree writes what others read.
type board struct {
	mu       sync.Mutex
	status   Status
	cursor   uint64
	received uint64        // of the conversations before this one
	begun    time.Time     // this one
	sink     *files.Sink   // of this one, nil while there is none
	source   *files.Source // of this one where it is looked at from here, nil while there is none
}

// read returns how far the copy is.
func (b *board) read() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

// follow notes that the tree is followed from now on, unless ctx has ended. synced is when the copy was last complete,
// as it was remembered.
func (b *board) follow(ctx context.Context, now, synced time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil {
		return // rest has been said, or will be
	}
	if !b.status.Following {
		b.status.Following, b.status.Since = true, now
	}
	if synced.After(b.status.Synced) {
		b.status.Synced = synced
	}
}

// rest notes that the tree is not followed any more, by order.
func (b *board) rest() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Following, b.status.Since, b.status.Problem, b.status.Root = false, time.Time{}, "", false
}

// begin notes that a conversation begins.
func (b *board) begin(now time.Time, sink *files.Sink) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun, b.sink, b.received = now, sink, b.status.Received
	s, _ := sink.Status()
	b.cursor, b.status.Files, b.status.Missing = s.Cursor, s.Files, s.Missing
}

// observe takes what both sides say of it, and returns the status that follows.
func (b *board) observe(o observed) Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.begun = b.begun
	b.status = o.next(b.status, b.received, b.cursor)
	b.cursor = o.sink.Cursor
	return b.status
}

// end notes that the conversation has ended, or could not be begun, and why.
func (b *board) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sink, b.source = nil, nil
	b.status.Connected, b.status.Listing, b.status.Current, b.status.Waiting = false, false, false, 0
	if err != nil {
		b.status.Problem, b.status.Root = err.Error(), errors.Is(err, files.ErrRoot)
	}
}

// looks notes the source of this conversation that is looked at from here.
func (b *board) looks(source *files.Source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.source = source
}

// looker is that source, nil while there is none.
func (b *board) looker() *files.Source {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.source
}

// level reports whether the copy has everything up to a change of its source, and gives a channel that is closed when that
// may have changed, nil while there is no conversation.
func (b *board) level(head uint64) (v Status, level bool, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v = b.status
	if b.sink == nil {
		return v, false, nil
	}
	s, changed := b.sink.Status()
	v.Connected, v.Missing, v.Held, v.Files, v.Received = s.Connected, s.Missing, s.Held, s.Files, b.received+s.Received
	return v, s.Connected && !s.Listing && s.Missing == 0 && s.Held == 0 && s.Cursor >= head, changed
}

// confirm lets the deletions happen that are held back, if any are.
func (b *board) confirm() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sink == nil || b.status.Held == 0 {
		return false
	}
	b.sink.Confirm()
	return true
}
