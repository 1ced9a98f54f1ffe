package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// Discard drops the staging.
func (Engine) Discard(ctx context.Context, p database.Pair) error {
	server, err := dialServer(ctx, p.Target)
	if err != nil {
		return err
	}
	defer hangUp(server)
	found, err := lookUp(ctx, server, p.Target, p.Names.Live, p.Names.Staging)
	if err != nil {
		return cause(ctx, err)
	}
	live, serving := found[p.Names.Live]
	if staging, staged := found[p.Names.Staging]; staged && serving && !staging.mark.Doomed {
		if err := closeRun(ctx, server, p.Target, p.Names.Live, live, staging.mark.Run); err != nil {
			return cause(ctx, err)
		}
	}
	return cause(ctx, dropStaging(ctx, server, p.Target, p.Names.Staging))
}

// drop drops a catalog and sends away who is in it. To drop none is no error.
func drop(ctx context.Context, server *pgx.Conn, end database.End, name string) error {
	if _, err := server.Exec(ctx, "DROP DATABASE IF EXISTS "+ident(name)+" WITH (FORCE)"); err != nil {
		if strings.Contains(err.Error(), "checkpoint request failed") { // which is all that the server says
			err = fmt.Errorf("%w: there may be no space left on its disk", err)
		}
		return at(end, "drop "+name, err)
	}
	return nil
}

// dropStaging drops a staging. The server makes a checkpoint before it drops a catalog, which fails on a full disk; so
// the large tables go first, which gives their room back at once.
func dropStaging(ctx context.Context, server *pgx.Conn, end database.End, name string) error {
	found, err := lookUp(ctx, server, end, name)
	if err != nil {
		return err
	}
	if _, stands := found[name]; !stands {
		return nil
	}
	if err := empty(ctx, server, []string{name}); err != nil {
		return at(end, "end the sessions in "+name, err)
	}
	makeRoom(ctx, end, name)
	return drop(ctx, server, end, name)
}

// makeRoom drops the large tables of a catalog as far as it can. What is left is dropped with the catalog.
func makeRoom(ctx context.Context, end database.End, name string) {
	conn, err := dial(ctx, end, name)
	if err != nil {
		return // There is none, or it was half dropped before.
	}
	defer hangUp(conn)
	var tables []string
	err = conn.QueryRow(ctx, `SELECT ARRAY(SELECT format('%I.%I', n.nspname, c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND pg_table_size(c.oid) > 1 << 20
		ORDER BY pg_table_size(c.oid) DESC LIMIT 100)`).Scan(&tables)
	if err != nil {
		return
	}
	for _, table := range tables {
		_, _ = conn.Exec(ctx, "DROP TABLE IF EXISTS "+table+" CASCADE")
	}
}

func noteAndDrop(ctx context.Context, server *pgx.Conn, end database.End, name string, note func(string) error) error {
	if err := note("drop " + name); err != nil {
		return err
	}
	return cause(ctx, drop(ctx, server, end, name))
}
