package files

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// TestReadAhead: what travels is not read over by what is read meanwhile, and it comes whole and in its order.
func TestReadAhead(t *testing.T) {
	content := noise("ahead", 3*chunkSize+100)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	a := &answer{id: 1, f: f, ranges: []span{{Offset: 0, Length: 100}, {Offset: 100, Length: int64(len(content)) - 100}}}
	defer a.close()
	var got []byte
	for len(a.ranges) > 0 {
		next, err := a.bytes()
		if err != nil {
			t.Fatal(err)
		}
		if a.ahead != nil { // the one after it is read whole before this one is looked at
			after := make(chan chunk, 1)
			after <- <-a.ahead
			a.ahead = after
		}
		d := next.(*dataFrame)
		if d.Offset != int64(len(got)) || xxhash.Sum64(d.Data) != d.Sum {
			t.Errorf("the %d bytes at %d are others than were read", len(d.Data), d.Offset)
		}
		got = append(got, d.Data...)
	}
	if string(got) != string(content) {
		t.Error("what came is not what is in the file")
	}
}
