package files

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// newNoise is an endless reader of what a seed makes.
func newNoise(seed string) io.Reader {
	var key [32]byte
	copy(key[:], seed)
	return rand.NewChaCha8(key)
}

// TestFirstCopy copies a tree with something of everything.
func TestFirstCopy(t *testing.T) {
	b := newBed(t)
	for i := range 300 {
		b.write(fmt.Sprintf("d%d/e%d/f%d", i%3, i%7, i), noise(fmt.Sprint(i), i*37))
	}
	b.write("large", noise("large", 3<<20))
	b.write("empty", nil)
	b.write("names/with\nnewline \xff", []byte("x"))
	b.write("names/.failoverd/deep", []byte("no root"))
	b.must(os.Symlink("../../etc/passwd", b.in("link")))
	b.must(os.Mkdir(b.in("nothing"), 0o700))
	b.must(os.Chmod(b.in("d0/e0"), 0o2750))
	b.must(os.Chtimes(b.in("large"), time.Time{}, time.Unix(1, 234567891)))
	b.start()
	b.waitForCopy()
}

// TestLive changes a tree in each way that there is, one after the other, and sees each arrive by itself.
func TestLive(t *testing.T) {
	b := newBed(t)
	b.write("a/small", []byte("one"))
	b.write("a/large", noise("large", 1<<20))
	b.start()
	b.waitForCopy()
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"a new file", func() { b.write("new", []byte("new")) }},
		{"a new directory with files", func() { b.write("x/y/z/f", []byte("deep")) }},
		{"rewritten", func() { b.write("a/small", []byte("two, and longer")) }},
		{"a large file", func() { b.write("a/large2", noise("large2", 2<<20)) }},
		{"truncated", func() { b.must(os.Truncate(b.in("a/large2"), 100_000)) }},
		{"mode", func() { b.must(os.Chmod(b.in("a/small"), 0o600)) }},
		{"time", func() { b.must(os.Chtimes(b.in("a/small"), time.Time{}, time.Unix(99, 1))) }},
		{"owner", func() { b.must(os.Chown(b.in("a/small"), 1, 2)) }},
		{"link", func() { b.must(os.Symlink("small", b.in("a/link"))) }},
		{"a file renamed", func() { b.must(os.Rename(b.in("a/small"), b.in("a/renamed"))) }},
		{"a directory renamed", func() { b.must(os.Rename(b.in("a"), b.in("b"))) }},
		{"and used", func() { b.write("b/later", []byte("later")) }},
		{"a name used again", func() { b.write("a/small", []byte("another")) }},
		{"renamed over a file", func() {
			b.write("b/t", []byte("temporary"))
			b.must(os.Rename(b.in("b/t"), b.in("b/renamed")))
		}},
		{"a hard link", func() { b.must(os.Link(b.in("b/renamed"), b.in("b/second"))) }},
		{"a file becomes a directory", func() {
			b.must(os.Remove(b.in("new")))
			b.write("new/inside", []byte("x"))
		}},
		{"a directory becomes a link", func() {
			b.must(os.RemoveAll(b.in("x")))
			b.must(os.Symlink("b", b.in("x")))
		}},
		{"deleted", func() { b.must(os.Remove(b.in("b/second"))) }},
		{"a directory deleted", func() { b.must(os.RemoveAll(b.in("b"))) }},
	} {
		t.Log(step.name)
		step.do()
		b.waitForCopy()
	}
}

// hasty is a notifier that has a file come into a new directory in the last moment before that is watched.
type hasty struct {
	notifier
	come func(directory string)
}

func (h *hasty) Add(directory string) error {
	h.come(directory)
	return h.notifier.Add(directory)
}

// TestNewDirectory: what comes into a new directory before that is watched makes no event, and is found all the same.
func TestNewDirectory(t *testing.T) {
	b := newBed(t)
	s, err := OpenSource(b.source)
	b.must(err)
	s.watches.notifier = &hasty{notifier: s.watches.notifier, come: func(directory string) {
		if directory == b.in("new") {
			b.write("new/file", []byte("x"))
		}
	}}
	b.runSource(s)
	b.openSink()
	b.connect()
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Scanned })
	b.must(os.Mkdir(b.in("new"), 0o755))
	waitForSource(t, b.from, func(v SourceStatus) bool { return v.Files == 1 })
	b.waitForCopy()
}
