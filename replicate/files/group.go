package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// change is one thing to be done to the copy.
type change struct {
	does   changeKind
	entry  Entry  // of put and entry
	staged staged // put: the file on the stage that has the content
	path   string // gone: what; rename: from where
	to     string // rename
}

// about is the path that is another one after a change.
func (c *change) about() string {
	switch c.does {
	case doGone:
		return c.path
	case doRename:
		return c.to
	case doPut, doEntry:
	}
	return c.entry.Path
}

// changeKind is what a change does.
type changeKind uint8

const (
	doPut    changeKind = iota + 1 // put a staged file in its place
	doEntry                        // make a directory or a link; of a file, its owner and mode, if the content is there
	doGone                         // take away what is there
	doRename                       // move what is there
)

// outcome is what the caller has to know of a change that was tried.
type outcome struct {
	lacks   bool   // the content of entry is not there
	refused string // why the copy cannot hold the entry
	err     error  // why it could not be done now
	plain   string // what attributes it has to do without, and why; otherwise it is done
}

// group carries changes out that become durable together. It belongs to one commit.
type group struct {
	*target
	trash   string           // directory for what is taken away; empty to take it away for good
	real    map[string]bool  // directories that were looked at: no link is among them, nor above them
	times   map[string]int64 // modification times to be put back at the end, of directories in which something was done
	files   int64            // how many files more there are
	n       int              // names given in the trash
	at      string           // the directory that was used last, open; empty for none
	dir     *os.File
	tail    *Tail  // what goes there is set aside and not trashed; nil for nothing
	aside   string // directory for it
	reasons *os.File
}

// newGroup begins a group. keep says whether there is a trash.
func newGroup(t *target, now time.Time, keep bool) *group {
	g := &group{target: t, real: map[string]bool{".": true}, times: map[string]int64{}}
	if keep {
		// A directory for each group: the names in it can only meet when one path goes twice.
		g.trash = path.Join(trashDir, now.UTC().Format(time.DateOnly), now.UTC().Format("150405.000000000"))
	}
	return g
}

// do carries one change out.
func (g *group) do(c *change) outcome {
	switch c.does {
	case doPut:
		return g.put(c)
	case doEntry:
		return g.entry(&c.entry)
	case doGone:
		return failed(g.gone(c.path))
	case doRename:
		return failed(g.rename(c.path, c.to))
	}
	panic(fmt.Sprintf("change %d", c.does))
}

// failed sorts an error: names that this file system does not hold will not be held later either.
func failed(err error) outcome {
	switch {
	case err == nil:
		return outcome{}
	case errors.Is(err, unix.ENAMETOOLONG), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EILSEQ):
		return outcome{refused: "the standby's file system cannot hold the name"}
	}
	return outcome{err: err}
}

// reach makes sure that a directory is one, and that no link is above it. What is in the way goes to the trash, and
// what is missing is made, if make is set; otherwise there says whether the directory is there.
func (g *group) reach(dir string, make bool) (there bool, err error) {
	if g.real[dir] {
		return true, nil
	}
	parent := path.Dir(dir)
	if there, err := g.reach(parent, make); err != nil || !there {
		return false, err
	}
	s, err := g.lstat(dir)
	switch {
	case err == nil && s.kind == Directory:
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	case !make:
		return false, nil
	default:
		if err == nil {
			if err := g.discard(dir, s); err != nil {
				return false, err
			}
		}
		if err := g.touch(parent); err != nil {
			return false, err
		}
		if err := g.root.Mkdir(dir, 0o755); err != nil {
			return false, err
		}
	}
	g.real[dir] = true
	return true, nil
}

// touch remembers the time of a directory before something is done in it.
func (g *group) touch(dir string) error {
	if _, known := g.times[dir]; known {
		return nil
	}
	s, err := g.lstat(dir)
	if err == nil {
		g.times[dir] = s.modTime
	}
	return err
}

