package enginetest

import (
	"testing"

	"failoverd/replicate/database"
)

// changes proves that data beyond a snapshot is seen, and that none is seen where there is none.
func changes(t *testing.T, f Fixture) {
	t.Run("sees nothing where nothing was written", func(t *testing.T) {
		c := open(t, f)
		s, _ := c.replicate()
		c.unchanged(c.Source, s)
		// Reading is no change.
		c.books(c.Source, c.Source.Catalog)
		c.unchanged(c.Source, s)
	})

	for _, m := range f.Dialect.Mutations {
		t.Run("sees at the source: "+m.Name, func(t *testing.T) {
			c := open(t, f)
			s, _ := c.replicate()
			c.exec(c.Source, c.Source.Catalog, m.Script)
			c.sees(c.Source, s, m, true)
			c.sees(c.Source, s, m, true)
			later := c.copy()
			c.unchanged(c.Source, later)
		})

		t.Run("sees at the copy: "+m.Name, func(t *testing.T) {
			c := open(t, f)
			s, _ := c.replicate()
			e := c.target()
			e.release(true)
			for _, change := range c.changes(e.e, s) {
				if change.Rows > 0 {
					t.Errorf("a change of what nobody changed: %+v", change)
				}
			}
			c.exec(c.Target, c.Names.Live, m.Script)
			c.sees(e.e, s, m, false)
		})
	}

	t.Run("sees all of them together", func(t *testing.T) {
		c := open(t, f)
		s, _ := c.replicate()
		for _, m := range f.Dialect.Mutations {
			c.exec(c.Source, c.Source.Catalog, m.Script)
		}
		got := map[string]bool{}
		for _, change := range c.changes(c.Source, s) {
			got[change.Table] = true
		}
		for _, m := range f.Dialect.Mutations {
			if !got[m.Table] {
				t.Errorf("%s of %s is not seen: %v", m.Name, m.Table, got)
			}
		}
	})

	t.Run("sees another database under the name", func(t *testing.T) {
		c := open(t, f)
		s, _ := c.replicate()
		ctx, cancel := c.patient()
		defer cancel()
		if err := f.Recreate(ctx, c.Source); err != nil {
			t.Fatalf("recreate the source: %v", err)
		}
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Schema)
		if list := c.changes(c.Source, s); len(list) == 0 {
			t.Error("nothing is seen")
		}
	})
}

// unchanged wants no changes.
func (c *company) unchanged(e database.End, s database.Snapshot) {
	c.t.Helper()
	if list := c.changes(e, s); len(list) > 0 {
		c.t.Errorf("changes where there are none: %+v", list)
	}
}

// sees wants a mutation to be seen, with its rows or without a number, and no other table if alone.
func (c *company) sees(e database.End, s database.Snapshot, m Mutation, alone bool) {
	c.t.Helper()
	list := c.changes(e, s)
	seen := false
	for _, change := range list {
		c.silent("a change", change.What)
		switch {
		case change.Table == m.Table:
			seen = true
			if change.Rows != m.Rows && change.Rows != -1 {
				c.t.Errorf("%d rows of %s changed, want %d, or -1: %s", change.Rows, m.Table, m.Rows, change.What)
			}
		case alone:
			c.t.Errorf("a change of %s, which is unchanged: %+v", change.Table, change)
		}
	}
	if !seen {
		c.t.Errorf("the change of %s is not seen: %+v", m.Table, list)
	}
}
