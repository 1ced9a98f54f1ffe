package enginetest

import "testing"

// rollback proves that a swap can be taken back, once.
func rollback(t *testing.T, f Fixture) {
	t.Run("makes the previous copy live again", func(t *testing.T) {
		c := open(t, f)
		_, first := c.replicate()
		c.move(c.Source, c.Source.Catalog)
		c.replicate()
		c.rollback()
		c.stand(c.Names.Live)
		c.holds(c.Target, c.Names.Live, first)
		// The run tells a copy that it made from one that was there before it.
		c.rollback()
		c.stand(c.Names.Live)
		c.holds(c.Target, c.Names.Live, first)

		_, again := c.replicate()
		c.stand(c.Names.Live, c.Names.Previous)
		c.holds(c.Target, c.Names.Live, again)
		c.holds(c.Target, c.Names.Previous, first)
	})

	t.Run("drops the first copy", func(t *testing.T) {
		c := open(t, f)
		c.replicate()
		c.rollback()
		c.stand()
		c.rollback()
		c.stand()
		_, held := c.replicate()
		c.holds(c.Target, c.Names.Live, held)
	})

	t.Run("leaves what is live while its run has swapped nothing", func(t *testing.T) {
		c := open(t, f)
		_, first := c.replicate()
		c.move(c.Source, c.Source.Catalog)
		_, second := c.replicate()
		c.copy()
		c.rollback()
		c.holds(c.Target, c.Names.Live, second)
		c.discard()
		c.holds(c.Target, c.Names.Live, second)
		c.holds(c.Target, c.Names.Previous, first)
	})

	t.Run("makes the previous copy live by a later order", func(t *testing.T) {
		c := open(t, f)
		_, first := c.replicate()
		c.move(c.Source, c.Source.Catalog)
		c.replicate()
		c.newRun() // An operator wants yesterday's copy; nothing was copied in this run.
		c.rollback()
		c.stand(c.Names.Live)
		c.holds(c.Target, c.Names.Live, first)
		c.rollback()
		c.stand(c.Names.Live)
		c.holds(c.Target, c.Names.Live, first)
	})

	t.Run("has nothing to take back where nothing is", func(t *testing.T) {
		c := open(t, f)
		c.newRun()
		c.rollback()
		c.stand()
	})
}
