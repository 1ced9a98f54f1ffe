package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"failoverd/api"
	"failoverd/journal"
	"failoverd/plan"
)

// load is what goes on beside the watching.
type load struct {
	w       *world
	running sync.WaitGroup

	readers   *readers
	copied    atomic.Int64 // replications that have succeeded
	uncopied  atomic.Int64 // and those that have not, or were refused
	mu        sync.Mutex
	delivered []time.Duration // from an event's time to one who reads it
}

// begin starts the readers, the replications and those who change files. They end with ctx.
func (w *world) begin(ctx context.Context) (_ *load, err error) {
	l := &load{w: w}
	if l.readers, err = w.startReaders(ctx); err != nil {
		return l, err
	}
	l.running.Go(func() {
		_ = w.client.Follow(ctx, api.FollowQuery{}, func(e journal.Event) error {
			l.mu.Lock()
			l.delivered = append(l.delivered, time.Since(e.Time))
			l.mu.Unlock()
			return nil
		})
	})
	next := atomic.Int64{}
	for range w.replicating {
		l.running.Go(func() {
			for ctx.Err() == nil {
				l.replicate(ctx, int(next.Add(1))%(servers-mortal))
			}
		})
	}
	l.running.Go(func() { l.write(ctx) })
	return l, nil
}

// firstCopies copies the databases of those who are going to die: without a copy nobody is taken over.
func (w *world) firstCopies(ctx context.Context) error {
	for i := servers - mortal; i < servers; i++ {
		r, err := w.client.Replicate(ctx, name(i), "replicate-from-live", "bench", nil)
		if err != nil {
			return err
		}
		if r, err = w.client.WatchOperation(ctx, r.ID, func(plan.Record) {}); err != nil || r.State != "succeeded" {
			return fmt.Errorf("the first copy of %s: %s: %w", name(i), r.State, err)
		}
	}
	return nil
}

// replicate copies one server's database and waits for the end.
func (l *load) replicate(ctx context.Context, i int) {
	r, err := l.w.client.Replicate(ctx, name(i), "replicate-from-live", "bench", nil)
	if err == nil {
		r, err = l.w.client.WatchOperation(ctx, r.ID, func(plan.Record) {})
	}
	switch {
	case ctx.Err() != nil:
	case err == nil && r.State == "succeeded":
		l.copied.Add(1)
	default:
		l.uncopied.Add(1)
	}
}

// write changes twenty files a second.
func (l *load) write(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := l.w.change(n%servers, n/servers%filesPerServer, strconv.Itoa(n)); err != nil {
				return
			}
		}
	}
}

// end waits until everything has ended that begin has begun.
func (l *load) end() error {
	l.running.Wait()
	if l.readers == nil {
		return nil
	}
	return l.readers.close()
}

// take returns the times of delivery since it was last called, sorted.
func (l *load) take() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.delivered
	l.delivered = nil
	slices.Sort(all)
	return all
}
