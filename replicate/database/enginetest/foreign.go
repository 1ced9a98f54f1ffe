package enginetest

import (
	"testing"

	"failoverd/replicate/database"
)

// Foreign is a database that nobody here wrote, on one engine, with programs that nobody here wrote.
type Foreign struct {
	// Load fills the empty source catalog of an end.
	Load func(t *testing.T, e database.End)
	// Dump is everything that a catalog holds, by the engine's own dump program, in lines that do not depend on how or
	// under which name it is stored.
	Dump func(t *testing.T, e database.End, catalog string) []string
	// AtLeast is how many lines a dump must have: one of nothing would be equal to another one of nothing.
	AtLeast int
}

// RunForeign proves that a copy of a database that the engine was not made for is the database: its dump is the same.
func RunForeign(t *testing.T, f Fixture, foreign Foreign) {
	if f.Patience == 0 {
		f.Patience = 2 * patience
	}
	c := found(t, f, f.NewPair(t))
	foreign.Load(t, c.Source)
	want := foreign.Dump(t, c.Source, c.Source.Catalog)
	if len(want) < foreign.AtLeast {
		t.Fatalf("the source's dump has %d lines, want at least %d", len(want), foreign.AtLeast)
	}
	if blocking := c.probe().Blocking(); len(blocking) > 0 {
		t.Fatalf("probe: %+v", blocking)
	}
	s := c.copy()
	if _, err := c.verify(s); err != nil {
		t.Fatalf("verify: %v", err)
	}
	c.swap()
	got := foreign.Dump(t, c.Target, c.Names.Live)
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Errorf("line %d of the dumps of the source and of its copy:\n- %.300q\n+ %.300q", i+1, want[min(i, len(want)):min(i+3, len(want))], got[min(i, len(got)):min(i+3, len(got))])
			break
		}
	}
	if left := c.changes(c.Source, s); len(left) > 0 {
		t.Errorf("nothing was written since the copy, and the source is said to hold %+v", left)
	}
	t.Logf("%d tables, %d rows, %d bytes; %d lines of dump", len(s.Tables), s.Rows, s.Bytes, len(want))
}
