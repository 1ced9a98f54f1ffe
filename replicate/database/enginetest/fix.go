package enginetest

import (
	"context"
	"strings"
	"testing"
)

// fix proves that a script runs in the staging, whole, and nowhere else.
func fix(t *testing.T, f Fixture) {
	t.Run("runs every statement in the staging alone", func(t *testing.T) {
		c := open(t, f)
		held := c.books(c.Source, c.Source.Catalog)
		s := c.copy()
		if err := c.fix(f.Dialect.Fix); err != nil {
			t.Fatalf("fix: %v", err)
		}
		c.answers(c.Target, c.Names.Staging, f.Dialect.Fixed)
		c.holds(c.Source, c.Source.Catalog, held)
		// What a script has changed is not a loss.
		if _, err := c.verify(s); err != nil {
			t.Errorf("verify after a fix: %v", err)
		}
		c.swap()
		c.answers(c.Target, c.Names.Live, f.Dialect.Fixed)
	})

	t.Run("says which statement failed", func(t *testing.T) {
		c := open(t, f)
		c.copy()
		err := c.fix(f.Dialect.FixFails)
		if err == nil || !strings.Contains(err.Error(), f.Dialect.FixSays) {
			t.Errorf("fix: %v, want an error that holds %q", err, f.Dialect.FixSays)
		}
		c.discard()
		c.stand()
	})

	t.Run("does not touch the live copy", func(t *testing.T) {
		c := open(t, f)
		_, live := c.replicate()
		if err := c.fix(f.Dialect.Fix); err == nil {
			t.Error("fix without a staging succeeded")
		}
		c.copy()
		if err := c.fix(f.Dialect.Fix); err != nil {
			t.Fatalf("fix: %v", err)
		}
		c.holds(c.Target, c.Names.Live, live)
	})
}

// fix runs a script in the staging.
func (c *company) fix(script string) error {
	c.t.Helper()
	return c.call(func(ctx context.Context) error { return c.f.Engine.Fix(ctx, c.Pair, script) })
}
