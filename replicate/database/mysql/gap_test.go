package mysql

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// deadlock is the number of the error after which the server wants a statement to be tried again.
const deadlock = 1213

// TestReadersOfViews asks a view that stands on another view and on a function, all the time while copies are swapped
// and taken back. Like readers of tables, which the suite has, they miss nothing; but MySQL may have one of them try
// again, whose tables change their places while he takes them one after the other.
func TestReadersOfViews(t *testing.T) {
	s := startServers(t)
	st := &story{t: t, s: s, p: s.pair(t)}
	for _, script := range []string{s.words(schema), s.words(data)} {
		st.exec(script)
	}
	st.copy()
	st.swap()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	type result struct {
		reads  int
		failed []string
		again  int
		gap    time.Duration
		slow   time.Duration
	}
	done := make(chan result, 1)
	go func() {
		var r result
		answered := time.Now()
		for ctx.Err() == nil {
			asked := time.Now()
			rows, err := ask(context.WithoutCancel(ctx), st.p.Target.DSN, st.p.Names.Live, "SELECT * FROM a_spenders")
			r.reads++
			r.slow = max(r.slow, time.Since(asked))
			if number(err) == deadlock && !s.mariadb() {
				r.again++
				continue
			}
			if err != nil || len(rows) != 3 {
				r.failed = append(r.failed, fmt.Sprint(rows, err))
				r.gap = max(r.gap, time.Since(answered))
				continue
			}
			answered = time.Now()
		}
		done <- r
	}()
	for range 8 {
		st.next()
		st.copy()
		st.swap()
	}
	st.rollback()
	stop()
	r := <-done
	t.Logf("%d reads, the slowest of %v; %d failed, for %v at most; %d had to be tried again", r.reads, r.slow, len(r.failed), r.gap, r.again)
	if len(r.failed) > 0 || r.reads < 20 || r.again*20 > r.reads {
		t.Errorf("%d of %d reads failed: %.500q", len(r.failed), r.reads, r.failed)
	}
}
