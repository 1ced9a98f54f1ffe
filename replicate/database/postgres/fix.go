package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// fixed is what a staging holds after scripts have changed it, where that is not what the snapshot says.
type fixed struct {
	Objects map[string]int   `json:"objects"`
	Rows    map[string]int64 `json:"rows"` // of each table that they have touched; -1 if it is gone
}

// Fix runs a script in one transaction, and notes in it what it has touched.
func (e Engine) Fix(ctx context.Context, p database.Pair, script string) error {
	conn, err := dialPlain(ctx, p.Target, p.Names.Staging)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	if err := fix(ctx, conn, p, split(script)); err != nil {
		return cause(ctx, at(p.Target, "fix "+p.Names.Staging, err))
	}
	return nil
}

func fix(ctx context.Context, conn *pgx.Conn, p database.Pair, statements []string) error {
	if _, err := conn.Exec(ctx, `BEGIN`); err != nil {
		return err
	}
	before, err := shapes(ctx, conn)
	if err != nil {
		return err
	}
	for n, statement := range statements {
		_, err := conn.PgConn().Exec(ctx, statement).ReadAll()
		if err == nil && conn.PgConn().TxStatus() != 'T' {
			err = errors.New("it ends the transaction in which all of the script is done or nothing")
		}
		if err != nil {
			return fmt.Errorf("statement %d, %s: %w", n+1, short(statement), err)
		}
	}
	// What is deferred is done now, so that it is noted as well; and the script may have become somebody else.
	for _, statement := range []string{`SET CONSTRAINTS ALL IMMEDIATE`, `RESET SESSION AUTHORIZATION`, `RESET ROLE`, `SET LOCAL search_path = ''`} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := noteFixed(ctx, conn, p, before); err != nil {
		return fmt.Errorf("note what was fixed: %w", err)
	}
	_, err = conn.Exec(ctx, `COMMIT`)
	return err
}

// noteFixed adds what the transaction has done to the staging's mark.
func noteFixed(ctx context.Context, conn *pgx.Conn, p database.Pair, before map[string]string) error {
	found, err := lookUp(ctx, conn, p.Target, p.Names.Staging)
	if err != nil {
		return err
	}
	staging := found[p.Names.Staging]
	f := staging.mark.Fixed
	if f == nil {
		f = &fixed{Rows: map[string]int64{}}
	}
	if f.Objects, err = objects(ctx, conn); err != nil {
		return err
	}
	after, err := shapes(ctx, conn)
	if err != nil {
		return err
	}
	written, err := writtenHere(ctx, conn)
	if err != nil {
		return err
	}
	for name := range before {
		if _, there := after[name]; !there {
			f.Rows[name] = -1
		}
	}
	for name, shape := range after {
		if !written[name] && before[name] == shape {
			continue
		}
		var rows int64
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM ONLY `+name).Scan(&rows); err != nil {
			return err
		}
		f.Rows[name] = rows
	}
	staging.mark.Fixed = f
	statement, err := setMark(p.Names.Staging, staging.people, staging.mark)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return err
}

// shapes are the tables with what changes when one is emptied or altered: its file and its columns.
func shapes(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	return pairs(ctx, conn, `SELECT format('%I.%I', n.nspname, c.relname), concat(pg_relation_filenode(c.oid), ' ',
			(SELECT string_agg(attname || ' ' || atttypid, ',' ORDER BY attnum) FROM pg_attribute
				WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''))
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
			AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')`)
}

// writtenHere are the tables that this transaction has written to.
func writtenHere(ctx context.Context, conn *pgx.Conn) (map[string]bool, error) {
	found, err := pairs(ctx, conn, `SELECT format('%I.%I', schemaname, relname), '' FROM pg_stat_xact_user_tables
		WHERE n_tup_ins + n_tup_upd + n_tup_del > 0`)
	names := map[string]bool{}
	for name := range found {
		names[name] = true
	}
	return names, err
}

// pairs are the two columns of a query.
func pairs(ctx context.Context, conn *pgx.Conn, query string) (map[string]string, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	var key, value string
	_, err = pgx.ForEachRow(rows, []any{&key, &value}, func() error {
		found[key] = value
		return nil
	})
	return found, err
}

// short is the beginning of a statement on one line.
func short(statement string) string {
	words := strings.Join(strings.Fields(statement), " ")
	const most = 200
	if len(words) > most {
		return words[:most] + " ..."
	}
	return words
}
