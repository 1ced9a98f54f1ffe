package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	driverlib "github.com/go-sql-driver/mysql"

	"failoverd/replicate/database"
)

// Engine copies the catalogs of MariaDB and MySQL.
type Engine struct {
	Streams int // parts of tables that travel at a time; 2 if 0
}

var _ database.Engine = Engine{}

// streams is how many parts of tables travel at a time.
func (e Engine) streams() int {
	if e.Streams > 0 {
		return e.Streams
	}
	return 2
}

// at says at which end something was done.
func at(end database.End, what string, err error) error {
	return fmt.Errorf("%s: %s: %w", end.Host, what, err)
}

// cause prefers the reason for which a context has ended to what came of it, and has a full disk say so.
func cause(ctx context.Context, err error) error {
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case full(err):
		return fmt.Errorf("no space left on the disk: %w", err)
	case stunted(err):
		return fmt.Errorf("there may be no space left on the disk: %w", err)
	}
	return err
}

// full says whether a server had no room for something: by an error of its own for that, or by the number of the
// operating system's (28) or of InnoDB's (135) in the text of another one.
func full(err error) bool {
	var failed *driverlib.MySQLError
	if !errors.As(err, &failed) {
		return false
	}
	if failed.Number == diskFull || failed.Number == tableFull {
		return true
	}
	return slices.ContainsFunc([]string{"errno: 28 ", "errno: 135 ", "Errcode: 28 ", "error 28 ", "error 135 "}, func(word string) bool {
		return strings.Contains(failed.Message, word)
	})
}

// stunted says whether a server could not make a file longer. On a full disk MariaDB says that now and then, with a number for
// the reason that is none.
func stunted(err error) bool {
	var failed *driverlib.MySQLError
	return errors.As(err, &failed) && failed.Number == cannotGrow
}

// ident quotes a name for a statement.
func ident(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// of is an object of a schema, quoted.
func of(schema, name string) string { return ident(schema) + "." + ident(name) }

// quote quotes a text for a statement in a session of ours, in whose SQL mode backslashes escape.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
