package sqlserver

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

func TestLosses(t *testing.T) {
	s := database.Snapshot{
		Objects: map[string]int{"table": 2, "view": 1},
		Tables:  []database.Table{{Name: "dbo.a", Rows: 100}, {Name: "dbo.b", Rows: 0}},
	}
	tests := map[string]struct {
		fixed     tally
		objects   map[string]int
		rows      map[string]int64
		tolerance float64
		want      []string
	}{
		"complete":          {objects: s.Objects, rows: map[string]int64{"dbo.a": 100, "dbo.b": 0}},
		"more":              {objects: map[string]int{"table": 3, "view": 1}, rows: map[string]int64{"dbo.a": 101, "dbo.b": 0, "dbo.c": 1}},
		"a row":             {objects: s.Objects, rows: map[string]int64{"dbo.a": 99, "dbo.b": 0}, want: []string{"1 of the 100 rows of dbo.a"}},
		"within tolerance":  {objects: s.Objects, rows: map[string]int64{"dbo.a": 99, "dbo.b": 0}, tolerance: 0.01},
		"beyond tolerance":  {objects: s.Objects, rows: map[string]int64{"dbo.a": 98, "dbo.b": 0}, tolerance: 0.01, want: []string{"2 of the 100 rows of dbo.a"}},
		"an empty table":    {objects: map[string]int{"table": 1, "view": 1}, rows: map[string]int64{"dbo.a": 100}, want: []string{"the table dbo.b", "1 of the 2 objects of the kind table"}},
		"a view":            {objects: map[string]int{"table": 2}, rows: map[string]int64{"dbo.a": 100, "dbo.b": 0}, want: []string{"1 of the 1 objects of the kind view"}},
		"by a script":       {fixed: tally{Objects: map[string]int{"view": -1}, Rows: map[string]int64{"dbo.a": -40}}, objects: map[string]int{"table": 2}, rows: map[string]int64{"dbo.a": 60, "dbo.b": 0}},
		"beside the script": {fixed: tally{Rows: map[string]int64{"dbo.a": -40}}, objects: s.Objects, rows: map[string]int64{"dbo.a": 59, "dbo.b": 0}, want: []string{"1 of the 60 rows of dbo.a"}},
		"a script's table":  {fixed: tally{Objects: map[string]int{"table": -1}}, objects: map[string]int{"table": 1, "view": 1}, rows: map[string]int64{"dbo.a": 100}},
		"what it has added": {fixed: tally{Objects: map[string]int{"view": 1}}, objects: s.Objects, rows: map[string]int64{"dbo.a": 100, "dbo.b": 0}, want: []string{"1 of the 2 objects of the kind view"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, losses(s, tt.fixed, tt.objects, tt.rows, tt.tolerance)); diff != "" {
				t.Errorf("losses (-want +got):\n%s", diff)
			}
		})
	}
}

// What scripts have changed is kept in pieces and added up again.
func TestWhatScriptsHaveChangedIsKept(t *testing.T) {
	before := tally{Objects: map[string]int{"table": 2, "trigger": 3}, Rows: map[string]int64{"dbo.a": 10, "dbo.b": 5, "dbo.gone": 7}}
	after := tally{Objects: map[string]int{"table": 2, "trigger": 1, "view": 1}, Rows: map[string]int64{"dbo.a": 12, "dbo.b": 5}}
	first, err := after.less(before).pieces()
	if err != nil {
		t.Fatal(err)
	}
	second, err := before.less(after).pieces()
	if err != nil {
		t.Fatal(err)
	}
	got, err := sum(first)
	if err != nil {
		t.Fatal(err)
	}
	want := tally{Objects: map[string]int{"trigger": -2, "view": 1}, Rows: map[string]int64{"dbo.a": 2, "dbo.gone": -7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sum (-want +got):\n%s", diff)
	}
	if got, err = sum(append(first, second...)); err != nil || got.Objects["trigger"] != 0 || got.Rows["dbo.a"] != 0 {
		t.Errorf("there and back: %+v, %v", got, err)
	}
	if _, err := sum([]string{"{"}); err == nil {
		t.Error("half a note is taken for one")
	}
}