// forget drops what is remembered of directories, after one of them went.
func (g *group) forget(dir string) {
	clear(g.real)
	g.real["."] = true
	g.leave()
	for p := range g.times {
		if p == dir || below(p, dir) {
			delete(g.times, p)
		}
	}
}

// put puts a staged file in its place.
func (g *group) put(c *change) outcome {
	p := c.entry.Path
	dir := path.Dir(p)
	if _, err := g.reach(dir, true); err != nil {
		return failed(err)
	}
	if err := g.touch(dir); err != nil {
		return failed(err)
	}
	fd, err := g.enter(dir)
	if err != nil {
		return failed(err)
	}
	name := path.Base(p)
	s, err := statOf(fd, name, p)
	taken := err == nil
	switch {
	case errors.Is(err, fs.ErrNotExist):
		g.files++
	case err != nil:
		return failed(err)
	case s.kind == Directory:
		taken = false
		if err := g.discard(p, s); err != nil {
			return failed(err)
		}
		if fd, err = g.enter(dir); err != nil {
			return failed(err)
		}
		g.files++
	default:
		// Under its name there is the old file until the new one is. Of one with the same content nothing is lost.
		if s.kind != File || !g.holds(p, s, &c.entry) {
			if err := g.keep(p); err != nil {
				return failed(err)
			}
		}
		if s.kind != File {
			g.files++
		}
	}
	out := failed(g.place(c.staged, fd, name, taken))
	out.plain = c.staged.problem
	if g.tail != nil && out.err == nil && out.refused == "" {
		if s, err := statOf(fd, name, p); err == nil {
			g.tail.brought.add(p, s)
		}
	}
	return out
}

// redress gives what is at a path the owner, attributes and mode of an entry, where they differ.
func (g *group) redress(p string, e *Entry, s stat) (out outcome) {
	uid, gid := g.ids(e, s.uid, s.gid)
	owned := uid == s.uid && gid == s.gid
	if !owned {
		if err := g.root.Lchown(p, int(uid), int(gid)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return failed(err)
		}
	}
	if s.kind == Symlink {
		return outcome{}
	}
	fd, err := g.enter(path.Dir(p))
	if err != nil {
		return failed(err)
	}
	out.plain = g.adorn(attributed{fd: fd, name: path.Base(p)}, e.Attributes)
	if !owned || s.mode != e.Mode {
		out.err = g.root.Chmod(p, fileMode(e.Mode))
	}
	return out
}

// enter opens a directory, if it is not the one that is open already. It was looked at (see reach).
func (g *group) enter(dir string) (fd int, err error) {
	if g.at != dir || g.dir == nil {
		g.leave()
		if g.dir, err = g.root.Open(dir); err != nil {
			return -1, err
		}
		g.at = dir
	}
	return int(g.dir.Fd()), nil
}

// end closes what the group has open.
func (g *group) end() {
	g.leave()
	if g.reasons != nil {
		_ = g.reasons.Close()
		g.reasons = nil
	}
}

// leave closes the directory that is open.
func (g *group) leave() {
	if g.dir != nil {
		_ = g.dir.Close()
		g.dir = nil
	}
}

// entry makes what an entry says, as far as no content is needed for it.
func (g *group) entry(e *Entry) outcome {
	p, dir := e.Path, path.Dir(e.Path)
	if e.Kind == File {
		there, err := g.reach(dir, false)
		if err != nil {
			return failed(err)
		}
		if !there {
			return outcome{lacks: true}
		}
	} else if _, err := g.reach(dir, true); err != nil {
		return failed(err)
	}
	s, err := g.lstat(p)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed(err)
	}
	there := err == nil
	switch {
	case e.Kind == File:
		if !there || s.kind != File || s.size != e.Size || s.modTime != e.ModTime || e.Check {
			return outcome{lacks: true}
		}
		return g.redress(p, e, s)
	case e.Kind == Directory:
		return g.directory(e, s, there)
	}
	return failed(g.link(e, s, there))
}

