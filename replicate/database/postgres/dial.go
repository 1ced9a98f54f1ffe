package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"failoverd/replicate/database"
)

// program is the name by which failoverd's sessions are told from all others.
const program = "failoverd"

// Codes of SQLSTATE on which something is decided.
const (
	noCatalog = "3D000"
	noRight   = "42501"
)

const (
	dialTimeout = 10 * time.Second
	// cancelDelay is how long a server may take to obey a cancel request before its connection is given up.
	cancelDelay = 5 * time.Second
	readBuffer  = 256 << 10
)

// neutral are the settings of our sessions: nothing that an administrator has set for people's sessions changes what
// we read, or ends what takes long.
func neutral() map[string]string {
	return map[string]string{
		"application_name": program, "client_encoding": "UTF8", "search_path": "",
		"datestyle": "ISO, YMD", "intervalstyle": "postgres", "timezone": "UTC", "extra_float_digits": "3",
		"xmloption": "content", "bytea_output": "hex", "row_security": "off", "jit": "off",
		"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
		"client_min_messages": "error", "default_transaction_read_only": "off",
	}
}

// config is how an end's catalog is connected to. Its password is in it.
func config(end database.End, catalog string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(end.DSN)
	if err != nil {
		return nil, at(end, "read the data source", err)
	}
	if end.Password != nil {
		if c.Password, err = end.Password(); err != nil {
			return nil, at(end, "read the password", err)
		}
	}
	c.Database = catalog
	c.ConnectTimeout = dialTimeout
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	maps.Copy(c.RuntimeParams, neutral())
	// What is cancelled ends at the server too, and not only here.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelDelay}
	}
	return c, nil
}

// dial connects to a catalog of an end, for work that must not depend on anybody's settings.
func dial(ctx context.Context, end database.End, catalog string) (*pgx.Conn, error) {
	c, err := config(end, catalog)
	if err != nil {
		return nil, err
	}
	return connect(ctx, end, c)
}

// dialPlain connects as an application would: with the search path and all else that the catalog sets.
func dialPlain(ctx context.Context, end database.End, catalog string) (*pgx.Conn, error) {
	c, err := config(end, catalog)
	if err != nil {
		return nil, err
	}
	for name := range neutral() {
		if name != "application_name" && name != "client_encoding" && name != "default_transaction_read_only" {
			delete(c.RuntimeParams, name)
		}
	}
	return connect(ctx, end, c)
}

func connect(ctx context.Context, end database.End, c *pgx.ConnConfig) (*pgx.Conn, error) {
	var between *sieve // of the last attempt, which is the one that has succeeded
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		between = newSieve(r)
		return pgproto3.NewFrontend(between, w)
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, context.Cause(ctx)
	case sqlState(err) == noCatalog:
		return nil, fmt.Errorf("%s: connect to %s: %w", end.Host, c.Database, err)
	case err != nil:
		return nil, &database.UnreachableError{Host: end.Host, Err: err}
	}
	conn.PgConn().CustomData()[sieveKey] = between
	if major(conn) >= 14 {
		// A statement of ours ends soon after we have died.
		if _, err := conn.Exec(ctx, `SET client_connection_check_interval = '2s'`); err != nil {
			hangUp(conn)
			return nil, at(end, "prepare the session", err)
		}
	}
	return conn, nil
}

// dialServer connects to a server for statements about its catalogs.
func dialServer(ctx context.Context, end database.End) (*pgx.Conn, error) {
	conn, err := dial(ctx, end, "postgres")
	if sqlState(err) == noCatalog {
		conn, err = dial(ctx, end, "template1")
	}
	if sqlState(err) == noCatalog {
		return nil, &database.UnreachableError{Host: end.Host, Err: err}
	}
	return conn, err
}

// hangUp ends a connection, which rolls back what it has not committed. Nil is none.
func hangUp(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelDelay)
	defer cancel()
	_ = conn.Close(ctx) // The server notices in any case.
}

// sqlState is the code of an error of the server, "" if it is not one.
func sqlState(err error) string {
	var failed *pgconn.PgError
	if errors.As(err, &failed) {
		return failed.Code
	}
	return ""
}

// major is the major version of a connection's server.
func major(conn *pgx.Conn) int {
	var n int
	_, _ = fmt.Sscanf(conn.PgConn().ParameterStatus("server_version"), "%d", &n)
	return n
}

// outside is an end's catalog as the programs of PostgreSQL take it: a data source without a password.
func outside(end database.End, catalog string) (string, error) {
	if !strings.HasPrefix(end.DSN, "postgres://") && !strings.HasPrefix(end.DSN, "postgresql://") {
		// Of a key that is given twice the last one counts.
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(catalog)
		return end.DSN + " dbname='" + quoted + "' application_name=" + program, nil
	}
	u, err := url.Parse(end.DSN)
	if err != nil {
		return "", at(end, "read the data source", err)
	}
	u.Path = "/" + catalog
	q := u.Query()
	q.Del("dbname")
	q.Set("application_name", program)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String(), nil
}
