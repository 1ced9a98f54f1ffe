package sqlserver

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"failoverd/replicate/database"
)

// master is where failoverd connects unless it needs to be in a catalog.
const master = "master"

// program is how failoverd's sessions call themselves; those of a run add its label.
const program = "failoverd"

// label names the sessions that carry long statements of one run, so that they can be found after a crash.
func label(p database.Pair) string {
	name := []rune(program + " " + p.Run + " " + p.Names.Live)
	return string(name[:min(len(name), 128)])
}

// session is one connection for one piece of work. It is closed for good afterwards: a connection on which something
// went wrong may still hold the old answer, and no other work may find it.
type session struct {
	host string
	db   *sql.DB
	conn *sql.Conn
	id   int64 // as the server counts its sessions
}

// open connects to a catalog of an end's server.
func open(ctx context.Context, e database.End, catalog, as string) (*session, error) {
	config, err := parameters(e, catalog, as)
	if err != nil {
		return nil, &database.UnreachableError{Host: e.Host, Err: err}
	}
	s := &session{host: e.Host, db: sql.OpenDB(connector{config})}
	if s.conn, err = s.db.Conn(ctx); err == nil {
		err = s.conn.QueryRowContext(ctx, "SELECT @@SPID").Scan(&s.id)
	}
	if err != nil {
		s.close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connect to %s: %w", e.Host, context.Cause(ctx))
		}
		if err = inWords(err); catalog != master && says(err, 4060) {
			return nil, fmt.Errorf("open %s at %s: %w", catalog, e.Host, err) // the server is there
		}
		return nil, &database.UnreachableError{Host: e.Host, Err: err}
	}
	return s, nil
}

// close ends the connection. What it would say is of no use to anybody.
func (s *session) close() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	_ = s.db.Close()
}

// exec runs a batch. The error says what was being done and at which end, and is the context's cause when it ended.
func (s *session) exec(ctx context.Context, doing, batch string, args ...any) error {
	_, err := s.conn.ExecContext(ctx, batch, args...)
	return s.failed(ctx, doing, err)
}

// row is a row of a result by the names of its columns, because later versions of a server add columns.
type row map[string]any

// query asks, and gives every row.
func (s *session) query(ctx context.Context, doing, query string, args ...any) ([]row, error) {
	list, err := s.ask(ctx, query, args...)
	return list, s.failed(ctx, doing, err)
}

func (s *session) ask(ctx context.Context, query string, args ...any) ([]row, error) {
	rows, err := s.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var list []row
	for rows.Next() {
		values, targets := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		r := row{}
		for i, name := range names {
			r[strings.ToLower(name)] = values[i]
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// one asks for exactly one row.
func (s *session) one(ctx context.Context, doing, query string, args ...any) (row, error) {
	list, err := s.query(ctx, doing, query, args...)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("%s at %s: %d rows in place of one", doing, s.host, len(list))
	}
	return list[0], nil
}

// failed puts an error of the server into words.
func (s *session) failed(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s at %s: %w", doing, s.host, context.Cause(ctx))
	}
	return fmt.Errorf("%s at %s: %w", doing, s.host, inWords(err))
}

// text is a column as text, "" for null. Numbers of many digits come as text from the server.
func (r row) text(name string) string {
	switch v := r[strings.ToLower(name)].(type) {
	case nil:
		return ""
	case string:
		return strings.TrimRight(v, " ")
	case []byte:
		return string(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case time.Time:
		return v.Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(v)
	}
}

// number is a column as a whole number, 0 for null and for what is none.
func (r row) number(name string) int64 {
	n, err := strconv.ParseInt(r.text(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// truth is a column of a bit, or of a number that is not 0.
func (r row) truth(name string) bool { return r.number(name) != 0 }
