package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	mysql "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"failoverd/internal/dbserver"
	"failoverd/internal/site"
	"failoverd/internal/tdstest"
)

// databases are the servers of one engine in a company: one at pbx, one at the standby.
type databases interface {
	// config is the section databases of pbx, which has one catalog, calls.
	config() string
	// create makes the catalog calls at the primary.
	create(t *testing.T)
	// at opens a catalog at one of the two as an application does.
	at(t *testing.T, end hostEnd, catalog string) *sql.DB
	// named lists the catalogs at one of the two whose names begin so.
	named(t *testing.T, end hostEnd, prefix string) []string
	// die and back are what happens to the primary's server with its host.
	die() error
	back() error
	// quiet waits until nothing of a daemon that was killed is at work at one of the two any more: a server comes to the
	// end of the statement that it was given, and one of a swap's sends away who is in a catalog.
	quiet(t *testing.T, end hostEnd)
}

// hostEnd is one of the two hosts.
type hostEnd int

const (
	primary hostEnd = iota
	secondary
)

// mountedFiles are SQLite's databases: pbx's directory as the standby has it mounted, and the standby's own.
type mountedFiles struct{ mount, copies string }

func newFiles(t *testing.T, c *company) databases {
	t.Helper()
	f := mountedFiles{filepath.Join(c.Dir, "mnt-pbx"), filepath.Join(c.Dir, "copies")}
	for _, dir := range []string{f.mount, f.copies} {
		ok(t, os.Mkdir(dir, 0o700))
	}
	return f
}

func (f mountedFiles) config() string {
	return fmt.Sprintf(`databases:
  - name: calls
    engine: sqlite
    primary: {dsn: %q}
    standby: {dsn: %q}
    replicate_daily: "03:30"
`, f.mount+"/", f.copies+"/")
}

func (f mountedFiles) create(*testing.T) {} // SQLite makes a file when it is written to.

func (f mountedFiles) at(t *testing.T, end hostEnd, catalog string) *sql.DB {
	t.Helper()
	dir := map[hostEnd]string{primary: f.mount, secondary: f.copies}[end]
	return open(t, "sqlite", "file:"+filepath.Join(dir, catalog+".db")+"?_pragma=busy_timeout(5000)")
}

func (f mountedFiles) named(t *testing.T, end hostEnd, prefix string) []string {
	t.Helper()
	var names []string
	for _, catalog := range []string{prefix, prefix + "__new", prefix + "__prev"} {
		dir := map[hostEnd]string{primary: f.mount, secondary: f.copies}[end]
		if _, err := os.Lstat(filepath.Join(dir, catalog+".db")); err == nil {
			names = append(names, catalog)
		}
	}
	return names
}

// die takes the mount away, and back brings it again.
func (f mountedFiles) die() error  { return os.Rename(f.mount, f.mount+".gone") }
func (f mountedFiles) back() error { return os.Rename(f.mount+".gone", f.mount) }

// quiet has nothing to wait for: what a process has open goes with it.
func (f mountedFiles) quiet(*testing.T, hostEnd) {}

// network are two database servers, each behind the address of its host in the lab.
type network struct {
	company       *company
	engine        string
	dsn           func(address, catalog string) string // as the configuration has it
	connect       func(address, catalog string) (driver, dsn string)
	admin         string    // a catalog that is always there
	list          string    // the query that lists the catalogs
	sessions      string    // the query that counts the daemon's sessions
	address       string    // of the primary's server; pbx's own unless it moves
	servers       [2]string // where they listen on the machine
	more          [2]string // what else the configuration says of each
	crash         func() error
	restart       func(context.Context) error // of the primary's server, after a crash
	relay, second *site.Relay
	port          string
}

func newNetwork(t *testing.T, c *company, n *network) databases {
	t.Helper()
	n.company = c
	if n.address == "" {
		n.address = site.PBXAddress
	}
	ok(t, n.back())
	var err error
	n.second, err = site.NewRelay(c.Standby, "127.0.0.1:"+n.port, n.servers[secondary])
	ok(t, err)
	t.Cleanup(func() { ok(t, errors.Join(n.die(), n.second.Close())) })
	return n
}

func newPostgres(t *testing.T, c *company) databases {
	t.Helper()
	return newPostgresAt(t, c, site.PBXAddress)
}

// newPostgresAt has the primary's server listen at an address of pbx.
func newPostgresAt(t *testing.T, c *company, address string) databases {
	t.Helper()
	n := &network{
		address: address,
		engine:  "postgres", port: "5432", admin: "postgres", list: "SELECT datname FROM pg_database",
		sessions: "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'failoverd'",
		dsn:      func(address, catalog string) string { return "postgres://postgres@" + address + "/" + catalog },
		connect: func(address, catalog string) (string, string) {
			return "pgx", "postgres://postgres@" + address + "/" + url.PathEscape(catalog) + "?sslmode=disable"
		},
	}
	for i := range n.servers {
		s, err := dbserver.StartPostgres(c.waiting(), dbserver.Dir(t), dbserver.PostgresOptions{})
		ok(t, err)
		t.Cleanup(func() { ok(t, s.Kill()) })
		n.servers[i] = s.Address()
		if hostEnd(i) == primary {
			n.crash, n.restart = s.Kill, s.Start
		}
	}
	return newNetwork(t, c, n)
}

