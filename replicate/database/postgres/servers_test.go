package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"failoverd/internal/dbserver"
	"failoverd/replicate/database"
)

// The accounts of the tests' servers: the superuser, failoverd's own, which is none, and the application's, which
// owns the company.
const (
	administrator = "postgres"
	engineer      = "failoverd"
	application   = "app"
	// password is everybody's, with what has to be quoted in URLs, shells and files of passwords.
	password = `s3cret:/?#@ \'"$x`
)

// servers are a source and a target, with a desk from which both are administered.
type servers struct {
	source, target *dbserver.Postgres
	desk           *desk
	oneWay         bool // the target is newer
}

// versions is the environment variable that names the directories of the programs of the source and of the target, with a
// colon between them: the same tests on other versions of PostgreSQL (make test-versions). The newest that
// Debian has installed if it is empty.
const versions = "FAILOVERD_TEST_POSTGRES"

// startServers starts both. The context of a test ends before its cleanups, so they have their own.
func startServers(t *testing.T) servers {
	t.Helper()
	source, target, _ := strings.Cut(os.Getenv(versions), ":")
	s := servers{source: startServer(t, source), target: startServer(t, target), desk: &desk{conns: map[string]*pgconn.PgConn{}}}
	t.Cleanup(s.desk.close)
	s.oneWay = versionOf(t, s.source) < versionOf(t, s.target)
	return s
}

func startServer(t *testing.T, programs string) *dbserver.Postgres {
	t.Helper()
	p, err := dbserver.StartPostgres(t.Context(), dbserver.Dir(t), dbserver.PostgresOptions{
		Programs: programs,
		Password: password,
		Settings: map[string]string{"max_connections": "50", "log_statement": "none"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	reads := "app, pg_read_all_data"
	if !readsAll(t, p) {
		reads = "app" // which owns everything that there is to read
	}
	_, err = ask(t.Context(), p.DSN(administrator), administrator, "postgres", fmt.Sprintf(`
		CREATE ROLE app LOGIN PASSWORD %[1]s;
		CREATE ROLE reader NOLOGIN;
		CREATE ROLE failoverd LOGIN CREATEDB PASSWORD %[1]s IN ROLE %[2]s, pg_signal_backend`, quote(password), reads))
	must(t, err)
	return p
}

// versionOf is a server's version.
func versionOf(t *testing.T, p *dbserver.Postgres) int {
	t.Helper()
	rows, err := ask(t.Context(), p.DSN(administrator), administrator, "postgres", "SELECT current_setting('server_version_num')::integer / 10000")
	must(t, err)
	n, err := strconv.Atoi(rows[0][0])
	must(t, err)
	return n
}

// readsAll says whether a server has the role that reads everything, as PostgreSQL 14 and later have.
func readsAll(t *testing.T, p *dbserver.Postgres) bool {
	t.Helper()
	rows, err := ask(t.Context(), p.DSN(administrator), administrator, "postgres", "SELECT 1 FROM pg_roles WHERE rolname = 'pg_read_all_data'")
	must(t, err)
	return len(rows) > 0
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// end is a server's catalog as failoverd's account sees it.
func end(host string, p *dbserver.Postgres, catalog string) database.End {
	return database.End{
		Host: host, DSN: p.DSN(engineer), Catalog: catalog,
		Password: func() (string, error) { return password, nil },
	}
}

// session is a plain connection of a user.
func session(ctx context.Context, dsn, user, catalog string) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.User, config.Password, config.Database = user, password, catalog
	config.RuntimeParams["application_name"] = "test"
	return pgconn.ConnectConfig(ctx, config)
}

// ask runs a script as a user, in a connection of its own, and gives the rows of its last query.
func ask(ctx context.Context, dsn, user, catalog, script string) ([][]string, error) {
	conn, err := session(ctx, dsn, user, catalog)
	if err != nil {
		return nil, err
	}
	results, err := conn.Exec(ctx, script).ReadAll()
	if err = errors.Join(err, conn.Close(ctx)); err != nil || len(results) == 0 {
		return nil, err
	}
	return rowsOf(results[len(results)-1]), nil
}

// rowsOf are the rows of a result, as the suite wants to see them.
func rowsOf(result *pgconn.Result) [][]string {
	var rows [][]string
	for _, values := range result.Rows {
		row := make([]string, len(values))
		for i, value := range values {
			row[i] = shown(result.FieldDescriptions[i].DataTypeOID, value)
		}
		rows = append(rows, row)
	}
	return rows
}

// shown is a value as the suite wants to see it.
func shown(typ uint32, value []byte) string {
	const bytea = 17
	switch {
	case value == nil:
		return "NULL"
	case typ == bytea:
		return strings.ToUpper(strings.TrimPrefix(string(value), `\x`))
	}
	return string(value)
}

// administer runs a script as the superuser.
func (s servers) administer(ctx context.Context, p *dbserver.Postgres, catalog, script string) error {
	_, err := s.superuser(ctx, p.DSN(engineer), catalog, script)
	return err
}

// superuser asks as the superuser, from the desk if it is about no catalog of ours.
func (s servers) superuser(ctx context.Context, dsn, catalog, script string) ([][]string, error) {
	if catalog == "postgres" {
		return s.desk.ask(ctx, dsn, script)
	}
	return ask(ctx, dsn, administrator, catalog, script)
}

// found asks as the superuser for one column.
func (s servers) found(ctx context.Context, dsn, catalog, query string) ([]string, error) {
	rows, err := s.superuser(ctx, dsn, catalog, query)
	var column []string
	for _, row := range rows {
		column = append(column, row[0])
	}
	return column, err
}

// running lists what failoverd has running at a server, after it had time to end.
func (s servers) running(ctx context.Context, p *dbserver.Postgres) ([]string, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); ; <-tick.C {
		left, err := s.found(ctx, p.DSN(engineer), "postgres", `SELECT concat_ws(' ', datname, state, query) FROM pg_stat_activity
			WHERE application_name = 'failoverd' OR usename = 'failoverd'`)
		if err != nil || len(left) == 0 || time.Now().After(deadline) {
			return left, err
		}
	}
}
