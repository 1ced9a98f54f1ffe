package files

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exchange makes a bed in which the roles of another are exchanged: what was the copy is the source now.
func exchange(t *testing.T, b *bed) *bed {
	t.Helper()
	tail, err := ReadTail(b.source.StateDir, 2)
	b.must(err)
	x := newBed(t)
	t.Cleanup(func() { b.must(x.sink.Tail.Close()) })
	x.src, x.dst = b.dst, b.src
	x.source.Directory, x.sink.Directory = x.src, x.dst
	x.source.Epoch, x.sink.Epoch = 2, 2
	x.sink.Tail = tail
	return x
}

// TestToLive exchanges the roles: the old primary becomes equal to the standby, and what only it had is set aside.
func TestToLive(t *testing.T) {
	const unconfirmed, later = "the other side has not confirmed it", "it has changed after the other side had it"
	const nobody, unknown = "it came when nobody was watching", "nothing is known of what the other side has had"
	for name, tt := range map[string]struct {
		end  func(b *bed)
		want map[string]string
	}{
		"the source ended well": {
			func(b *bed) { b.closeSource() },
			map[string]string{"d/own": unconfirmed, "edited": unconfirmed, "both": unconfirmed, "late": nobody, "touched": later},
		},
		"the source crashed": {
			func(b *bed) { b.must(b.stopRun()); b.must(b.from.close()); b.from = nil },
			map[string]string{"d/own": nobody, "edited": later, "both": later, "late": nobody, "touched": later},
		},
		"nothing is left of it": {
			func(b *bed) { b.closeSource(); b.must(os.RemoveAll(b.source.StateDir)) },
			map[string]string{
				"d/own": unknown, "edited": unknown, "both": unknown, "late": unknown, "touched": unknown,
				"changed": unknown, "deleted": unknown,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			for _, p := range []string{"same", "changed", "deleted", "edited", "both", "touched", "d/x"} {
				b.write(p, []byte("old "+p))
			}
			source, err := OpenSource(b.source)
			b.must(err)
			source.keepEvery = 10 * time.Millisecond // Each confirmation is written down: how many there are depends on the machine.
			b.runSource(source)
			waitForSource(t, b.from, func(v SourceStatus) bool { return v.Scanned && v.Dirty == 0 && v.Files == 7 })
			b.openSink()
			b.connect()
			waitForSource(t, b.from, func(v SourceStatus) bool { return v.Scanned && v.Dirty == 0 && v.Files == 7 && v.Acked == v.Head })
			known := filepath.Join(b.source.StateDir, knownFile)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for deadline := time.After(patience); ; {
				// The last confirmation is written down.
				if tail, err := ReadTail(b.source.StateDir, 2); err == nil && tail.Close() == nil && tail.index != nil && len(tail.index.entries) == 8 &&
					tail.index.confirmed == tail.index.head {
					break
				}
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatalf("%s is not written", known)
				}
			}
			b.disconnect()
			b.closeSink()
			b.write("d/own", []byte("own"))
			b.write("edited", []byte("edited on the primary"))
			b.write("both", []byte("the primary's"))
			size := uint64(len("old same" + "old changed" + "old deleted" + "old touched" + "old d/x" + "own" + "edited on the primary" + "the primary's"))
			waitForSource(t, b.from, func(v SourceStatus) bool { return v.Files == 8 && v.Bytes == size && v.Dirty == 0 })
			tt.end(b)
			b.write("late", []byte("late"))
			b.write("touched", []byte("touched when nobody watched"))
			for p, text := range map[string]string{"changed": "by the standby", "both": "the standby's", "new": "of the standby"} {
				b.must(os.WriteFile(filepath.Join(b.dst, p), []byte(text), 0o644))
			}
			b.must(os.Remove(filepath.Join(b.dst, "deleted")))

			x := exchange(t, b)
			x.start()
			x.waitForCopy()
			x.disconnect()
			x.closeSink()
			list, more, err := ListRescued(x.dst, RescuePlace{}, 100)
			if err != nil || more {
				t.Fatal(err, more)
			}
			got := map[string]string{}
			for _, r := range list {
				got[r.Path] = r.Reason
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("set aside (-want +got):\n%s", diff)
			}
			if part, more, err := ListRescued(x.dst, RescuePlace{}, 2); err != nil || !more || len(part) != 2 {
				t.Errorf("of two at most: %v, %v, %v", part, more, err)
			}
			// One by one they come back; what is in the way goes to the trash.
			set := list[0].Set
			for p, want := range map[string]string{"d/own": "own", "both": "the primary's"} {
				if err := RestoreRescued(x.dst, set, p); err != nil {
					t.Fatal(err)
				}
				if got := x.copyOf(p); got != want {
					t.Errorf("%s holds %q", p, got)
				}
				if err := RestoreRescued(x.dst, set, p); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a second time: %v", err)
				}
			}
			x.openSink()
			if got := trashed(t, x.to)["both"]; got != "the standby's" {
				t.Errorf("in the trash there is %q", got)
			}
			for _, bad := range [][2]string{{"..", "d/own"}, {set, "../reasons"}, {set, "d"}, {"2026", "edited"}} {
				if err := RestoreRescued(x.dst, bad[0], bad[1]); err == nil {
					t.Errorf("%v was restored", bad)
				}
			}
		})
	}
}

