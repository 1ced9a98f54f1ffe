package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// Engine copies the catalogs of PostgreSQL. The zero value finds pg_dump and pg_restore itself.
type Engine struct {
	Programs string // the directory of pg_dump and pg_restore; those that fit both servers are looked for if empty
	Streams  int    // tables that travel at a time, and parts of tables that are summed up; 2 if 0
	Pages    int64  // pages of a large table that are summed up at a time; 256 MiB of 8 KiB each if 0
}

var _ database.Engine = Engine{}

// streams is how many tables, or parts of them, are read at a time.
func (e Engine) streams() int {
	if e.Streams > 0 {
		return e.Streams
	}
	return 2
}

// pages is how large a part of a table is.
func (e Engine) pages() int64 {
	if e.Pages > 0 {
		return e.Pages
	}
	return 32 << 10
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
func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

// quote quotes a text for a statement. standard_conforming_strings is on in every session of ours.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
