package sqlserver

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// site is two servers, of which the suite takes one for the primary's and one for the standby's.
type site struct {
	source, target database.End
	others         []database.End // that stand in for the target in some stories
}

// fixture gives the suite what it needs of a site.
func (s site) fixture() enginetest.Fixture {
	return enginetest.Fixture{
		Engine:      New(),
		Dialect:     dialect(),
		NewPair:     s.newPair,
		Exec:        execute,
		Query:       query,
		Catalogs:    catalogs,
		Recreate:    recreate,
		Hold:        hold,
		Traces:      s.traces,
		Unreachable: unreachable,
		Sever:       sever,
		// The two renames, and the time that a reader needs to be let in again.
		Gap: 2 * time.Second,
	}
}

func (s site) newPair(t *testing.T) database.Pair {
	t.Helper()
	p := database.Pair{Source: s.source, Target: s.target, Run: "run-" + strings.ToLower(rand.Text()[:8])}
	p.Source.Catalog = "app_" + strings.ToLower(rand.Text()[:8])
	p.Names = database.NamesOf(database.CopyOf("pbx", p.Source.Catalog))
	p.Target.Catalog = p.Names.Live
	if err := execute(t.Context(), p.Source, master, "CREATE DATABASE "+ident(p.Source.Catalog)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range []database.Names{database.NamesOf(p.Source.Catalog), p.Names} {
			for _, catalog := range []string{n.Live, n.Staging, n.Previous} {
				for _, end := range []database.End{p.Source, p.Target} {
					if err := drop(context.WithoutCancel(t.Context()), end, catalog); err != nil {
						t.Errorf("clean up: %v", err)
					}
				}
			}
		}
	})
	return p
}

// connect opens one connection beside the engine, by the driver's own means.
func connect(ctx context.Context, e database.End, catalog string) (*sql.DB, *sql.Conn, error) {
	u, err := url.Parse(e.DSN)
	if err != nil {
		return nil, nil, err
	}
	secret, err := e.Password()
	if err != nil {
		return nil, nil, err
	}
	u.User = url.UserPassword(u.User.Username(), secret)
	u.Path = ""
	values := u.Query()
	values.Set("database", catalog)
	values.Set("app name", "suite")
	u.RawQuery = values.Encode()
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		return nil, nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, conn, nil
}

func execute(ctx context.Context, e database.End, catalog, script string) error {
	db, conn, err := connect(ctx, e, catalog)
	if err != nil {
		return err
	}
	defer db.Close()
	defer conn.Close()
	return runScript(ctx, conn, script)
}

// runScript runs a script batch by batch, and stops at the first error.
func runScript(ctx context.Context, conn *sql.Conn, script string) error {
	list, err := batches(script)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "SET XACT_ABORT ON"); err != nil {
		return err
	}
	for _, b := range list {
		for range b.times {
			if _, err := conn.ExecContext(ctx, b.text); err != nil {
				return fmt.Errorf("%w: %.300s", err, b.text)
			}
		}
	}
	return nil
}

func query(ctx context.Context, e database.End, catalog, question string) ([][]string, error) {
	db, conn, err := connect(ctx, e, catalog)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	defer conn.Close()
	rows, err := conn.QueryContext(ctx, question)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	var list [][]string
	for rows.Next() {
		values, targets := make([]any, len(types)), make([]any, len(types))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		line := make([]string, len(types))
		for i, v := range values {
			line[i] = shown(v, types[i].DatabaseTypeName())
		}
		list = append(list, line)
	}
	return list, rows.Err()
}

