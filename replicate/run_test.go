package replicate

import (
	"context"
	"testing"

	"failoverd/replicate/database"
	"failoverd/replicate/replicatetest"
)

// TestTakenBackOnce has the daemon die between the last statement of a rollback and the note that it is done. One more
// rollback would take the copy in service for a first one, and drop it.
func TestTakenBackOnce(t *testing.T) {
	e := replicatetest.New()
	e.Put("standby", "pbx_calls", 1)
	c := Catalog{
		Name: "calls", Engine: e, Primary: database.End{DSN: "pbx", Catalog: "calls"},
		Standby: database.End{DSN: "standby", Catalog: "pbx_calls"},
	}
	run := Run{ID: "2", Catalogs: []Catalog{c}, Remember: func(context.Context, string, Copy, string) error { return nil }}
	staged := Copy{}.Stage(Complete{Operation: "2"}, false, true).Begin("rename").TakeBack("rename back")
	run.Use(map[string]Copy{"calls": staged})
	if err := run.takeBack(t.Context(), c, c.pair("2", false)); err != nil {
		t.Fatal(err)
	}
	if got := e.Holds("standby", "pbx_calls"); got != 1 {
		t.Errorf("the copy in service is gone: %v", e.All())
	}
	if run.copies["calls"].Half() {
		t.Error("it still counts as half")
	}
}
