package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"failoverd/replicate/database"
)

// Engine copies the databases of SQLite.
type Engine struct{ pages *pages }

var _ database.Engine = Engine{}

// New makes the engine. It needs nothing: a database is a file.
func New() Engine { return Engine{pages: newPages()} }

// at wraps an error with the end at which it happened, and passes nil.
func at(end database.End, doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s at %s: %w", doing, end.Host, err)
}

// cause prefers the reason for which a context ended to the error that came of it, and has a full disk say so.
func cause(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if reason := context.Cause(ctx); reason != nil {
		return reason
	}
	if full(err) {
		return fmt.Errorf("no space left on the disk: %w", err)
	}
	return err
}

// target opens the place of a pair's target.
func target(p database.Pair) (*place, error) { return open(p.Target, p.Names.Live) }

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

// ident quotes a name for a statement.
func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
