package mysql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	driverlib "github.com/go-sql-driver/mysql"

	"failoverd/internal/dbserver"
	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// password is failoverd's at both servers, with what has to be quoted.
const password = `s3cret:/?#@ \'"$x`

// servers are a source and a target.
type servers struct {
	source, target *dbserver.Instance
	what           server
}

// startServers starts two servers of the product that is installed.
func startServers(t *testing.T, settings ...string) servers {
	t.Helper()
	s := servers{source: startServer(t, settings...), target: startServer(t, settings...)}
	rows, err := ask(t.Context(), s.source.DSN("root"), "", "SELECT VERSION()")
	if err != nil {
		t.Fatal(err)
	}
	s.what = parseVersion(rows[0][0])
	return s
}

func (s servers) mariadb() bool { return s.what.mariadb }

// startServer starts a server with failoverd's account in it.
func startServer(t *testing.T, settings ...string) *dbserver.Instance {
	t.Helper()
	return startServerIn(t, dbserver.Dir(t), settings...)
}

// startServerIn starts it in a directory.
func startServerIn(t *testing.T, dir string, settings ...string) *dbserver.Instance {
	t.Helper()
	m, err := dbserver.StartInstalled(t.Context(), dir, dbserver.InstanceOptions{
		Settings: append([]string{"log-bin=binlog", "event_scheduler=ON"}, settings...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Kill(); err != nil {
			t.Error(err)
		}
	})
	script := "CREATE USER failoverd@127.0.0.1 IDENTIFIED BY " + quote(password) + "; GRANT ALL ON *.* TO failoverd@127.0.0.1"
	if _, err := ask(t.Context(), m.DSN("root"), "", script); err != nil {
		t.Fatal(err)
	}
	return m
}

// open opens a catalog as the application, which is the server's root here.
func open(dsn, catalog string) (*sql.DB, error) {
	c, err := driverlib.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	c.User, c.Passwd, c.DBName, c.MultiStatements, c.Collation = "root", "", catalog, true, "utf8mb4_general_ci"
	c.Logger = &driverlib.NopLogger{} // Connections are severed on purpose.
	connector, err := driverlib.NewConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

// ask runs a script, and gives the rows of its first statement.
func ask(ctx context.Context, dsn, catalog, script string) (all [][]string, err error) {
	db, err := open(dsn, catalog)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, script)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	values, into := make([]sql.RawBytes, len(types)), make([]any, len(types))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(types))
		for i, v := range values {
			row[i] = shown(types[i].DatabaseTypeName(), v)
		}
		all = append(all, row)
	}
	for rows.NextResultSet() {
	}
	return all, rows.Err()
}

// shown is a value as the suite wants to see it.
func shown(kind string, value []byte) string {
	switch {
	case value == nil:
		return "NULL"
	case strings.Contains(kind, "BLOB") || strings.Contains(kind, "BINARY") || kind == "BIT" || kind == "GEOMETRY":
		return fmt.Sprintf("%X", value)
	}
	return string(value)
}

func end(host string, m *dbserver.Instance, catalog string) database.End {
	return database.End{
		Host: host, DSN: m.DSN("failoverd"), Catalog: catalog,
		Password: func() (string, error) { return password, nil },
	}
}

// pair makes an empty catalog of the application, and says where its copy goes.
func (s servers) pair(t *testing.T) database.Pair {
	t.Helper()
	catalog := "Com`pa_ny " + strings.ToLower(rand.Text()[:8])
	live := database.CopyOf("pbx", catalog)
	p := database.Pair{
		Source: end("the source", s.source, catalog), Target: end("the target", s.target, live),
		Names: database.NamesOf(live), Run: "run-" + rand.Text()[:8],
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		for _, e := range []database.End{p.Source, p.Target} {
			for _, name := range []string{e.Catalog, e.Catalog + "__new", e.Catalog + "__prev"} {
				if _, err := ask(ctx, e.DSN, "", "DROP DATABASE IF EXISTS "+ident(name)); err != nil {
					t.Error(err)
				}
			}
		}
	})
	if _, err := ask(t.Context(), p.Source.DSN, "", "CREATE DATABASE "+ident(catalog)+" CHARACTER SET latin1"); err != nil {
		t.Fatal(err)
	}
	return p
}

// gap is how long a reader may be refused: on MySQL until he tries again after a deadlock.
func (s servers) gap() time.Duration {
	if s.mariadb() {
		return 0
	}
	return time.Second
}

