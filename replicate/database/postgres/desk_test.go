package postgres

import (
	"context"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// desk is the superuser's connections to the catalog postgres, one for each server. They stay open: the suite looks at
// both servers after every call, and a new session takes a server longer than what is asked in it.
type desk struct {
	mu    sync.Mutex
	conns map[string]*pgconn.PgConn // by data source
}

// ask runs a statement, once more in a new connection where the old one turns out to have gone with its server.
func (d *desk) ask(ctx context.Context, dsn, statement string) ([][]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	conn := d.conns[dsn]
	var results []*pgconn.Result
	var err error
	if conn != nil {
		results, err = conn.Exec(ctx, statement).ReadAll()
	}
	if conn == nil || conn.IsClosed() && ctx.Err() == nil {
		if conn, err = session(ctx, dsn, administrator, "postgres"); err != nil {
			return nil, err
		}
		d.conns[dsn] = conn
		results, err = conn.Exec(ctx, statement).ReadAll()
	}
	if err != nil || len(results) == 0 {
		return nil, err
	}
	return rowsOf(results[len(results)-1]), nil
}

// close hangs up.
func (d *desk) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for dsn, conn := range d.conns {
		_ = conn.Close(context.Background()) // Its server may have gone.
		delete(d.conns, dsn)
	}
}

// askAll asks several questions of a user's in one connection.
func askAll(ctx context.Context, dsn, user, catalog string, queries []string) ([][][]string, error) {
	conn, err := session(ctx, dsn, user, catalog)
	if err != nil {
		return nil, err
	}
	results, err := conn.Exec(ctx, strings.Join(queries, ";\n")).ReadAll()
	_ = conn.Close(ctx) // What it was asked has been answered, or not.
	var all [][][]string
	for _, result := range results {
		all = append(all, rowsOf(result))
	}
	return all, err
}
