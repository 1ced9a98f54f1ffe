package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"failoverd/replicate/database"
)

// Engine is the engine of SQLite databases.
type Engine struct{ pages *pages }

var _ database.Engine = Engine{}

// New makes the engine. It needs nothing: a database is a file.
func New() Engine { return Engine{pages: newPages()} }

// at wraps an error with the end at which it happened, and passes nil.
func at(e database.End, doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s at %s: %w", doing, e.Host, err)
}

// target opens the place of a pair's target.
func target(p database.Pair) (*place, error) { return open(p.Target, p.Names.Live) }

// Discard drops the staging, and every file of a run that nobody links to.
func (Engine) Discard(ctx context.Context, p database.Pair) error {
	err := at(p.Target, "discard "+p.Names.Staging, discard(ctx, p))
	if m := far(p.Source); m != nil {
		err = errors.Join(err, at(p.Source, "discard what was made of "+p.Source.Catalog, m.Sweep(ctx, travels(p))))
	}
	return err
}

func discard(ctx context.Context, p database.Pair) (err error) {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	t, err := target(p)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.unlink(p.Names.Staging); err != nil {
		return err
	}
	return t.sweep(p.Names)
}

// gone passes an error, except that there is no such file.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// regular says whether a name in a root is a file, and no link.
func regular(root *os.Root, name string) (bool, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return false, gone(err)
	}
	return info.Mode().IsRegular(), nil
}
