package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	codes "modernc.org/sqlite/lib"

	"failoverd/replicate/database"
)

// place is the directory in which a catalog lies, and its copies beside it. Every path of ours goes through its root.
type place struct {
	dir  string // the real one, without links
	root *os.Root
	live string // the catalog
	base string // what the names of its files begin with
	ext  string // and end with
}

// mark is in the name of every file that a run has made, so that no file of anybody else is taken for one.
const mark = ".failoverd-"

// version is the SQLite that is compiled into failoverd.
const version = codes.SQLITE_VERSION

// open opens the place of an end whose live catalog is of that name.
func open(e database.End, live string) (*place, error) {
	dir, base, ext, err := locate(e.DSN, live)
	if err != nil {
		return nil, &database.UnreachableError{Host: e.Host, Err: err}
	}
	// SQLite finds the companions of a file by its real path.
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, &database.UnreachableError{Host: e.Host, Err: err}
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, &database.UnreachableError{Host: e.Host, Err: err}
	}
	return &place{dir: real, root: root, live: live, base: base, ext: ext}, nil
}

// locate says where a data source has a catalog: the directory, and how its file's name begins and ends.
func locate(dsn, live string) (dir, base, ext string, err error) {
	switch {
	case !filepath.IsAbs(dsn):
		return "", "", "", fmt.Errorf("the data source %q is not an absolute path of a file, or of a directory with a slash at its end", dsn)
	case !plain(live):
		return "", "", "", fmt.Errorf("the catalog's name %q cannot be the name of a file", live)
	case strings.HasSuffix(dsn, "/"):
		return filepath.Clean(dsn), live, ".db", nil
	}
	dir, file := filepath.Split(filepath.Clean(dsn))
	ext = filepath.Ext(file)
	base = strings.TrimSuffix(file, ext)
	if base == "" { // ".db" is a name without an extension.
		base, ext = file, ""
	}
	return filepath.Clean(dir), base, ext, nil
}

// plain says whether a name can be part of a file's name.
func plain(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 128 && !strings.ContainsAny(name, "/\x00")
}

func (p *place) close() { _ = p.root.Close() } // It was only read from.

// link is the name under which applications find a catalog.
func (p *place) link(catalog string) string {
	return p.base + strings.TrimPrefix(catalog, p.live) + p.ext
}

// generation is the name of the file that a run makes.
func (p *place) generation(run string) string { return p.base + mark + run + p.ext }

// path is a name's whole path.
func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// points gives the name of the file that a catalog's link points to: its own name if it is no link, as a primary's is
// before the first replication to live, and "" if there is nothing.
func (p *place) points(catalog string) (string, error) {
	name := p.link(catalog)
	info, err := p.root.Lstat(name)
	if err != nil {
		return "", gone(err)
	}
	switch {
	case info.Mode().IsRegular():
		return name, nil
	case info.Mode()&fs.ModeSymlink == 0:
		return "", fmt.Errorf("%s is not a file", p.path(name))
	}
	to, err := p.root.Readlink(name)
	if err != nil {
		return "", err
	}
	if !p.ours(to) {
		return "", fmt.Errorf("%s is a symbolic link to %s, which is not of failoverd: write the path of the file itself as the data source", p.path(name), to)
	}
	is, err := regular(p.root, to)
	if err != nil || !is {
		return "", err // A link to nothing is nothing.
	}
	return to, nil
}

// ours says whether a file's name is that of a file that a run has made for this catalog.
func (p *place) ours(name string) bool {
	run, found := strings.CutPrefix(name, p.base+mark)
	run, ends := strings.CutSuffix(run, p.ext)
	return found && ends && runs(run)
}

// runs says whether a text can be the name of a run.
func runs(run string) bool {
	return run != "" && len(run) <= 64 && !strings.ContainsFunc(run, func(r rune) bool {
		return !(r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
}

// exists gives the name of the file that a catalog is, which must exist.
func (p *place) exists(catalog string) (string, error) {
	name, err := p.points(catalog)
	if err == nil && name == "" {
		err = fmt.Errorf("%s: %w", p.path(p.link(catalog)), fs.ErrNotExist)
	}
	return name, err
}

// aim lets a catalog's link point to a file, whatever it was before, in one step.
func (p *place) aim(catalog, file string) error {
	passing := p.base + mark + "link" + p.ext + ".tmp"
	if err := gone(p.root.Remove(passing)); err != nil {
		return err
	}
	if err := p.root.Symlink(file, passing); err != nil {
		return err
	}
	if err := p.root.Rename(passing, p.link(catalog)); err != nil {
		return errors.Join(err, gone(p.root.Remove(passing)))
	}
	return p.sync()
}

// unlink removes a catalog's link, and never a file that no run has made.
func (p *place) unlink(catalog string) error {
	name := p.link(catalog)
	is, err := regular(p.root, name)
	if err != nil {
		return err
	}
	if is {
		return fmt.Errorf("%s is a file, not a link of failoverd: it is not removed", p.path(name))
	}
	if err := gone(p.root.Remove(name)); err != nil {
		return err
	}
	return p.sync()
}

// sync waits until the names in the directory are on the disk.
func (p *place) sync() (err error) {
	d, err := p.root.Open(".")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}

// companions are the files that SQLite makes beside a database.
func companions(name string) []string {
	return []string{name + "-journal", name + "-wal", name + "-shm"}
}

// sweep removes the files that runs have made and no name points to any more, with what belongs to them.
func (p *place) sweep(n database.Names) error {
	kept := map[string]bool{}
	for _, catalog := range []string{n.Live, n.Staging, n.Previous} {
		name, err := p.points(catalog)
		if err != nil {
			return err // What is not understood is not cleared away.
		}
		for _, file := range append(companions(name), name) {
			kept[file] = true
		}
		if name == "" {
			if err := p.dangling(catalog); err != nil {
				return err
			}
		}
	}
	d, err := p.root.Open(".")
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	for _, name := range names {
		if kept[name] || !p.left(name) {
			continue
		}
		if err := gone(p.root.Remove(name)); err != nil {
			return err
		}
	}
	return p.sync()
}

// dangling removes a link to nothing.
func (p *place) dangling(catalog string) error {
	if _, err := p.root.Lstat(p.link(catalog)); err != nil {
		return gone(err)
	}
	return p.unlink(catalog)
}

// left says whether a file's name is one that a run may have left.
func (p *place) left(name string) bool {
	if name == p.base+mark+"link"+p.ext+".tmp" {
		return true
	}
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if file, found := strings.CutSuffix(name, suffix); found && p.ours(file) {
			return true
		}
	}
	return false
}

// standing says what of a copy is there.
func (p *place) standing(n database.Names) (s database.Standing, err error) {
	found := make([]bool, 3)
	for i, catalog := range []string{n.Live, n.Staging, n.Previous} {
		name, err := p.points(catalog)
		if err != nil {
			return s, err
		}
		found[i] = name != ""
	}
	return database.Standing{Live: found[0], Staging: found[1], Previous: found[2]}, nil
}

// network says whether a directory is on a file system of that kind.
func network(kind int64) bool {
	const nfs, smb, cifs, smb2 = 0x6969, 0x517b, 0xff534d42, 0xfe534d42
	return slices.Contains([]int64{nfs, smb, cifs, smb2}, kind&0xffffffff)
}
