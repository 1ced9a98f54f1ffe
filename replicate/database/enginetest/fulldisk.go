package enginetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

// fullDisk proves that a disk that is full at the target, whatever is to be done next, leaves the old or the new copy in
// service, and that the next run succeeds once there is room again.
func fullDisk(t *testing.T, f Fixture) {
	t.Run("the target's disk is full before it begins", func(t *testing.T) {
		c, _, _, _ := staged(t, f)
		c.discard()
		full := func(r database.Report) bool {
			return slices.ContainsFunc(r.Blocking(), func(p database.Problem) bool { return p.Code == "no-space" })
		}
		if r := c.probe(); full(r) || r.Target.Free <= 0 {
			t.Errorf("with room: %+v, %+v", r.Target, r.Problems)
		}
		free := f.Fill(t, c.Pair)
		if r := c.probe(); !full(r) {
			t.Errorf("no blocking problem no-space: %+v, %+v", r.Target, r.Problems)
		}
		free()
		c.nextRun()
	})
	for _, stage := range []struct {
		name string
		do   func(c *company, s database.Snapshot, note func(string) error) error
	}{
		{"it is verified", func(c *company, s database.Snapshot, _ func(string) error) error {
			ctx, cancel := c.patient()
			defer cancel()
			_, err := f.Engine.Verify(ctx, c.Pair, s)
			return err
		}},
		{"it is fixed up", func(c *company, _ database.Snapshot, _ func(string) error) error {
			ctx, cancel := c.patient()
			defer cancel()
			return f.Engine.Fix(ctx, c.Pair, f.Dialect.Fix)
		}},
		{"it is put in service", func(c *company, _ database.Snapshot, note func(string) error) error {
			ctx, cancel := c.patient()
			defer cancel()
			return f.Engine.Swap(ctx, c.Pair, c.heard(note))
		}},
	} {
		t.Run("the target's disk is full when "+stage.name, func(t *testing.T) {
			c, old, now, s := staged(t, f)
			free := f.Fill(t, c.Pair)
			begun := false
			err := stage.do(c, s, func(string) error { begun = true; return nil })
			t.Logf("with a full disk: %v", err)
			look := func() {
				if !f.NeedsRoom {
					c.eitherOf(old, now)
				}
			}
			look()
			if err == nil {
				free()
				if slices.Contains(c.catalogs(c.Target), c.Names.Staging) {
					now = c.books(c.Target, c.Names.Staging) // scripts may have changed it
				}
				c.swap()
				c.holds(c.Target, c.Names.Live, now)
				c.nextRun()
				return
			}
			c.silent("an error", err.Error())
			if !speaksOfSpace(err.Error()) {
				t.Errorf("%v, want an error that says that the disk is full", err)
			}
			begun = !c.undone(begun, look)
			free()
			c.eitherOf(old, now)
			if !c.undone(begun, look) {
				t.Error("with room again it is not taken back")
			}
			c.unserved(old)
			c.nextRun()
		})
	}
	t.Run("the target's disk is full when the copy before is put back", func(t *testing.T) {
		c, old, now, _ := staged(t, f)
		c.swap()
		free := f.Fill(t, c.Pair)
		c.undone(true, func() {})
		free()
		c.eitherOf(old, now)
		c.rollback()
		c.unserved(old)
		c.nextRun()
	})
}

// staged makes a company on a disk of its own, with a copy in service, one before it, and one that is staged.
func staged(t *testing.T, f Fixture) (c *company, old, now books, s database.Snapshot) {
	t.Helper()
	c = found(t, f, f.FullDisk(t))
	c.exec(c.Source, c.Source.Catalog, f.Dialect.Schema)
	c.exec(c.Source, c.Source.Catalog, f.Dialect.Data)
	c.replicate()
	c.move(c.Source, c.Source.Catalog)
	_, old = c.replicate()
	c.move(c.Source, c.Source.Catalog)
	now = c.books(c.Source, c.Source.Catalog)
	return c, old, now, c.copy()
}

// undone takes back what a run has done that has failed: its swap if that has begun, and then what is staged. It says
// whether the swap is taken back. Where that fails, for want of room, it is done again before the next run. Each step is
// looked at.
func (c *company) undone(begun bool, look func()) bool {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	var err error
	if begun {
		if err = c.f.Engine.Rollback(ctx, c.Pair, c.heard(nil)); err != nil {
			c.t.Logf("rollback: %v", err)
			c.silent("an error", err.Error())
		}
		look()
	}
	if err := c.f.Engine.Discard(ctx, c.Pair); err != nil {
		c.t.Logf("discard: %v", err)
		c.silent("an error", err.Error())
	}
	look()
	return err == nil
}

// eitherOf wants the live copy to be the old or the new one.
func (c *company) eitherOf(old, now books) {
	c.t.Helper()
	got := c.books(c.Target, c.Names.Live)
	if diff := cmp.Diff(old, got); diff != "" && !cmp.Equal(now, got) {
		c.t.Errorf("the live copy is neither the old one (-want +got) nor the new one:\n%s", diff)
	}
}

// nextRun wants the next run to succeed.
func (c *company) nextRun() {
	c.t.Helper()
	c.move(c.Source, c.Source.Catalog)
	_, held := c.replicate()
	c.holds(c.Target, c.Names.Live, held)
	c.stand(c.Names.Live, c.Names.Previous)
}
