package enginetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
)

// reader asks the live copy all the time, in a connection of its own for each question, as people do who work on it.
type reader struct {
	c    *company
	done chan struct{}
	end  context.CancelFunc
	read chan struct{}

	mu     sync.Mutex
	known  []books // what a table may hold, as a whole
	reads  int
	failed []string
	gap    time.Duration // the longest time without an answer
}

// read lets somebody read the live copy until stop, or the end of the test. It may hold what the books say.
func (c *company) read(held books) *reader {
	ctx, cancel := context.WithCancel(c.t.Context())
	r := &reader{c: c, done: make(chan struct{}), end: cancel, read: make(chan struct{}, 1), known: []books{held}}
	go func() {
		defer close(r.done)
		var silent time.Time // since when there is no answer
		for i := 0; ctx.Err() == nil; i++ {
			asked := time.Now()
			err := r.ask(context.WithoutCancel(ctx), i)
			r.mu.Lock()
			r.reads++
			switch {
			case err == nil && !silent.IsZero():
				r.gap = max(r.gap, time.Since(silent))
				silent = time.Time{}
			case err != nil && silent.IsZero():
				silent = asked
				r.failed = append(r.failed, err.Error())
			}
			r.mu.Unlock()
			select {
			case r.read <- struct{}{}:
			default:
			}
		}
		if !silent.IsZero() {
			r.mu.Lock()
			r.gap = max(r.gap, time.Since(silent))
			r.mu.Unlock()
		}
	}()
	c.t.Cleanup(func() {
		r.end()
		<-r.done
	})
	return r
}

// ask asks one question: a sum over several tables, or all of one table.
func (r *reader) ask(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, r.c.f.Patience)
	defer cancel()
	d := r.c.f.Dialect
	if i%2 == 0 {
		rows, err := r.c.f.Query(ctx, r.c.Target, r.c.Names.Live, d.Sum.Query)
		if err == nil && !cmp.Equal(d.Sum.Want, rows) {
			r.c.t.Errorf("a reader saw half a copy: %q, want %q", rows, d.Sum.Want)
		}
		return err
	}
	table := d.Contents[i/2%len(d.Contents)]
	rows, err := r.c.f.Query(ctx, r.c.Target, r.c.Names.Live, table.Query)
	if err != nil {
		return fmt.Errorf("%s: %w", table.Table, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, held := range r.known {
		if cmp.Equal(held[table.Table], rows) {
			return nil
		}
	}
	r.c.t.Errorf("a reader saw a %s that no copy has had: %q", table.Table, rows)
	return nil
}

// mayFind adds what a later copy will hold.
func (r *reader) mayFind(held books) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = append(r.known, held)
}

// another waits until a question that was asked from now on has an answer.
func (r *reader) another() {
	r.c.t.Helper()
	patience := time.NewTimer(r.c.f.Patience)
	defer patience.Stop()
	// The first may have been asked before, and the one that lies ready too.
	for range 3 {
		select {
		case <-r.read:
		case <-patience.C:
			r.c.t.Fatal("the reader is stuck")
		}
	}
}

// stop ends the reading, none of which may have failed for longer than the Fixture says.
func (r *reader) stop() {
	r.c.t.Helper()
	r.end()
	<-r.done
	if len(r.failed) > 0 && (r.c.f.Gap == 0 || r.gap > r.c.f.Gap) {
		r.c.t.Errorf("no answer for %v, %v is allowed: %q", r.gap, r.c.f.Gap, r.failed)
	}
	r.c.t.Logf("%d reads, %d gaps, the longest of %v", r.reads, len(r.failed), r.gap)
}
