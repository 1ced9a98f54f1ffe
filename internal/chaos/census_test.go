package chaos

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What lies on a disk is counted, and what is not whole is seen: a database that is cut off, a call without its bill, a
// file with half of its text.
func TestCensus(t *testing.T) {
	dir := t.TempDir()
	a := application{db: filepath.Join(dir, "calls.db"), tree: filepath.Join(dir, "tree")}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(createDB(t.Context(), a.db))
	want := []int{}
	for n := range 500 {
		must(a.write(n + 1))
		want = append(want, n+1)
	}
	calls, trouble, err := callsIn(t.Context(), a.db)
	if diff := cmp.Diff(want, calls); diff != "" || trouble != "" || err != nil {
		t.Errorf("the database: %q, %v (-want +got):\n%s", trouble, err, diff)
	}
	aside := filepath.Join(a.tree, ".failoverd/rescue/2026/tree")
	must(writeCall(aside, 7))
	must(writeCall(aside, 501))
	calls, trouble, err = callsUnder(a.tree)
	if diff := cmp.Diff(append(want, 501), calls); diff != "" || trouble != "" || err != nil {
		t.Errorf("the files: %q, %v (-want +got):\n%s", trouble, err, diff)
	}

	whole, err := os.ReadFile(a.db)
	must(err)
	must(os.WriteFile(a.db, whole[:len(whole)/2], 0o600))
	if _, trouble, err := callsIn(t.Context(), a.db); trouble == "" {
		t.Errorf("half a database is whole; %v", err)
	}
	must(os.WriteFile(a.db, []byte("not a database, but a text that is long enough to be read as one, whatever it says"), 0o600))
	if _, trouble, err := callsIn(t.Context(), a.db); trouble == "" {
		t.Errorf("a text is a database; %v", err)
	}
	must(os.WriteFile(a.db, whole, 0o600))
	db, err := openDB(a.db)
	must(err)
	_, err = db.Exec("DELETE FROM bills WHERE id = 7")
	must(err)
	must(db.Close())
	if _, trouble, err := callsIn(t.Context(), a.db); trouble == "" || err != nil {
		t.Errorf("a call without its bill: %q, %v", trouble, err)
	}
	must(os.Remove(a.db))
	if _, trouble, err := callsIn(t.Context(), a.db); trouble != "" || err == nil {
		t.Errorf("no database: %q, %v", trouble, err)
	}
	if _, err := os.Stat(a.db); err == nil {
		t.Error("looking made a database")
	}
	must(os.WriteFile(callFile(a.tree, 30), []byte(textOf(30)[:20]), 0o600))
	if _, trouble, err := callsUnder(a.tree); trouble == "" || err != nil {
		t.Errorf("half a file: %q, %v", trouble, err)
	}
	if !slices.IsSorted(calls) {
		t.Error("the calls are in no order")
	}
}