func (s servers) fixture() enginetest.Fixture {
	return enginetest.Fixture{
		Engine: Engine{}, Dialect: s.dialect(), NewPair: s.pair, Gap: s.gap(),
		Exec: func(ctx context.Context, e database.End, catalog, script string) error {
			_, err := ask(ctx, e.DSN, catalog, script)
			return err
		},
		Query: func(ctx context.Context, e database.End, catalog, query string) ([][]string, error) {
			return ask(ctx, e.DSN, catalog, query)
		},
		Catalogs: func(ctx context.Context, e database.End) ([]string, error) {
			return columnOf(ctx, e.DSN, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
		},
		Recreate: func(ctx context.Context, e database.End) error {
			for _, statement := range []string{"DROP DATABASE " + ident(e.Catalog), "CREATE DATABASE " + ident(e.Catalog) + " CHARACTER SET latin1"} {
				if _, err := ask(ctx, e.DSN, "", statement); err != nil {
					return err
				}
			}
			return nil
		},
		Hold:   holdOpen,
		Traces: s.traces,
		Unreachable: func(e database.End) database.End {
			e.DSN = "failoverd@tcp(127.0.0.1:1)/"
			return e
		},
		Sever: func(ctx context.Context, e database.End) error {
			ids, err := columnOf(ctx, e.DSN, "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'failoverd'")
			for _, id := range ids {
				if _, killed := ask(ctx, e.DSN, "", "KILL "+id); number(killed) != noSuchThread {
					err = errors.Join(err, killed)
				}
			}
			return err
		},
		Poor: s.poor, FullDisk: fullDisk(s), Fill: s.fill,
	}
}

// columnOf asks for one column.
func columnOf(ctx context.Context, dsn, query string) ([]string, error) {
	rows, err := ask(ctx, dsn, "", query)
	var list []string
	for _, row := range rows {
		list = append(list, row[0])
	}
	return list, err
}

// holdOpen leaves a transaction of the application open.
func holdOpen(ctx context.Context, e database.End, catalog, script string) (func(), error) {
	db, err := open(e.DSN, catalog)
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, "START TRANSACTION; "+script); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() {
		_, _ = db.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // The server may have ended it.
		_ = db.Close()
	}, nil
}

// traces lists failoverd's sessions at both servers after they had time to end, and schemas and tables of its own that
// it has no use for any more.
func (s servers) traces(ctx context.Context, p database.Pair) ([]string, error) {
	var left []string
	for _, m := range []*dbserver.Instance{s.source, s.target} {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(5 * time.Second); ; <-tick.C {
			sessions, err := columnOf(ctx, m.DSN("root"), `SELECT CONCAT_WS(' ', COMMAND, STATE, INFO) FROM information_schema.PROCESSLIST WHERE USER IN ('failoverd', 'poor')`)
			if err != nil {
				return nil, err
			}
			if len(sessions) == 0 || time.Now().After(deadline) {
				left = append(left, sessions...)
				break
			}
		}
	}
	names, err := columnOf(ctx, s.target.DSN("root"), `SELECT SCHEMA_NAME FROM information_schema.SCHEMATA
		UNION SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'failoverd' AND TABLE_NAME <> 'copies'`)
	for _, name := range names {
		known := []string{p.Names.Live, p.Names.Staging, p.Names.Previous}
		if strings.HasPrefix(name, p.Names.Live) && !slices.Contains(known, name) || strings.HasSuffix(name, digest(p.Names.Live)) {
			left = append(left, name)
		}
	}
	return left, err
}

// poor is an account at the source that does not see procedures.
func (s servers) poor(t *testing.T, p database.Pair) (database.Pair, string) {
	t.Helper()
	script := "CREATE USER poor@127.0.0.1 IDENTIFIED BY " + quote(password) +
		"; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON " + need{"", p.Source.Catalog, "*"}.on() + " TO poor@127.0.0.1"
	if _, err := ask(t.Context(), p.Source.DSN, "", script); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := ask(context.Background(), p.Source.DSN, "", "DROP USER poor@127.0.0.1"); err != nil {
			t.Error(err)
		}
	})
	p.Source.DSN = s.source.DSN("poor")
	switch {
	case !s.mariadb():
		return p, "GRANT SHOW_ROUTINE ON *.* TO `poor`@`127.0.0.1`"
	case s.what.before(11, 3):
		return p, "GRANT SELECT ON `mysql`.`proc` TO `poor`@`127.0.0.1`"
	}
	return p, "GRANT SHOW CREATE ROUTINE ON " + need{"", p.Source.Catalog, "*"}.on() + " TO `poor`@`127.0.0.1`"
}

// TestEngine proves the contract on two servers.
func TestEngine(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, startServers(t).fixture())
}
