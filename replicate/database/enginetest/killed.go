package enginetest

import (
	"context"
	"fmt"
	"testing"

	"failoverd/replicate/database"
)

// inService is a company with a copy in service that a run has just put there, and the one before.
func inService(t *testing.T, f Fixture) (c *company, old books) {
	t.Helper()
	c = open(t, f)
	_, old = c.replicate()
	c.move(c.Source, c.Source.Catalog)
	c.replicate()
	return c, old
}

// RunKilled proves what holds when a server itself is killed in the middle of a copy or of a swap, and started again.
// restart does both to the server of an end, which must keep what it has promised when that happens to it.
func RunKilled(t *testing.T, f Fixture, restart func(ctx context.Context, e database.End) error) {
	if f.Patience == 0 {
		f.Patience = 2 * patience
	}
	for _, end := range ends() {
		t.Run("the "+end.name+"'s server is killed while it copies", func(t *testing.T) {
			c := open(t, f)
			_, live := c.replicate()
			held, _ := c.disturbed(func(ctx context.Context) error { return restart(ctx, *end.of(&c.Pair)) })
			c.survives(live, held)
		})
	}

	// swap makes a company with a live copy and one that is staged, and swaps them, with a server that is killed when
	// so many notes have been made: before the statement that the note is of, while it runs, or right after it.
	swap := func(t *testing.T, after int) (c *company, old, now books) {
		c = open(t, f)
		_, old = c.replicate()
		c.move(c.Source, c.Source.Catalog)
		now = c.books(c.Source, c.Source.Catalog)
		c.copy()
		killed, n := make(chan error, 1), 0
		ctx, cancel := c.patient()
		defer cancel()
		err := f.Engine.Swap(ctx, c.Pair, c.heard(func(string) error {
			if n++; n == after {
				go func() { killed <- restart(ctx, c.Target) }()
			}
			return nil
		}))
		if n < after {
			t.Fatalf("swap: %d notes, %v; want %d", n, err, after)
		}
		if restarted := <-killed; restarted != nil {
			t.Fatalf("kill the target's server and start it again: %v", restarted)
		}
		if err != nil {
			c.silent("an error", err.Error())
		}
		t.Logf("the swap ended: %v", err)
		return c, old, now
	}
	notes := 0
	t.Run("a swap is on disk when it is done", func(t *testing.T) {
		c := open(t, f)
		_, old := c.replicate()
		c.move(c.Source, c.Source.Catalog)
		now := c.books(c.Source, c.Source.Catalog)
		c.copy()
		if err := c.trySwap(func(string) error { notes++; return nil }); err != nil {
			t.Fatalf("swap: %v", err)
		}
		ctx, cancel := c.patient()
		defer cancel()
		if err := restart(ctx, c.Target); err != nil {
			t.Fatalf("kill the target's server and start it again: %v", err)
		}
		c.served(old, now)
	})
	for n := range notes {
		t.Run(fmt.Sprintf("the target's server is killed after note %d of a swap, which is finished", n+1), func(t *testing.T) {
			c, old, now := swap(t, n+1)
			c.swap()
			c.served(old, now)
		})
	}
	t.Run("the target's server is killed after note 1 of a swap, which is taken back", func(t *testing.T) {
		c, old, _ := swap(t, 1)
		c.rollback()
		c.unserved(old)
	})
	if notes == 0 {
		t.Error("a swap was not noted")
	}
	taken := 0
	t.Run("a rollback is on disk when it is done", func(t *testing.T) {
		c, old := inService(t, f)
		if err := c.tryRollback(func(string) error { taken++; return nil }); err != nil {
			t.Fatalf("rollback: %v", err)
		}
		ctx, cancel := c.patient()
		defer cancel()
		if err := restart(ctx, c.Target); err != nil {
			t.Fatalf("kill the target's server and start it again: %v", err)
		}
		c.unserved(old)
	})
	for n := range taken {
		t.Run(fmt.Sprintf("the target's server is killed after note %d of a rollback, which is finished", n+1), func(t *testing.T) {
			c, old := inService(t, f)
			killed, seen := make(chan error, 1), 0
			ctx, cancel := c.patient()
			defer cancel()
			err := f.Engine.Rollback(ctx, c.Pair, c.heard(func(string) error {
				if seen++; seen == n+1 {
					go func() { killed <- restart(ctx, c.Target) }()
				}
				return nil
			}))
			if seen <= n {
				t.Fatalf("rollback: %d notes, %v; want %d", seen, err, n+1)
			}
			if restarted := <-killed; restarted != nil {
				t.Fatalf("kill the target's server and start it again: %v", restarted)
			}
			t.Logf("the rollback ended: %v", err)
			c.rollback()
			c.unserved(old)
		})
	}
	for _, stage := range []struct {
		name string
		do   func(ctx context.Context, c *company, s database.Snapshot) error
	}{
		{"verified", func(ctx context.Context, c *company, s database.Snapshot) error {
			_, err := f.Engine.Verify(ctx, c.Pair, s)
			return err
		}},
		{"fixed up", func(ctx context.Context, c *company, _ database.Snapshot) error {
			return f.Engine.Fix(ctx, c.Pair, f.Dialect.Fix)
		}},
	} {
		t.Run("the target's server is killed while a copy is "+stage.name, func(t *testing.T) {
			c := open(t, f)
			_, live := c.replicate()
			c.move(c.Source, c.Source.Catalog)
			s := c.copy()
			ctx, cancel := c.patient()
			defer cancel()
			killed := make(chan error, 1)
			go func() { killed <- restart(ctx, c.Target) }()
			err := stage.do(ctx, c, s)
			if restarted := <-killed; restarted != nil {
				t.Fatalf("kill the target's server and start it again: %v", restarted)
			}
			if err != nil {
				c.silent("an error", err.Error())
			}
			t.Logf("it ended: %v", err)
			c.survives(live, c.books(c.Source, c.Source.Catalog))
		})
	}
}
