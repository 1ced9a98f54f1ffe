package trees

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLevel: the copy of a tree that is followed has all that was written before, whatever the events have told, and
// whoever cannot bring it to that says why.
func TestLevel(t *testing.T) {
	b := newBed(t, noAgents{})
	ctx := t.Context()
	quiet := func(Progress) {}
	if _, err := b.set.Level(ctx, b.order, quiet); err == nil || !strings.Contains(err.Error(), "not copied at present") {
		t.Errorf("of a tree that nobody follows: %v", err)
	}
	if err := b.set.Near(ctx, b.order.Tree, quiet); err == nil || !strings.Contains(err.Error(), "not copied at present") {
		t.Errorf("of a tree that nobody follows: %v", err)
	}
	b.write("first", "1")
	b.follow()
	b.must(b.set.Near(ctx, b.order.Tree, quiet))
	for i := range 20 {
		name := filepath.Join("deep", strings.Repeat("x", i+1), "call.wav")
		b.must(os.MkdirAll(filepath.Dir(filepath.Join(b.src, name)), 0o755))
		b.write(name, strings.Repeat("call ", i))
		got, err := b.set.Level(ctx, b.order, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if d := b.differences(); d != "" {
			t.Fatalf("level, and rsync finds after %d, %+v:\n%s", i, got, d)
		}
	}
	// Somebody who goes on writing keeps it from coming to rest.
	f, err := os.OpenFile(filepath.Join(b.src, "open"), os.O_CREATE|os.O_WRONLY, 0o644)
	b.must(err)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = f.WriteString("more")
			case <-stop:
				return
			}
		}
	}()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := b.set.Level(short, b.order, quiet); err == nil {
		t.Error("level, while somebody writes")
	}
	close(stop)
	<-stopped
	b.must(f.Close())
	// Deletions that are held back are told, not waited for.
	for i := range 10 {
		b.write(string(rune('a'+i)), "x")
	}
	if _, err := b.set.Level(ctx, b.order, quiet); err != nil {
		t.Fatal(err)
	}
	b.must(os.RemoveAll(filepath.Join(b.src, "deep")))
	for i := range 10 {
		b.must(os.Remove(filepath.Join(b.src, string(rune('a'+i)))))
	}
	if _, err := b.set.Level(ctx, b.order, quiet); err == nil || !strings.Contains(err.Error(), "wait to be confirmed") {
		t.Errorf("deletions are held back: %v", err)
	}
}

// TestNear: a copy that was complete long ago is not near, whatever it has.
func TestNear(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		status Status
		near   bool
	}{
		"never complete":        {Status{}, false},
		"complete":              {Status{Current: true}, true},
		"complete a moment ago": {Status{Synced: now.Add(-nearly + 1)}, true},
		"complete before that":  {Status{Synced: now.Add(-nearly)}, false},
	} {
		if got := tt.status.near(now); got != tt.near {
			t.Errorf("%s: near %t", name, got)
		}
	}
}
