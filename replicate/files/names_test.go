package files

import (
	"os"
	"testing"
	"time"
)

// sees has a source take in its whole tree once, and returns what looks at it; nothing runs beside it.
func (b *bed) sees() *look {
	b.t.Helper()
	s, err := OpenSource(b.source)
	b.must(err)
	b.t.Cleanup(func() { b.must(s.Close()) })
	l := &look{Source: s}
	b.must(l.subtree("."))
	l.dirty.quiet = 0
	b.rests(l)
	return l
}

// rests has everything looked at that is known to have changed, and what that leads to.
func (b *bed) rests(l *look) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; {
		n, _ := l.dirty.count(time.Now())
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("still to be looked at: %d", n)
		}
		b.must(l.dueNow())
	}
}

// TestWrittenThroughAnotherName: a file is written through one of its names, and that is gone before its turn comes. No
// event tells of the other name.
func TestWrittenThroughAnotherName(t *testing.T) {
	for name, leave := range map[string]func(b *bed){
		"the name is removed": func(b *bed) { b.must(os.Remove(b.in("d/a"))) },
		"another file takes the name": func(b *bed) {
			b.write("new", []byte("new"))
			b.must(os.Rename(b.in("new"), b.in("d/a")))
		},
		"a link takes the name": func(b *bed) {
			b.must(os.Remove(b.in("d/a")))
			b.must(os.Symlink("away", b.in("d/a")))
		},
		"its directory is removed": func(b *bed) { b.must(os.RemoveAll(b.in("d"))) },
		"a file takes its directory's name": func(b *bed) {
			b.must(os.RemoveAll(b.in("d")))
			b.write("d", []byte("d"))
		},
		"it stays": func(*bed) {},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.write("d/a", []byte("before"))
			b.must(os.Link(b.in("d/a"), b.in("b")))
			l := b.sees()
			b.write("d/a", []byte("after, and longer"))
			leave(b)
			for _, p := range []string{"new", "d/a", "d"} {
				l.dirty.add(p, true, true, true)
			}
			b.rests(l)
			if e, _ := l.known("b"); e.Size != int64(len("after, and longer")) {
				t.Errorf("of b it is known that it has %d bytes", e.Size)
			}
		})
	}
}

// counted is a notifier that counts how often each directory was added.
type counted struct {
	notifier
	added map[string]int
}

func (c *counted) Add(directory string) error {
	c.added[directory]++
	return c.notifier.Add(directory)
}

// TestWatchedAfresh: while a directory is away, nobody tells what comes and goes in it, and an inode may get the number of
// the one before: everything in it is watched afresh when it is back.
func TestWatchedAfresh(t *testing.T) {
	b := newBed(t)
	b.write("a/b/c/f", []byte("x"))
	b.write("z/f", []byte("x"))
	l := b.sees()
	again := &counted{notifier: l.watches.notifier, added: map[string]int{}}
	l.watches.notifier = again
	l.dirty.add("a", true, true, true)
	b.rests(l)
	for p, want := range map[string]int{"a": 1, "a/b": 1, "a/b/c": 1, "z": 0} {
		if got := again.added[b.in(p)]; got != want {
			t.Errorf("%s was added %d times, want %d", p, got, want)
		}
	}
}
