package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// walk visits the regular files below a directory, those that lie near first, without following a link and without
// entering a share: what is on another host is that host's, and may be away. It says why it ended before everything
// was seen.
type walk struct {
	root    *os.Root
	shares  map[string]string // mount points that are not entered, and the types of their file systems
	depth   int
	entries int // that may still be looked at
	skipped []string
	denied  int
}

// newWalk opens a directory.
func newWalk(directory string, l limits) (*walk, error) {
	shares, err := sharesOf("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	for at, kind := range shares {
		if directory == at || strings.HasPrefix(directory, at+"/") {
			return nil, fmt.Errorf("it is on a share (%s), which is not looked at", kind)
		}
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, err
	}
	return &walk{root: root, shares: shares, depth: l.depth, entries: l.entries}, nil
}

// errEnough ends a walk on the side of who visits.
var errEnough = errors.New("there were too many files")

// run calls visit for each regular file, by its path below the directory.
func (w *walk) run(ctx context.Context, visit func(name string, info fs.FileInfo) error) error {
	level := []string{"."}
	for depth := 0; len(level) > 0; depth++ {
		if depth > w.depth {
			return fmt.Errorf("what lies more than %d directories deep was not looked at", w.depth)
		}
		var next []string
		for _, directory := range level {
			below, err := w.list(ctx, directory, visit)
			switch {
			case errors.Is(err, fs.ErrPermission):
				w.denied++
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP): // it went meanwhile
			case err != nil:
				return err
			}
			next = append(next, below...)
		}
		level = next
	}
	switch {
	case len(w.skipped) > 0:
		return fmt.Errorf("shares were not looked at: %s", strings.Join(w.skipped, ", "))
	case w.denied > 0:
		return fmt.Errorf("%d directories may not be read by the agent", w.denied)
	}
	return nil
}

// list visits one directory's files and returns its directories.
func (w *walk) list(ctx context.Context, directory string, visit func(string, fs.FileInfo) error) (below []string, err error) {
	const flags = os.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_NONBLOCK
	d, err := w.root.OpenFile(directory, flags, 0)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(256)
		for _, e := range entries {
			if ctx.Err() != nil {
				return below, errNoTime(ctx)
			}
			if w.entries--; w.entries < 0 {
				return below, errors.New("there were too many entries to look at all of them")
			}
			name := path.Join(directory, e.Name())
			switch {
			case e.IsDir():
				if kind := w.shares[path.Join(w.root.Name(), name)]; kind != "" {
					w.skipped = append(w.skipped, path.Join(w.root.Name(), name)+" ("+kind+")")
				} else {
					below = append(below, name)
				}
			case e.Type().IsRegular():
				// Not by the entry, whose path would be followed through whatever has become a link.
				info, err := w.root.Lstat(name)
				if err != nil || !info.Mode().IsRegular() {
					continue
				}
				if err := visit(name, info); err != nil {
					return below, err
				}
			}
		}
		if errors.Is(err, io.EOF) || len(entries) == 0 && err == nil {
			return below, nil
		}
		if err != nil {
			return below, err
		}
	}
}

func (w *walk) close() { _ = w.root.Close() }