func newMariaDB(t *testing.T, c *company) databases {
	t.Helper()
	address := func(address, catalog string) string { return "root@tcp(" + address + ")/" + catalog }
	n := &network{
		engine: "mysql", port: "3306", dsn: address, list: "SHOW DATABASES",
		sessions: "SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = 'root' AND ID <> CONNECTION_ID()",
		connect: func(at, catalog string) (string, string) {
			o, err := mysql.ParseDSN(address(at, catalog))
			ok(t, err)
			return "mysql", o.FormatDSN()
		},
	}
	for i := range n.servers {
		s, err := dbserver.StartMariaDB(c.waiting(), dbserver.Dir(t), dbserver.InstanceOptions{})
		ok(t, err)
		t.Cleanup(func() { ok(t, s.Kill()) })
		n.servers[i] = s.Address()
		if hostEnd(i) == primary {
			n.crash, n.restart = s.Kill, s.Start
		}
	}
	return newNetwork(t, c, n)
}

// newSQLServer are two stand-ins for a SQL Server, with a directory of backup files each that the standby sees as well.
func newSQLServer(t *testing.T, c *company) databases {
	t.Helper()
	s := trialServer(t, "PBX")
	return newSQLServers(t, c, s, fmt.Sprintf("{server: %q, path: %q}", s.BackupDir, s.BackupDir))
}

// newSQLServers are the one of pbx, with its backups as the configuration has them, and one at the standby.
func newSQLServers(t *testing.T, c *company, pbx *tdstest.Server, backups string) databases {
	t.Helper()
	n := &network{
		engine: "sqlserver", port: "1433", admin: "master", list: "SELECT name FROM sys.databases",
		sessions: "SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE program_name LIKE N'failoverd%'",
		dsn: func(address, catalog string) string {
			return "sqlserver://fo@" + address + "/" + strings.TrimPrefix(catalog, "master") + "?encrypt=disable"
		},
		connect: func(address, catalog string) (string, string) {
			u := url.URL{
				Scheme: "sqlserver", Host: address, User: url.UserPassword("fo", trialPassword),
				RawQuery: url.Values{"encrypt": {"disable"}, "database": {catalog}}.Encode(),
			}
			return "sqlserver", u.String()
		},
	}
	secret := secretFile(t, trialPassword)
	own := trialServer(t, "STANDBY")
	n.servers = [2]string{pbx.Addr, own.Addr}
	n.more = [2]string{
		fmt.Sprintf(", password: {file: %q}, backups: %s", secret, backups),
		fmt.Sprintf(", password: {file: %q}, backups: {server: %q, path: %q}", secret, own.BackupDir, own.BackupDir),
	}
	return newNetwork(t, c, n)
}

func (n *network) config() string {
	return fmt.Sprintf(`databases:
  - name: calls
    engine: %s
    primary: {dsn: %q%s}
    standby: {dsn: %q%s}
    replicate_daily: "03:30"
`, n.engine, n.dsn(net.JoinHostPort(n.address, n.port), "calls"), n.more[primary], n.dsn("127.0.0.1:"+n.port, n.admin), n.more[secondary])
}

func (n *network) create(t *testing.T) {
	t.Helper()
	execute(t, n.at(t, primary, n.admin), "CREATE DATABASE calls")
}

func (n *network) at(t *testing.T, end hostEnd, catalog string) *sql.DB {
	t.Helper()
	driver, dsn := n.connect(n.servers[end], catalog)
	return open(t, driver, dsn)
}

func (n *network) named(t *testing.T, end hostEnd, prefix string) []string {
	t.Helper()
	db := n.at(t, end, n.admin)
	found, err := db.QueryContext(t.Context(), n.list)
	ok(t, err)
	var names []string
	for found.Next() {
		var name string
		ok(t, found.Scan(&name))
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	ok(t, errors.Join(found.Err(), found.Close(), db.Close()))
	slices.Sort(names)
	return names
}

// die hangs up on everybody: the host is gone. Its server's files stay as they are.
func (n *network) die() error {
	if n.relay == nil {
		return nil
	}
	err := n.relay.Close()
	n.relay = nil
	return err
}

func (n *network) back() error {
	var err error
	n.relay, err = site.NewRelay(n.company.PBX.Host, net.JoinHostPort(n.address, n.port), n.servers[primary])
	return err
}

func (n *network) quiet(t *testing.T, end hostEnd) {
	t.Helper()
	db := n.at(t, end, n.admin)
	n.company.eventually("the daemon's sessions to have ended", func() bool {
		var sessions int
		ok(t, db.QueryRowContext(t.Context(), n.sessions).Scan(&sessions))
		return sessions == 0
	})
	ok(t, db.Close())
}

// open opens a catalog with one connection at a time, so that nothing of it is left behind.
func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	ok(t, err)
	db.SetMaxIdleConns(0)
	return db
}

// execute runs statements, one after the other, and closes the catalog.
func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	ok(t, db.Close())
}

// rows are the rows of calls, in order, as "1 anna 2 bert". It closes the catalog.
func rows(t *testing.T, db *sql.DB) string {
	t.Helper()
	got, err := db.QueryContext(t.Context(), "SELECT id, who FROM calls ORDER BY id, who")
	if err != nil {
		t.Fatalf("read calls: %v", err)
	}
	var list []string
	for got.Next() {
		var id int
		var who string
		ok(t, got.Scan(&id, &who))
		list = append(list, fmt.Sprint(id, " ", who))
	}
	ok(t, errors.Join(got.Err(), got.Close(), db.Close()))
	return strings.Join(list, ", ")
}
