package enginetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// errCrash is what a note returns where the process would have died.
var errCrash = errors.New("the process died here")

// interrupted proves that a swap and a rollback that are cut off before any of their notes are finished, or taken
// back, by the next call.
func interrupted(t *testing.T, f Fixture) {
	later := []situation{
		{"the first swap", func(c *company) (old, now books) {
			now = c.books(c.Source, c.Source.Catalog)
			c.copy()
			return nil, now
		}},
		{"a later swap", func(c *company) (old, now books) {
			c.replicate()
			c.move(c.Source, c.Source.Catalog)
			_, old = c.replicate()
			c.move(c.Source, c.Source.Catalog)
			now = c.books(c.Source, c.Source.Catalog)
			c.copy()
			return old, now
		}},
	}
	for _, s := range later {
		for edge := range s.notes(t, f) {
			name := fmt.Sprintf("%s before note %d ", s.name, edge+1)
			t.Run(name+"is finished", func(t *testing.T) {
				c, old, now := s.cut(t, f, edge)
				c.swap()
				c.served(old, now)
			})
			t.Run(name+"is taken back", func(t *testing.T) {
				c, old, _ := s.cut(t, f, edge)
				c.rollback()
				c.unserved(old)
			})
			t.Run(name+"is cancelled and finished", func(t *testing.T) {
				c := open(t, f)
				old, now := s.make(c)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				n := 0
				err := f.Engine.Swap(ctx, c.Pair, func(string) error {
					if n++; n == edge+1 {
						cancel()
					}
					return nil
				})
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("swap: %v", err)
				}
				c.swap()
				c.served(old, now)
			})
		}
		for edge := range s.undoNotes(t, f) {
			t.Run(fmt.Sprintf("the rollback of %s before note %d is finished", s.name, edge+1), func(t *testing.T) {
				c := open(t, f)
				old, _ := s.make(c)
				c.swap()
				if err := f.Engine.Rollback(t.Context(), c.Pair, c.heard(crash(edge))); !errors.Is(err, errCrash) {
					t.Fatalf("rollback: %v, want %v", err, errCrash)
				}
				c.rollback()
				c.unserved(old)
				c.rollback()
				c.unserved(old)
			})
		}
	}
}

// situation is a staging that is ready for its swap.
type situation struct {
	name string
	make func(*company) (old, now books) // what is live, nil if nothing is, and what is staged
}

// notes counts the notes of its swap.
func (s situation) notes(t *testing.T, f Fixture) int {
	n := 0
	t.Run(s.name+" is noted", func(t *testing.T) {
		c := open(t, f)
		old, now := s.make(c)
		if err := c.trySwap(func(string) error { n++; return nil }); err != nil {
			t.Fatalf("swap: %v", err)
		}
		c.served(old, now)
		if n == 0 {
			t.Error("a swap was not noted: nobody would know after a crash that it had begun")
		}
	})
	return n
}

// undoNotes counts the notes of taking its swap back.
func (s situation) undoNotes(t *testing.T, f Fixture) int {
	n := 0
	t.Run("the rollback of "+s.name+" is noted", func(t *testing.T) {
		c := open(t, f)
		old, _ := s.make(c)
		c.swap()
		if err := c.tryRollback(func(string) error { n++; return nil }); err != nil {
			t.Fatalf("rollback: %v", err)
		}
		c.unserved(old)
		if n == 0 {
			t.Error("a rollback was not noted: nobody would know after a crash that it had begun")
		}
	})
	return n
}

// cut makes the situation and cuts its swap off.
func (s situation) cut(t *testing.T, f Fixture, edge int) (c *company, old, now books) {
	t.Helper()
	c = open(t, f)
	old, now = s.make(c)
	// What a process that dies leaves behind is not looked at; the next call has to clear it away.
	if err := f.Engine.Swap(t.Context(), c.Pair, c.heard(crash(edge))); !errors.Is(err, errCrash) {
		t.Fatalf("swap: %v, want %v", err, errCrash)
	}
	return c, old, now
}

// crash is a note that fails the time after it has been called so many times.
func crash(after int) func(string) error {
	return func(string) error {
		if after--; after < 0 {
			return errCrash
		}
		return nil
	}
}

// served wants a swap to have been done.
func (c *company) served(old, now books) {
	c.t.Helper()
	names := []string{c.Names.Live}
	c.holds(c.Target, c.Names.Live, now)
	if old != nil {
		names = append(names, c.Names.Previous)
		c.holds(c.Target, c.Names.Previous, old)
	}
	c.stand(names...)
}

// unserved wants a swap not to have happened. What was staged, and what was previous before it, may be gone or not.
func (c *company) unserved(old books) {
	c.t.Helper()
	if old != nil {
		c.holds(c.Target, c.Names.Live, old)
	}
	c.discard()
	for _, name := range c.catalogs(c.Target) {
		if name == c.Names.Staging || old == nil && (name == c.Names.Live || name == c.Names.Previous) {
			c.t.Errorf("%s is still there", name)
		}
	}
}
