package enginetest

import "testing"

// swap proves that a copy comes into service whole, and that the one before is kept.
func swap(t *testing.T, f Fixture) {
	t.Run("keeps the copy before, and no more", func(t *testing.T) {
		c := open(t, f)
		_, first := c.replicate()
		c.stand(c.Names.Live)
		c.holds(c.Target, c.Names.Live, first)

		c.move(c.Source, c.Source.Catalog)
		_, second := c.replicate()
		c.stand(c.Names.Live, c.Names.Previous)
		c.holds(c.Target, c.Names.Live, second)
		c.holds(c.Target, c.Names.Previous, first)

		c.move(c.Source, c.Source.Catalog)
		_, third := c.replicate()
		c.stand(c.Names.Live, c.Names.Previous)
		c.holds(c.Target, c.Names.Live, third)
		c.holds(c.Target, c.Names.Previous, second)
		for _, query := range f.Dialect.Answers {
			if len(c.query(c.Target, c.Names.Live, query)) == 0 {
				t.Errorf("the live copy has no answer to %s", query)
			}
		}
		c.exec(c.Target, c.Names.Live, f.Dialect.Alive)
		c.answers(c.Target, c.Names.Previous, f.Dialect.Sum)
	})

	t.Run("works in the live copy as in the source", func(t *testing.T) {
		c := open(t, f)
		c.replicate()
		c.replicate()
		c.exec(c.Target, c.Names.Live, f.Dialect.Alive)
		c.answers(c.Target, c.Names.Live, f.Dialect.Living)
	})

	t.Run("has been done when it is asked again", func(t *testing.T) {
		c := open(t, f)
		_, first := c.replicate()
		c.move(c.Source, c.Source.Catalog)
		_, second := c.replicate()
		c.swap()
		c.stand(c.Names.Live, c.Names.Previous)
		c.holds(c.Target, c.Names.Live, second)
		c.holds(c.Target, c.Names.Previous, first)
	})

	t.Run("needs something to put in service", func(t *testing.T) {
		c := open(t, f)
		if err := c.trySwap(nil); err == nil {
			t.Error("a swap of nothing succeeded")
		}
		c.stand()
	})

	t.Run("leaves readers the old copy or the new one", func(t *testing.T) {
		c := open(t, f)
		_, held := c.replicate()
		r := c.read(held)
		for range 3 {
			c.move(c.Source, c.Source.Catalog)
			r.mayFind(c.books(c.Source, c.Source.Catalog))
			c.copy()
			r.another()
			c.swap()
			r.another()
		}
		c.rollback()
		r.another()
		r.stop()
	})

	t.Run("does not hang on somebody who is connected", func(t *testing.T) {
		c := open(t, f)
		c.replicate()
		c.move(c.Source, c.Source.Catalog)
		second := c.books(c.Source, c.Source.Catalog)
		c.copy()
		release := c.hold(c.Target, c.Names.Live, f.Dialect.Write)
		err := c.trySwap(nil)
		release()
		if err != nil {
			// It may refuse, and then the swap has not happened.
			c.stand(c.Names.Live, c.Names.Staging)
			c.holds(c.Target, c.Names.Staging, second)
			if got := c.query(c.Target, c.Names.Live, f.Dialect.Contents[0].Query); len(got) == 0 {
				t.Error("the live copy is empty")
			}
			t.Logf("the swap was refused: %v", err)
			c.swap()
		}
		c.stand(c.Names.Live, c.Names.Previous)
		c.holds(c.Target, c.Names.Live, second)
		c.answers(c.Target, c.Names.Previous, f.Dialect.Sum)
	})
}
