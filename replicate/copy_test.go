package replicate

import (
	"testing"
	"time"

	"failoverd/plan"
	"failoverd/replicate/database"
)

// TestResumable says of which runs that a crash interrupted the swap may be finished: one condition after the other is
// taken away from one that may.
func TestResumable(t *testing.T) {
	swapping := plan.Running
	for name, test := range map[string]struct {
		spoil func(rec *plan.Record, calls *Copy)
		want  bool
	}{
		"every copy is staged, and the swap has begun": {func(*plan.Record, *Copy) {}, true},
		"it was being taken back":                      {func(r *plan.Record, _ *Copy) { r.State = plan.Cancelling }, false},
		"no swap has begun":                            {func(r *plan.Record, _ *Copy) { r.Steps[0].State = plan.Queued }, false},
		"a copy is not staged":                         {func(_ *plan.Record, c *Copy) { c.Staged = nil }, false},
		"a copy was staged by another run":             {func(_ *plan.Record, c *Copy) { c.Staged.Operation = "earlier" }, false},
		"the taking back has begun at a server":        {func(_ *plan.Record, c *Copy) { c.Staged.Taken = []string{"rename"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			copies := map[string]Copy{}
			for _, catalog := range []string{"users", "calls"} {
				copies[catalog] = Copy{}.Stage(Complete{Operation: "2"}, false, true).Begin("rename")
			}
			rec := plan.Record{State: plan.Running, Steps: []plan.Done{
				{Name: StepSwap("users"), State: swapping}, {Name: StepSwap("calls"), State: plan.Queued},
			}}
			calls := copies["calls"]
			test.spoil(&rec, &calls)
			copies["calls"] = calls
			run := Run{ID: "2", Catalogs: []Catalog{{Name: "users"}, {Name: "calls"}}}
			run.Use(copies)
			if got := run.Resumable(rec); got != test.want {
				t.Errorf("resumable %v, want %v", got, test.want)
			}
		})
	}
	// Files that have begun to come back are not taken back, with databases or without.
	for _, catalogs := range [][]Catalog{nil, {{Name: "users"}}} {
		for state, want := range map[plan.State]bool{plan.Queued: false, plan.Running: true, plan.Unknown: true, plan.Succeeded: true} {
			run := Run{ID: "2", Catalogs: catalogs, Trees: []Tree{{Name: "vm"}}}
			run.Use(map[string]Copy{"users": Copy{}.Stage(Complete{Operation: "2"}, true, true)})
			rec := plan.Record{State: plan.Running, Steps: []plan.Done{{Name: StepBring("vm"), State: state}, {Name: StepSwap("users"), State: plan.Queued}}}
			if got := run.Resumable(rec); got != want {
				t.Errorf("%d catalogs, the files are %s: resumable %v", len(catalogs), state, got)
			}
		}
	}
	none := Run{ID: "2"}
	none.Use(nil)
	if none.Resumable(plan.Record{State: plan.Running}) {
		t.Error("a run of nothing is resumable")
	}
}

// TestSource tells a source that has changed between two copies from one that has not, and from one of which that
// cannot be told.
func TestSource(t *testing.T) {
	snapshot := func(change func(*database.Snapshot)) *Complete {
		c := &Complete{Snapshot: database.Snapshot{Identity: "a", Rows: 3, Tables: []database.Table{{Name: "x", Rows: 1, Sum: "1"}, {Name: "y", Rows: 2, Sum: "2"}}}}
		if change != nil {
			change(&c.Snapshot)
		}
		return c
	}
	unsummed := func(position string) func(*database.Snapshot) {
		return func(s *database.Snapshot) { s.Tables[0].Sum, s.Tables[1].Sum, s.Position = "", "", position }
	}
	for name, test := range map[string]struct {
		last, next *Complete
		want       Source
	}{
		"the first copy":                       {nil, snapshot(nil), Untold},
		"another database under the name":      {snapshot(func(s *database.Snapshot) { s.Identity = "b" }), snapshot(nil), Untold},
		"the same sums":                        {snapshot(nil), snapshot(nil), Unchanged},
		"in another order":                     {snapshot(nil), snapshot(func(s *database.Snapshot) { s.Tables[0], s.Tables[1] = s.Tables[1], s.Tables[0] }), Unchanged},
		"more rows":                            {snapshot(nil), snapshot(func(s *database.Snapshot) { s.Rows++ }), Changed},
		"a table less":                         {snapshot(nil), snapshot(func(s *database.Snapshot) { s.Tables = s.Tables[:1] }), Changed},
		"another sum":                          {snapshot(nil), snapshot(func(s *database.Snapshot) { s.Tables[1].Sum = "3" }), Changed},
		"another name":                         {snapshot(nil), snapshot(func(s *database.Snapshot) { s.Tables[1].Name = "z" }), Changed},
		"no sums, the same position":           {snapshot(unsummed("7")), snapshot(unsummed("7")), Unchanged},
		"no sums, another position":            {snapshot(unsummed("7")), snapshot(unsummed("8")), Untold},
		"no sums, no position":                 {snapshot(unsummed("")), snapshot(unsummed("")), Untold},
		"one table without a sum, no position": {snapshot(func(s *database.Snapshot) { s.Tables[0].Sum = "" }), snapshot(func(s *database.Snapshot) { s.Tables[0].Sum = "" }), Untold},
	} {
		if got := compare(test.last, *test.next); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// TestAFailureKeepsTheMemoryOfHalfASwap forgets a staging that was not put in service, but never one whose exchange has
// begun: the next run takes it back first.
func TestAFailureKeepsTheMemoryOfHalfASwap(t *testing.T) {
	a := Attempt{At: time.Unix(1, 0), Error: "disk full"}
	staged := Copy{Last: &Complete{Operation: "1"}}.Stage(Complete{Operation: "2"}, false, true)
	if c := staged.Failed(a); c.Staged != nil || c.Half() || c.Last.Operation != "1" || c.Attempt.Error != "disk full" {
		t.Errorf("nothing had begun: %+v", c)
	}
	if c := staged.Begin("rename").Failed(a); !c.Half() || c.Staged.Operation != "2" || c.Last.Operation != "1" {
		t.Errorf("the exchange had begun: %+v", c)
	}
	if c := staged.Begin("rename").Served(a); c.Half() || c.Last.Operation != "2" || c.Previous.Operation != "1" {
		t.Errorf("served: %+v", c)
	}
	live := Copy{Last: &Complete{Operation: "1"}, Previous: &Complete{Operation: "0"}}.Stage(Complete{Operation: "2"}, true, true)
	if c := live.Served(a); c.Last.Operation != "2" || c.Previous.Operation != "0" {
		t.Errorf("to live, the standby's previous copy stays: %+v", c)
	}
}
