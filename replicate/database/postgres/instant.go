package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// instant is a catalog at one instant: a transaction that sees it, which other sessions join.
type instant struct {
	end      database.End
	catalog  string
	conn     *pgx.Conn
	id       string // the exported snapshot
	at       time.Time
	identity string
	position string // pg_current_snapshot
}

// hold begins to look at a catalog as it is now.
func hold(ctx context.Context, end database.End, catalog string) (*instant, error) {
	conn, err := dial(ctx, end, catalog)
	if err != nil {
		return nil, err
	}
	i := &instant{end: end, catalog: catalog, conn: conn, at: time.Now()}
	if err := i.begin(ctx); err != nil {
		hangUp(conn)
		return nil, at(end, "hold an instant of "+catalog, err)
	}
	return i, nil
}

func (i *instant) begin(ctx context.Context) error {
	if _, err := i.conn.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`); err != nil {
		return err
	}
	return i.conn.QueryRow(ctx, `SELECT pg_export_snapshot(), pg_current_snapshot()::text, `+identityOf+`
		FROM pg_database d WHERE d.datname = current_database()`).Scan(&i.id, &i.position, &i.identity)
}

// identityOf tells a database from another one that has its name: the cluster's number and the database's in it.
const identityOf = `(SELECT system_identifier FROM pg_control_system()) || '/' || d.oid`

// release lets the instant go.
func (i *instant) release() { hangUp(i.conn) }

// join opens another session that sees the same instant.
func (i *instant) join(ctx context.Context) (*pgx.Conn, error) {
	conn, err := dial(ctx, i.end, i.catalog)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`,
		`SET TRANSACTION SNAPSHOT '` + i.id + `'`,
		`SET LOCAL lock_timeout = '` + lockTimeout + `'`,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			hangUp(conn)
			return nil, at(i.end, "join the instant of "+i.catalog, err)
		}
	}
	return conn, nil
}

// lock keeps tables from being altered or dropped before they have been read. A session that will read them locks them
// early as well: whoever wants to alter one later waits for the first, and all who come after him wait for him.
func (i *instant) lock(ctx context.Context, conn *pgx.Conn, tables []table) error {
	for some := range slices.Chunk(tables, lockedAtOnce) {
		names := make([]string, len(some))
		for k, t := range some {
			names[k] = "ONLY " + t.name
		}
		if _, err := conn.Exec(ctx, `LOCK TABLE `+strings.Join(names, ", ")+` IN ACCESS SHARE MODE`); err != nil {
			return at(i.end, "lock the tables against changes of their form", err)
		}
	}
	return nil
}

// lockedAtOnce bounds a statement, and for how many tables a server has room in every session's list of locks.
const lockedAtOnce = 500
