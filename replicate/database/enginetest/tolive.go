package enginetest

import (
	"slices"
	"testing"

	"failoverd/replicate/database"
)

// toLive proves that the way back is the same way.
func toLive(t *testing.T, f Fixture) {
	if f.OneWay {
		t.Run("is refused where the primary's server is older", func(t *testing.T) {
			c := open(t, f)
			c.replicate()
			back := found(t, f, c.back())
			if r := back.probe(); !slices.ContainsFunc(r.Blocking(), func(p database.Problem) bool { return p.Code == "older-target" }) {
				t.Errorf("probe of the way back: %+v", r.Problems)
			}
		})
		return
	}
	t.Run("brings the standby's data to the primary and keeps what was there", func(t *testing.T) {
		c := open(t, f)
		_, before := c.replicate()
		c.target().release(true)
		c.move(c.Target, c.Names.Live)
		c.exec(c.Target, c.Names.Live, f.Dialect.Alive)
		after := c.books(c.Target, c.Names.Live)

		back := found(t, f, c.back())
		if r := back.probe(); len(r.Blocking()) > 0 || !r.Standing.Live {
			t.Errorf("probe of the way back: %+v", r)
		}
		_, held := back.replicate()
		back.holds(back.Target, back.Names.Live, after)
		back.holds(back.Target, back.Names.Previous, before)
		back.holds(back.Source, back.Source.Catalog, held)
		back.target().release(true)
		back.exec(back.Target, back.Names.Live, f.Dialect.Write)

		// The next nightly run reads what the primary has now.
		_, again := c.replicate()
		c.holds(c.Target, c.Names.Live, again)
		c.holds(c.Target, c.Names.Previous, after)
	})

	t.Run("can be taken back", func(t *testing.T) {
		c := open(t, f)
		_, before := c.replicate()
		c.target().release(true)
		c.move(c.Target, c.Names.Live)
		back := found(t, f, c.back())
		back.replicate()
		back.rollback()
		back.holds(back.Target, back.Names.Live, before)
		back.stand(back.Names.Live)
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Write)
	})
}

// live is the catalog of an end that is released and sealed.
type live struct {
	c *company
	e database.End
}

// target is the live copy, as an end whose catalog it is.
func (c *company) target() live {
	e := c.Target
	e.Catalog = c.Names.Live
	return live{c, e}
}

// release lets applications write to it, or forbids it.
func (l live) release(writable bool) {
	l.c.t.Helper()
	l.c.release(l.e, writable)
}

// back is the pair with its ends exchanged: from the live copy to the primary's own catalog.
func (c *company) back() database.Pair {
	p := c.Pair
	p.Source, p.Target = c.target().e, c.Source
	p.Names = database.NamesOf(c.Source.Catalog)
	p.Run = c.first + "-back"
	return p
}
