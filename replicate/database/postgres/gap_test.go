package postgres

import (
	"context"
	"sync"
	"testing"
	"time"
)

// TestGap lets readers who connect anew for each question read the live name while one copy after the other is put in
// service, and some are taken back: none is without an answer for longer than the package says.
func TestGap(t *testing.T) {
	s := startServers(t)
	p := s.pair(t)
	fill := func(name string) {
		t.Helper()
		must(t, s.administer(t.Context(), s.target, "postgres", "CREATE DATABASE "+ident(name)+" OWNER app"))
		s.app(t, p.Target, name, `CREATE TABLE moves AS SELECT n FROM generate_series(1, 1000) n`)
	}
	fill(p.Names.Live)
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	var mu sync.Mutex
	var longest time.Duration
	reads, gaps := 0, 0
	for range 4 {
		readers.Go(func() {
			answered := time.Now()
			failed := false
			for ctx.Err() == nil {
				rows, err := ask(context.WithoutCancel(ctx), p.Target.DSN, application, p.Names.Live, `SELECT count(*) FROM moves`)
				if err != nil {
					failed = true
					continue
				}
				mu.Lock()
				if rows[0][0] != "1000" {
					t.Errorf("a reader saw %q", rows)
				}
				reads++
				if failed {
					gaps++
					longest = max(longest, time.Since(answered))
				}
				mu.Unlock()
				answered, failed = time.Now(), false
			}
		})
	}
	note := func(string) error { return nil }
	for i := range 10 {
		fill(p.Names.Staging)
		must(t, Engine{}.Swap(ctx, p, note))
		if i%3 == 2 {
			must(t, Engine{}.Rollback(ctx, p, note))
		}
	}
	cancel()
	readers.Wait()
	t.Logf("%d reads, %d gaps, the longest of %v", reads, gaps, longest)
	if longest > Gap {
		t.Errorf("a reader had no answer for %v, want %v at most", longest, Gap)
	}
	if gaps == 0 {
		t.Error("no reader noticed the swaps: they were not measured")
	}
}
