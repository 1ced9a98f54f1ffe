package enginetest

import (
	"context"
	"sync/atomic"
	"time"
)

// load is an application that moves money at the source, one transaction after the other.
type load struct {
	c     *company
	done  chan struct{}
	end   context.CancelFunc
	moves atomic.Int64
	moved chan struct{}
	err   error
}

// work lets the application work until stop, or the end of the test.
func (c *company) work() *load {
	ctx, cancel := context.WithCancel(c.t.Context())
	l := &load{c: c, done: make(chan struct{}), end: cancel, moved: make(chan struct{}, 1)}
	go func() {
		defer close(l.done)
		for ctx.Err() == nil {
			// A move that has begun is ended, so that none is cut off by the end of the test.
			attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.f.Patience)
			err := c.f.Exec(attempt, c.Source, c.Source.Catalog, c.f.Dialect.Move)
			cancel()
			if err != nil {
				l.err = err
				return
			}
			l.moves.Add(1)
			select {
			case l.moved <- struct{}{}:
			default:
			}
		}
	}()
	c.t.Cleanup(func() {
		l.end()
		<-l.done
	})
	return l
}

// another waits for one more move.
func (l *load) another() {
	l.c.t.Helper()
	select {
	case <-l.moved: // of any time before
	default:
	}
	patience := time.NewTimer(l.c.f.Patience)
	defer patience.Stop()
	select {
	case <-l.moved:
	case <-l.done:
		l.c.t.Fatalf("the source's application failed: %v", l.err)
	case <-patience.C:
		l.c.t.Fatal("the source's application is stuck")
	}
}

// stop ends the work, none of which may have failed.
func (l *load) stop() {
	l.c.t.Helper()
	l.end()
	<-l.done
	if l.err != nil {
		l.c.t.Errorf("the source's application failed: %v", l.err)
	}
	l.c.t.Logf("%d moves meanwhile", l.moves.Load())
}
