package enginetest

import "testing"

// discard proves that a run that is not to be finished leaves nothing, and takes nothing with it.
func discard(t *testing.T, f Fixture) {
	t.Run("drops the staging alone", func(t *testing.T) {
		c := open(t, f)
		_, first := c.replicate()
		c.move(c.Source, c.Source.Catalog)
		_, second := c.replicate()
		c.copy()
		c.stand(c.Names.Live, c.Names.Staging, c.Names.Previous)
		for range 2 {
			c.discard()
			c.stand(c.Names.Live, c.Names.Previous)
			c.holds(c.Target, c.Names.Live, second)
			c.holds(c.Target, c.Names.Previous, first)
			c.holds(c.Source, c.Source.Catalog, second)
		}
	})

	t.Run("has nothing to drop", func(t *testing.T) {
		c := open(t, f)
		c.discard()
		c.stand()
	})
}
