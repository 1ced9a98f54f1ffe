package enginetest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// verify proves that what is missing is missed.
func verify(t *testing.T, f Fixture) {
	t.Run("finds a complete copy complete", func(t *testing.T) {
		c := open(t, f)
		s := c.copy()
		held := c.books(c.Target, c.Names.Staging)
		v, err := c.verify(s)
		if err != nil {
			t.Fatalf("verify: %v", err)
		}
		if diff := cmp.Diff(s.Objects, v.Objects); diff != "" {
			t.Errorf("objects (-snapshot +verified):\n%s", diff)
		}
		if v.Rows != s.Rows {
			t.Errorf("%d rows, the snapshot has %d", v.Rows, s.Rows)
		}
		if v.Check == "" {
			t.Error("it does not say what the engine's own check said")
		}
		c.holds(c.Target, c.Names.Staging, held)
	})

	for _, loss := range f.Dialect.Losses {
		t.Run("misses "+loss.Name, func(t *testing.T) {
			c := open(t, f)
			s := c.copy()
			c.exec(c.Target, c.Names.Staging, loss.Script)
			_, err := c.verify(s)
			if err == nil || !strings.Contains(err.Error(), loss.Says) {
				t.Errorf("verify: %v, want an error that holds %q", err, loss.Says)
			}
		})
	}

	t.Run("misses the staging", func(t *testing.T) {
		c := open(t, f)
		s, _ := c.replicate()
		if _, err := c.verify(s); err == nil {
			t.Error("verify without a staging succeeded")
		}
	})
}
