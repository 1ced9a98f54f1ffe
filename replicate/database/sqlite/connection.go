package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// connection is one connection to a database file.
type connection struct {
	db       *sql.DB
	conn     *sql.Conn
	patience time.Duration // how long a lock of somebody else is waited for
}

// busyFor is how long SQLite itself waits for a lock; ctx is looked at in between.
const busyFor = 200 * time.Millisecond

// atWork is how long a lock is waited for where whoever holds it for longer is not to be disturbed.
const atWork = 2 * time.Second

// readOnly is the option of a connection that writes nothing.
const readOnly = "_pragma=query_only(1)"

// source is a file as the driver names it. The file must exist: none is ever made by opening it.
func source(path string, options ...string) string {
	options = append(options, "mode=rw", fmt.Sprintf("_busy_timeout=%d", busyFor.Milliseconds()))
	u := url.URL{Scheme: "file", Path: path, RawQuery: strings.Join(options, "&")}
	return u.String()
}

// connect opens a file.
func connect(ctx context.Context, path string, options ...string) (*connection, error) {
	db, err := sql.Open("sqlite", source(path, options...))
	if err != nil {
		return nil, err
	}
	return adopt(ctx, db, path)
}

// adopt makes a file that has been named to a driver a connection, and reads its header.
func adopt(ctx context.Context, db *sql.DB, path string) (c *connection, err error) {
	db.SetMaxOpenConns(1)
	c = &connection{db: db, patience: 15 * time.Second}
	if c.conn, err = db.Conn(ctx); err == nil {
		var n int64
		err = c.waiting(ctx, func() error {
			return c.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
		})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, cause(ctx, err)), c.close())
	}
	return c, nil
}

// look opens a file to read it, as every application does: what a crash has left beside it is folded in.
func look(ctx context.Context, path string) (*connection, error) {
	return connect(ctx, path, readOnly)
}

// close closes it; the last one to leave folds the log into the file.
func (c *connection) close() error {
	var err error
	if c.conn != nil {
		err = c.conn.Close()
	}
	return errors.Join(err, c.db.Close())
}

// exec runs a statement.
func (c *connection) exec(ctx context.Context, statement string, args ...any) error {
	return cause(ctx, c.waiting(ctx, func() error {
		_, err := c.conn.ExecContext(ctx, statement, args...)
		return err
	}))
}

// number asks for one number.
func (c *connection) number(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = c.conn.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, cause(ctx, err)
}

// each goes through the rows of a query.
func (c *connection) each(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	rows, err := c.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return cause(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return cause(ctx, err)
		}
	}
	return cause(ctx, rows.Err())
}

// waiting does something again while a lock of somebody else stands in its way.
func (c *connection) waiting(ctx context.Context, do func() error) error {
	deadline := time.Now().Add(c.patience)
	for {
		err := do()
		if !busy(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}

// code is SQLite's number for an error, 0 if it is none of SQLite's.
func code(err error) int {
	var fault *sqlite.Error
	if errors.As(err, &fault) {
		return fault.Code()
	}
	return 0
}

// busy says whether a lock of somebody else stands in the way.
func busy(err error) bool { return code(err)&0xff == codes.SQLITE_BUSY }

// full says whether there was no room for something. A log's index for which there is none has an error of its own.
func full(err error) bool {
	c := code(err)
	return c&0xff == codes.SQLITE_FULL || c == codes.SQLITE_IOERR_SHMSIZE
}
