package mysql

import (
	"context"
	"fmt"
	"strings"

	"failoverd/replicate/database"
)

// Engine copies catalogs of MariaDB and MySQL.
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

// cause prefers the reason for which a context has ended to what came of it.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ident quotes a name for a statement.
func ident(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// of is an object of a schema, quoted.
func of(schema, name string) string { return ident(schema) + "." + ident(name) }

// quote quotes a text for a statement in a session of ours, in whose SQL mode backslashes escape.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
