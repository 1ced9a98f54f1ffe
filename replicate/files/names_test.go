package files

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
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

// TestChangedThroughAnotherName: a file is changed through one of its names, and that is another one before its turn comes: it is
// recognised as the file that was there, and so nothing else is asked of it. The other name is looked at all the same.
func TestChangedThroughAnotherName(t *testing.T) {
	for name, change := range map[string]func(b *bed){
		"mode":       func(b *bed) { b.must(os.Chmod(b.in("a"), 0o614)) },
		"attributes": func(b *bed) { b.must(unix.Lsetxattr(b.in("a"), "user.x", []byte("1"), 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.write("a", []byte("content"))
			b.must(os.Link(b.in("a"), b.in("z")))
			l := b.sees()
			change(b)
			b.must(os.Rename(b.in("a"), b.in("b")))
			for _, p := range []string{"a", "b"} {
				l.dirty.add(p, true, true, true)
			}
			b.rests(l)
			was, _ := l.known("b")
			if e, _ := l.known("z"); e.Mode != was.Mode || e.Attributes != was.Attributes || was.Path != "b" {
				t.Errorf("of z it is known that it has mode %o and %q, of b %o and %q", e.Mode, e.Attributes, was.Mode, was.Attributes)
			}
		})
	}
}

// TestChangedThroughAnotherNameAtOnce: the other name was seen with the change time that the file has still, since the clock of the
// file system had not gone on when it was changed once more.
func TestChangedThroughAnotherNameAtOnce(t *testing.T) {
	b := newBed(t)
	b.write("a", []byte("content"))
	b.must(os.Link(b.in("a"), b.in("z")))
	l := b.sees()
	b.must(os.Chmod(b.in("a"), 0o614))
	s, err := l.tree.lstat("a")
	b.must(err)
	l.learn(func(x *index) { x.entries["z"].Change = s.change })
	l.dirty.add("a", false, false, false)
	b.rests(l)
	if e, _ := l.known("z"); e.Mode != 0o614 {
		t.Errorf("of z it is known that it has mode %o", e.Mode)
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
	directory string
	added     map[string]int // by the path in the tree
}

func (c *counted) Add(directory string) error {
	p, err := filepath.Rel(c.directory, directory)
	c.added[p]++
	return errors.Join(err, c.notifier.Add(directory))
}

// TestWatchedAfresh: which directories are watched afresh, after what.
func TestWatchedAfresh(t *testing.T) {
	for name, c := range map[string]struct {
		after func(b *bed, l *look)
		want  map[string]int // how often each was added
	}{
		// While it was away, nobody told what came and went in it, and an inode may have got the number of the one before.
		"a directory is back": {
			after: func(b *bed, l *look) {
				l.dirty.add("a", true, true, true)
				b.rests(l)
			},
			want: map[string]int{"a": 1, "a/b": 1, "a/b/c": 1},
		},
		// One may have been away, and the word of it lost.
		"events were lost": {
			after: func(b *bed, l *look) {
				l.dirty.lost(time.Now())
				b.must(l.scan(b.t.Context()))
				b.must(l.scan(b.t.Context()))
			},
			want: map[string]int{".": 1, "a": 1, "a/b": 1, "a/b/c": 1, "z": 1},
		},
		"nothing was lost": {
			after: func(b *bed, l *look) { b.must(l.scan(b.t.Context())) },
			want:  map[string]int{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.write("a/b/c/f", []byte("x"))
			b.write("z/f", []byte("x"))
			l := b.sees()
			added := map[string]int{}
			l.watches.notifier = &counted{notifier: l.watches.notifier, directory: b.src, added: added}
			c.after(b, l)
			if diff := cmp.Diff(c.want, added); diff != "" {
				t.Errorf("added (-want +got):\n%s", diff)
			}
		})
	}
}

// TestComparisonIsNotForgotten: content changed, size and time did not, so that only a comparison tells. What is announced
// instead of that before it has been confirmed wants the comparison too.
func TestComparisonIsNotForgotten(t *testing.T) {
	b := newBed(t)
	b.write("f", []byte("before"))
	old, err := os.Stat(b.in("f"))
	b.must(err)
	l := b.sees()
	expect := func(when, p string, want bool) {
		t.Helper()
		if e, known := l.known(p); !known || e.Check != want {
			t.Errorf("%s: known %v, to be compared %v, want %v", when, known, e.Check, want)
		}
	}
	expect("new", "f", false)
	b.write("f", []byte("after!"))
	b.must(os.Chtimes(b.in("f"), old.ModTime(), old.ModTime()))
	l.dirty.add("f", true, false, false)
	b.rests(l)
	expect("touched", "f", true)
	b.must(os.Chmod(b.in("f"), 0o600))
	l.dirty.add("f", false, false, false)
	b.rests(l)
	expect("then chmod", "f", true)
	b.must(os.Rename(b.in("f"), b.in("g")))
	l.dirty.add("f", false, false, true)
	l.dirty.add("g", true, true, false)
	b.rests(l)
	expect("then renamed", "g", true)
	l.learn(func(x *index) { x.confirmed = x.head })
	b.must(os.Chmod(b.in("g"), 0o640))
	l.dirty.add("g", false, false, false)
	b.rests(l)
	expect("confirmed, then chmod", "g", false)
}
