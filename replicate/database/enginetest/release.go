package enginetest

import "testing"

// release proves that a sealed copy refuses what is written to it by mistake, where the engine can.
func release(t *testing.T, f Fixture) {
	t.Run("seals a copy and opens it again", func(t *testing.T) {
		c := open(t, f)
		_, held := c.replicate()
		e := c.target()
		for range 2 {
			e.release(false)
			e.release(false)
			c.holds(c.Target, c.Names.Live, held)
			err := c.tryExec(c.Target, c.Names.Live, f.Dialect.Write)
			if sealed := !c.probe().Standing.Writable; sealed != (err != nil) {
				t.Errorf("a copy of which probe says writable: %v took a write: %v", !sealed, err)
			}
			e.release(true)
			e.release(true)
			if !c.probe().Standing.Writable {
				t.Error("a released copy is said not to be writable")
			}
			c.exec(c.Target, c.Names.Live, f.Dialect.Write)
			held = c.books(c.Target, c.Names.Live)
		}
	})

	t.Run("does not hinder the next copy", func(t *testing.T) {
		c := open(t, f)
		_, first := c.replicate()
		c.target().release(false)
		c.move(c.Source, c.Source.Catalog)
		_, second := c.replicate()
		c.target().release(false)
		c.holds(c.Target, c.Names.Live, second)
		c.holds(c.Target, c.Names.Previous, first)
		c.rollback()
		c.holds(c.Target, c.Names.Live, first)
		c.target().release(true)
		c.exec(c.Target, c.Names.Live, f.Dialect.Write)
	})

	where(t, !f.OneWay, "does not hinder the way back", func(t *testing.T) {
		c := open(t, f)
		_, held := c.replicate()
		c.target().release(false)
		back := found(t, f, c.back())
		back.replicate()
		back.target().release(true)
		back.holds(back.Target, back.Names.Live, held)
		back.exec(back.Target, back.Names.Live, f.Dialect.Write)
	})
}
