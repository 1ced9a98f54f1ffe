package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestATreeComesToRest: the number that the agent tells covers all that was written before it was asked, event or not.
func TestATreeComesToRest(t *testing.T) {
	f := grow(t)
	f.write("a/first.txt", "1")
	last := uint64(0)
	for i := range 10 {
		f.write(fmt.Sprintf("a/%d.txt", i), "call")
		head, err := f.client.Rest(t.Context(), f.place(), Rules{})
		if err != nil || head <= last {
			t.Fatalf("%d, after %d: %v", head, last, err)
		}
		last = head
		one := f.trees.trees[f.place().Directory]
		one.mu.Lock()
		s, _ := one.watch.source.Status()
		one.mu.Unlock()
		if s.Files != uint64(i)+2 {
			t.Errorf("at rest with %d files, %d were written", s.Files, i+2)
		}
	}
	if _, err := f.client.Rest(t.Context(), Place{f.at, filepath.Join(f.base, "nowhere")}, Rules{}); refusal(err) != NotGranted {
		t.Errorf("of no tree: %v", err)
	}
	if _, err := f.client.Rest(t.Context(), f.place(), Rules{Include: []Rule{{Directory: "../x"}}}); refusal(err) != BadRequest {
		t.Errorf("with rules that are none: %v", err)
	}
}

// TestATreeIsLookedAtOnceMore: a source that is asked to rest looks at everything again, so that a lost event hides nothing.
func TestATreeIsLookedAtOnceMore(t *testing.T) {
	f := grow(t)
	f.write("a/first.txt", "1")
	before, err := f.client.Rest(t.Context(), f.place(), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	one := f.trees.trees[f.place().Directory]
	one.mu.Lock()
	source := one.watch.source
	one.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	head, err := source.Rest(ctx)
	if err != nil || head != before {
		t.Errorf("nothing was written, and the number is %d after %d: %v", head, before, err)
	}
	// A file that stays open for writing does not let it come to rest.
	open, err := os.Create(filepath.Join(f.place().Directory, "open.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	if _, err := open.WriteString(strings.Repeat("x", 1000)); err != nil {
		t.Fatal(err)
	}
	short, end := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer end()
	if _, err := source.Rest(short); err == nil {
		t.Error("at rest, while somebody has a file open for writing")
	}
}
