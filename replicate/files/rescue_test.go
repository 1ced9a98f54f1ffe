package files

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What was set aside is told page by page, each file once and in the order of the whole list, also if what ended a page has been
// put back meanwhile.
func TestRescuedByPages(t *testing.T) {
	dir := t.TempDir()
	sets := []string{"2026-09-21T22-10-00.000000001Z", "2026-08-01T10-00-00.000000000Z"}
	paths := []string{"a/c", "a/d/e", "a.b", "a\xff", "b"} // in the order of a walk
	var want []RescuePlace
	for _, set := range sets {
		for _, p := range paths {
			at := filepath.Join(dir, rescueDir, set, rescueTree, p)
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			want = append(want, RescuePlace{set, p})
		}
		if err := os.WriteFile(filepath.Join(dir, rescueDir, set, rescueList), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for size := 1; size <= len(want); size++ {
		var got []RescuePlace
		var after RescuePlace
		for more := true; more; {
			var page []Rescued
			var err error
			page, more, err = ListRescued(dir, after, size)
			if err != nil || len(page) > size || more && len(page) < size {
				t.Fatalf("%d of at most %d after %v, more %v: %v", len(page), size, after, more, err)
			}
			for _, r := range page {
				after = RescuePlace{r.Set, r.Path}
				got = append(got, after)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("pages of %d (-want +got):\n%s", size, diff)
		}
	}
	if err := os.Remove(filepath.Join(dir, rescueDir, sets[0], rescueTree, "a.b")); err != nil {
		t.Fatal(err)
	}
	if page, _, err := ListRescued(dir, want[2], 1); err != nil || len(page) != 1 || page[0].Path != "a\xff" {
		t.Errorf("after one that is not there any more: %+v, %v", page, err)
	}
}