// directory makes a directory, or gives the one that is there its owner, mode and time.
func (g *group) directory(e *Entry, s stat, there bool) outcome {
	if there && s.kind != Directory {
		if err := g.discard(e.Path, s); err != nil {
			return failed(err)
		}
		there = false
	}
	if !there {
		if err := g.touch(path.Dir(e.Path)); err != nil {
			return failed(err)
		}
		if err := g.root.Mkdir(e.Path, 0o700); err != nil {
			return failed(err)
		}
		var err error
		if s, err = g.lstat(e.Path); err != nil {
			return failed(err)
		}
	}
	g.real[e.Path] = true
	g.times[e.Path] = e.ModTime
	return g.redress(e.Path, e, s)
}

// link makes a symbolic link, beside its place first: under its name there is never nothing.
func (g *group) link(e *Entry, s stat, there bool) error {
	if there && s.kind == Symlink && s.target == e.Target {
		if err := g.redress(e.Path, e, s).err; err != nil {
			return err
		}
		return g.setTime(e.Path, e.ModTime)
	}
	if err := g.touch(path.Dir(e.Path)); err != nil {
		return err
	}
	switch {
	case there && s.kind == Directory:
		if err := g.discard(e.Path, s); err != nil {
			return err
		}
	case there:
		if err := g.keep(e.Path); err != nil {
			return err
		}
		if s.kind == File {
			g.files--
		}
	}
	g.last++
	staged := path.Join(stageDir, fmt.Sprintf("l%d", g.last))
	if err := g.root.Symlink(e.Target, staged); err != nil {
		return err
	}
	made, err := g.lstat(staged)
	if err == nil {
		err = g.redress(staged, e, made).err
	}
	if err == nil {
		err = g.setTime(staged, e.ModTime)
	}
	if err == nil {
		err = g.root.Rename(staged, e.Path)
	}
	return err
}

// gone takes away what is at a path. Nothing there is fine.
func (g *group) gone(p string) error {
	there, err := g.reach(path.Dir(p), false)
	if err != nil || !there {
		return err
	}
	s, err := g.lstat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.kind == Directory {
		// An empty directory is no loss.
		if err := g.touch(path.Dir(p)); err != nil {
			return err
		}
		if err := g.root.Remove(p); err == nil {
			g.forget(p)
			return nil
		}
	}
	return g.discard(p, s)
}

// rename follows a hint: it moves what is at from to to, if that is there and nothing is in the way.
func (g *group) rename(from, to string) error {
	there, err := g.reach(path.Dir(from), false)
	if err != nil || !there {
		return err
	}
	moved, err := g.lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || below(to, from) || below(from, to) {
		return err
	}
	if _, err := g.reach(path.Dir(to), true); err != nil {
		return err
	}
	old, err := g.lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case old.kind != File || moved.kind != File:
		return nil
	default:
		if err := g.keep(to); err != nil {
			return err
		}
		g.files--
	}
	for _, dir := range []string{path.Dir(from), path.Dir(to)} {
		if err := g.touch(dir); err != nil {
			return err
		}
	}
	if err := g.root.Rename(from, to); err != nil {
		return err
	}
	if moved.kind == Directory {
		g.forget(from)
	}
	return nil
}

// finish puts the times of directories back, and makes all that was done durable if it has to be.
func (g *group) finish(durable bool) error {
	if err := g.closeRescue(); err != nil {
		return err
	}
	dirs := make([]string, 0, len(g.times)+1)
	for dir, modTime := range g.times {
		dirs = append(dirs, dir)
		if dir == "." {
			continue // the root of the copy belongs to the standby
		}
		if err := g.setTime(dir, modTime); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if !durable {
		return nil
	}
	return g.sync(g.root, dirs)
}

// depth is how many directories a path is below the root.
func depth(p string) int { return strings.Count(p, "/") }