// TestBroughtTwice: files come back twice under one epoch, ahead of a final stop and in it. What came the first time and was
// replaced the second is the standby's and is not set aside; what somebody has changed meanwhile is. Under another epoch
// nothing is known of it.
func TestBroughtTwice(t *testing.T) {
	for name, tt := range map[string]struct {
		epoch uint64
		want  map[string]string
	}{
		"under the same epoch": {2, map[string]string{"theirs": "it came when nobody was watching"}},
		"under another one":    {3, map[string]string{"theirs": "it came when nobody was watching", "log": "it came when nobody was watching"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.write("same", []byte("same"))
			b.start()
			b.waitForCopy()
			b.disconnect()
			b.closeSink()
			b.closeSource()
			for p, text := range map[string]string{"log": "one", "theirs": "one"} {
				b.must(os.WriteFile(filepath.Join(b.dst, p), []byte(text), 0o644))
			}
			x := exchange(t, b)
			x.start()
			x.waitForCopy()
			x.disconnect()
			x.closeSink()
			b.must(x.sink.Tail.Close())

			b.must(os.WriteFile(filepath.Join(x.dst, "theirs"), []byte("of the primary"), 0o644))
			for p, text := range map[string]string{"log": "one, two", "theirs": "one, two"} {
				b.must(os.WriteFile(filepath.Join(x.src, p), []byte(text), 0o644))
			}
			tail, err := ReadTail(b.source.StateDir, tt.epoch)
			b.must(err)
			x.sink.Tail = tail
			b.must(Afresh(x.dst))
			x.openSink()
			x.connect()
			x.waitForCopy()
			x.disconnect()
			x.closeSink()
			list, _, err := ListRescued(x.dst, RescuePlace{}, 100)
			b.must(err)
			got := map[string]string{}
			for _, r := range list {
				got[r.Path] = r.Reason
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("set aside (-want +got):\n%s", diff)
			}
			if log := x.copyOf("log"); log != "one, two" {
				t.Errorf("log holds %q", log)
			}
		})
	}
}

// TestBroughtIsRead: a torn end of what was written down costs one version, and another epoch's counts for nothing.
func TestBroughtIsRead(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	one, two := stat{kind: File, inode: 1, size: 1}, stat{kind: File, inode: 2, size: 1}
	open := func(epoch uint64) *brought {
		t.Helper()
		b, err := readBrought(root, epoch)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := open(1)
	b.add("a", one)
	b.add("b", two)
	b.add("b", two)
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	text, err := root.ReadFile(broughtFile)
	if err != nil || len(text) != 24 {
		t.Fatalf("%v, %d bytes", err, len(text))
	}
	if err := root.WriteFile(broughtFile, text[:23], 0o600); err != nil {
		t.Fatal(err)
	}
	b = open(1)
	if !b.has("a", one) || b.has("b", two) || b.has("b", one) || b.has("a", stat{kind: File, inode: 1, size: 1, modTime: 1}) {
		t.Errorf("after a crash: %v", b.seen)
	}
	b.add("b", two)
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	if b = open(1); !b.has("a", one) || !b.has("b", two) {
		t.Errorf("gone on with: %v", b.seen)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	if b = open(2); b.has("a", one) || len(b.seen) != 0 {
		t.Errorf("under another epoch: %v", b.seen)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
}

// TestOldPrimary: a primary that comes back with its old epoch is not listened to.
func TestOldPrimary(t *testing.T) {
	b := newBed(t)
	b.write("a", []byte("old"))
	b.source.Epoch = 1
	b.sink.Epoch = 2
	b.openSource()
	b.openSink()
	err := b.converse(context.Background(), b.from, b.to)
	if err == nil || !strings.Contains(err.Error(), "takeover epoch 1") {
		t.Errorf("it was listened to: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(b.dst, "a")); err == nil {
		t.Error("and its file is there")
	}
}

// TestRescueThroughLink: a link in the place of the private directories leads nowhere.
func TestRescueThroughLink(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	set := time.Now().UTC().Format(rescueLayout)
	for _, p := range []string{filepath.Join(outside, set, rescueTree), filepath.Join(dir, Private)} {
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(outside, set, rescueTree, "a"), []byte("secret"), 0o644),
		os.Symlink(outside, filepath.Join(dir, rescueDir)),
	); err != nil {
		t.Fatal(err)
	}
	if list, _, err := ListRescued(dir, RescuePlace{}, 10); err == nil && len(list) > 0 {
		t.Errorf("listed %v", list)
	}
	if err := RestoreRescued(dir, set, "a"); err == nil {
		t.Error("restored what is outside")
	}
}

// TestRests: a copy is at rest when nobody writes in it, and not before, though what is written was announced.
func TestRests(t *testing.T) {
	b := newBed(t)
	b.source.Settle = Settle{Quiet: 5 * time.Millisecond, Unknown: 50 * time.Millisecond, MaxWait: 2 * time.Second}
	b.write("a", []byte("whole"))
	w, err := os.OpenFile(filepath.Join(b.src, "b"), os.O_CREATE|os.O_WRONLY, 0o644)
	b.must(err)
	defer func() { _ = w.Close() }()
	_, err = w.WriteString("half")
	b.must(err)
	b.openSource()
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Scanned && v.Dirty == 0 && v.Files == 2 })
	if v, _ := b.from.Status(); v.Resting {
		t.Error("it rests while somebody writes")
	}
	b.must(w.Close())
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Resting })
	b.write("a", []byte("changed"))
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Resting && v.Bytes == uint64(len("changed")+len("half")) })
}