// shown is a value as the suite wants it.
func shown(v any, kind string) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		if strings.HasSuffix(kind, "BINARY") || kind == "UNIQUEIDENTIFIER" {
			return fmt.Sprintf("%X", v)
		}
		return string(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

func catalogs(ctx context.Context, e database.End) ([]string, error) {
	rows, err := query(ctx, e, master, "SELECT name FROM sys.databases")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range rows {
		names = append(names, r[0])
	}
	return names, nil
}

// drop drops a catalog if it is there, when whoever is in it has gone: a backup that runs keeps it.
func drop(ctx context.Context, e database.End, catalog string) error {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for attempts := 400; ; attempts-- {
		err := dropNow(ctx, e, catalog)
		var said mssql.Error
		if err == nil || attempts == 0 || !errors.As(err, &said) || said.Number != 3702 {
			return err
		}
		<-again.C
	}
}

func dropNow(ctx context.Context, e database.End, catalog string) error {
	rows, err := query(ctx, e, master, "SELECT state_desc FROM sys.databases WHERE name = "+quote(catalog))
	if err != nil || len(rows) == 0 {
		return err
	}
	if rows[0][0] == "ONLINE" {
		if err := execute(ctx, e, master, singleUser(catalog)); err != nil {
			return err
		}
	}
	return execute(ctx, e, master, "DROP DATABASE "+ident(catalog))
}

func recreate(ctx context.Context, e database.End) error {
	if err := drop(ctx, e, e.Catalog); err != nil {
		return err
	}
	return execute(ctx, e, master, "CREATE DATABASE "+ident(e.Catalog))
}

func hold(ctx context.Context, e database.End, catalog, script string) (release func(), err error) {
	db, conn, err := connect(ctx, e, catalog)
	if err != nil {
		return nil, err
	}
	end := func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
		_ = conn.Close()
		_ = db.Close()
	}
	if err := runScript(ctx, conn, "BEGIN TRANSACTION;\n"+script); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// traces lists sessions of the engine, and files on the shelves. A server needs a moment to see that one has gone.
func (s site) traces(ctx context.Context, p database.Pair) ([]string, error) {
	const patience = 5 * time.Second
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		left, err := s.tracesNow(ctx, p)
		if err != nil || len(left) == 0 {
			return left, err
		}
		select {
		case <-deadline.C:
			return left, nil
		case <-again.C:
		}
	}
}

// whole is an end as it was before the suite spoiled its data source or its password.
func (s site) whole(e database.End) database.End {
	for _, good := range append([]database.End{s.source, s.target}, s.others...) {
		if good.Host == e.Host {
			e.DSN, e.Password = good.DSN, good.Password
		}
	}
	return e
}

func (s site) tracesNow(ctx context.Context, p database.Pair) ([]string, error) {
	var left []string
	for _, end := range []database.End{s.whole(p.Source), s.whole(p.Target)} {
		rows, err := query(ctx, end, master, "SELECT program_name FROM sys.dm_exec_sessions WHERE program_name LIKE N'failoverd%'")
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			// Pairs that are copied side by side have their own sessions; those without a run are anybody's.
			if r[0] == program || r[0] == label(p) {
				left = append(left, "session "+r[0]+" at "+end.Host)
			}
		}
		file, _, err := end.Shelf.Open(ctx, backupFile(p))
		if err == nil {
			left = append(left, "the file "+backupFile(p)+" at "+end.Host)
			_ = file.Close()
		}
	}
	return left, nil
}

// unreachable gives the same end at a port that nobody listens on.
func unreachable(e database.End) database.End {
	u, err := url.Parse(e.DSN)
	if err != nil {
		return e
	}
	u.Host = u.Hostname() + ":1"
	e.DSN = u.String()
	return e
}

// sever ends every session of the engine at an end's server.
func sever(ctx context.Context, e database.End) error {
	rows, err := query(ctx, e, master, "SELECT session_id FROM sys.dm_exec_sessions WHERE program_name LIKE N'failoverd%'")
	if err != nil {
		return err
	}
	for _, r := range rows {
		err := execute(ctx, e, master, "KILL "+r[0])
		var said mssql.Error
		if errors.As(err, &said) && said.Number == 6106 { // it has gone by itself
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}
