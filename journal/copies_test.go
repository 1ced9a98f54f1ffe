package journal

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCopies remembers copies of catalogs, the last word of each, over a restart.
func TestCopies(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Copy{
		{"pbx", "CTSERVER", json.RawMessage(`{"n":1}`)},
		{"pbx", "CTSERVER", json.RawMessage(`{"n":2}`)},
		{"pbx", "calls", json.RawMessage(`{"n":3}`)},
		{"crm", "CTSERVER", json.RawMessage(`{"n":4}`)},
	} {
		if _, err := j.Commit(t.Context(), Batch{Copies: []Copy{c}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, err = Open(context.Background(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	got, err := j.Copies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{}
	for _, c := range got {
		bodies[c.Server+" "+c.Catalog] = string(c.Body)
	}
	want := map[string]string{"pbx CTSERVER": `{"n":2}`, "pbx calls": `{"n":3}`, "crm CTSERVER": `{"n":4}`}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
}
