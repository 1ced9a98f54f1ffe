package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// discard takes what is at a path, with all that is below it, to the trash, or away for good where there is none.
func (g *group) discard(p string, s stat) error {
	n := int64(0)
	switch s.kind {
	case File:
		n = 1
	case Directory:
		if err := g.walk(p, func(_ string, isDir bool) bool {
			if !isDir {
				n++
			}
			return true
		}); err != nil {
			return err
		}
	}
	if err := g.touch(path.Dir(p)); err != nil {
		return err
	}
	in, err := g.away(p, s)
	if err != nil {
		return err
	}
	if in == "" {
		if err := g.root.RemoveAll(p); err != nil {
			return err
		}
	} else {
		if err := g.root.Rename(p, in); err != nil {
			return err
		}
	}
	g.files -= n
	if s.kind == Directory {
		g.forget(p)
	}
	return nil
}

// holds says whether the file at a path has the content of an entry already, as far as that is quickly told: of a file that
// came with its announcement.
func (g *group) holds(p string, s stat, e *Entry) bool {
	if s.size != e.Size || e.Size > inlineSize || e.Hash == ([sha256.Size]byte{}) {
		return false
	}
	f, err := g.open(p)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, inlineSize+1))
	return err == nil && n == e.Size && [sha256.Size]byte(h.Sum(nil)) == e.Hash
}

// keep gives a file or link that is about to be overwritten a second name, in the trash.
func (g *group) keep(p string) error {
	s, err := g.lstat(p)
	if err != nil {
		return err
	}
	in, err := g.away(p, s)
	if err != nil || in == "" {
		return err
	}
	err = g.root.Link(p, in)
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EMLINK), errors.Is(err, unix.EOPNOTSUPP):
		// No second names here: for a moment there is none at all.
		return g.root.Rename(p, in)
	}
	return err
}

// away makes a place for what goes: aside if the other side has never had it, else in the trash; empty where there is
// none.
func (g *group) away(p string, s stat) (string, error) {
	if g.tail != nil {
		reason := g.tail.reason(p, s)
		if s.kind == Directory {
			reason = "it was in a directory that went as a whole"
		}
		if reason != "" {
			return g.rescue(p, reason)
		}
	}
	if g.trash == "" {
		return "", nil
	}
	return g.placeIn(g.trash, p)
}

// placeIn makes a place for a path in a directory that has what went. Where something that went earlier is in the way,
// there is another directory for it.
func (g *group) placeIn(base, p string) (string, error) {
	for top := base; ; {
		in := path.Join(top, p)
		made, err := g.trashDir(path.Dir(in))
		if err != nil {
			return "", err
		}
		if made {
			if _, err := g.root.Lstat(in); err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					err = nil
				}
				return in, err
			}
		}
		g.n++
		top = fmt.Sprintf("%s~%d", base, g.n)
	}
}

// trashDir makes a directory in the trash and those above it. It is not made if a file or a link is in the way.
func (g *group) trashDir(dir string) (made bool, err error) {
	if dir == trashDir || g.real[dir] {
		return true, nil
	}
	if made, err := g.trashDir(path.Dir(dir)); err != nil || !made {
		return false, err
	}
	if err := g.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	s, err := g.lstat(dir)
	if err != nil || s.kind != Directory {
		return false, err
	}
	g.real[dir] = true
	return true, nil
}
