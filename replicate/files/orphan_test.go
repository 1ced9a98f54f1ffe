package files

import (
	"os"
	"testing"
	"time"
)

// TestNoChildBeforeItsDirectory: a directory comes, is seen before its turn, and is gone again when its turn comes. Nothing
// in it may be left in the index: nobody would ever call it gone.
func TestNoChildBeforeItsDirectory(t *testing.T) {
	for name, see := range map[string]func(l *look) error{
		"a scan sees it": func(l *look) error {
			_, err := l.directory("d")
			return err
		},
		"what is in it has its turn": func(l *look) error {
			l.dirty.paths["d/x"] = &dirt{unrest: unrest{first: time.Now()}, written: true, left: true}
			l.dirty.next = time.Now()
			return l.dueNow()
		},
		"something was moved into it": func(l *look) error {
			if err := os.Rename(l.options.Directory+"/y", l.options.Directory+"/d/x"); err != nil {
				return err
			}
			l.dirty.paths["d/x"] = &dirt{unrest: unrest{first: time.Now()}, written: true, left: true}
			l.dirty.next = time.Now()
			return l.dueNow()
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.write("y", []byte("y"))
			s, err := OpenSource(b.source)
			b.must(err)
			l := &look{Source: s}
			if _, err := l.directory("."); err != nil {
				t.Fatal(err)
			}
			b.write("d/x", []byte("x"))
			b.write("d/sub/z", []byte("z"))
			b.must(see(l))
			b.must(os.Rename(b.in("d"), b.src+".away"))
			b.must(l.gone("d"))
			b.from = s
			b.checkIndex()
			b.from = nil
			b.must(s.Close())
		})
	}
}
