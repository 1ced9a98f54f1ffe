package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"failoverd/internal/dbserver"
	"failoverd/replicate/database"
	"failoverd/replicate/database/mysql"
)

func mariadbKind() kind { return kind{name: "mysql", start: startMariaDB} }

// mariadbBed is two MariaDB servers with their defaults, and a binary log at both, as servers have that are replicated.
type mariadbBed struct {
	dir            string
	source, target *dbserver.MariaDB
}

func startMariaDB(ctx context.Context, dir string) (bed, error) {
	b := &mariadbBed{dir: dir}
	for _, server := range []struct {
		name string
		is   **dbserver.MariaDB
	}{{"source", &b.source}, {"target", &b.target}} {
		started, err := dbserver.StartMariaDB(ctx, filepath.Join(dir, server.name),
			dbserver.InstanceOptions{Durable: true, Settings: []string{"log-bin=binlog"}})
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
		*server.is = started
	}
	return b, nil
}

func (b *mariadbBed) Engine() database.Engine { return mysql.Engine{} }

func (b *mariadbBed) Pair() database.Pair {
	return database.Pair{
		Source: database.End{Host: "source", DSN: b.source.DSN("root"), Catalog: "bench"},
		Target: database.End{Host: "target", DSN: b.target.DSN("root"), Catalog: "copy"},
		Names:  database.NamesOf("copy"), Run: "bench",
	}
}

// Fill makes a table as pgbench's accounts, for nine tenths of the size, and one of text that nothing compresses.
func (b *mariadbBed) Fill(ctx context.Context, size int64) error {
	const account, noise = 135, 300 // bytes of a row in the server
	return ordered(ctx, b.source,
		`CREATE DATABASE bench CHARACTER SET utf8mb4`,
		`USE bench`,
		`CREATE TABLE accounts (aid int NOT NULL PRIMARY KEY, bid int, abalance int, filler char(84) CHARACTER SET latin1)`,
		fmt.Sprintf(`INSERT INTO accounts SELECT seq, 1 + seq DIV 100000, 0, '' FROM seq_1_to_%d`, size*9/10/account),
		`CREATE TABLE noise (id bigint NOT NULL PRIMARY KEY, at datetime NOT NULL, amount decimal(12,4) NOT NULL, text varchar(250), KEY at (at))`,
		fmt.Sprintf(`INSERT INTO noise SELECT seq, '2026-01-01' + INTERVAL seq SECOND, RAND() * 1000, HEX(RANDOM_BYTES(100)) FROM seq_1_to_%d`,
			size/10/noise),
		`CREATE VIEW noisy AS SELECT id, amount FROM noise WHERE amount > 500`,
		`ANALYZE TABLE accounts, noise`)
}

// Peers are MariaDB's dump and mydumper, into a schema that is made anew.
func (b *mariadbBed) Peers() []way {
	staging := b.Pair().Names.Staging
	create := func(ctx context.Context) error {
		return ordered(ctx, b.target, "CREATE DATABASE "+staging+" CHARACTER SET utf8mb4")
	}
	dump := filepath.Join(b.dir, "dump")
	from, to := portOf(b.source), portOf(b.target)
	// What an administrator has the servers do who wants to know whether everything has come, at both at once; and the
	// server's own check of what was written.
	sums := &check{name: "CHECKSUM TABLE of both sides, mariadb-check", do: func(ctx context.Context) error {
		return shell(ctx, `sums() { mariadb --no-defaults -uroot -h127.0.0.1 -P"$1" -N -e "CHECKSUM TABLE accounts, noise" "$2" | cut -f2; }
			both=$(sums "$1" bench & sums "$2" "$3"; wait); one=$(sort <<<"$both" | uniq -c)
			[[ $one && $(grep -vc "^ *2 [0-9]" <<<"$one") == 0 ]] || { echo "$one"; false; } >&2
			said=$(mariadb-check --no-defaults -uroot -h127.0.0.1 -P"$2" "$3") && [[ $(grep -vc " OK$" <<<"$said") == 0 ]] ||
				{ echo "$said"; false; } >&2`, from, to, staging)
	}}
	return []way{
		{name: "mariadb-dump, mariadb", check: sums, copy: func(ctx context.Context) error {
			if err := create(ctx); err != nil {
				return err
			}
			return shell(ctx, `mariadb-dump --no-defaults -uroot -h127.0.0.1 -P"$1" --single-transaction --quick --routines `+
				`--triggers --events bench | mariadb --no-defaults -uroot -h127.0.0.1 -P"$2" "$3"`, from, to, staging)
		}},
		{
			name: "mydumper -t2, myloader -t2", needs: []need{{"mydumper", "mydumper"}, {"myloader", "mydumper"}},
			check: sums,
			copy: func(ctx context.Context) (err error) {
				if err := create(ctx); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, os.RemoveAll(dump)) }()
				return shell(ctx, `mydumper -u root -h 127.0.0.1 -P "$1" -B bench -t 2 --rows 500000 -G -E -R -o "$4" && `+
					`myloader -u root -h 127.0.0.1 -P "$2" -B "$3" -t 2 -d "$4"`, from, to, staging, dump)
			},
		},
	}
}

// Settle writes out what both servers hold in memory, and drops their logs.
func (b *mariadbBed) Settle(ctx context.Context) error {
	for _, m := range []*dbserver.MariaDB{b.source, b.target} {
		if err := flushed(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// flushed waits until no page of a server is dirty.
func flushed(ctx context.Context, m *dbserver.MariaDB) (err error) {
	if err := ordered(ctx, m, `RESET MASTER`, `SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0`, `SET GLOBAL innodb_max_dirty_pages_pct = 0`); err != nil {
		return err
	}
	db, err := sql.Open("mysql", m.DSN("root"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 1200 {
		var dirty int
		var name string
		if err := db.QueryRowContext(ctx, `SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'`).Scan(&name, &dirty); err != nil {
			return err
		}
		if dirty == 0 {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return ordered(ctx, m, `SET GLOBAL innodb_max_dirty_pages_pct = DEFAULT`, `SET GLOBAL innodb_max_dirty_pages_pct_lwm = DEFAULT`)
}

func (b *mariadbBed) Close() error {
	var errs []error
	for _, server := range []*dbserver.MariaDB{b.source, b.target} {
		if server != nil {
			errs = append(errs, server.Kill())
		}
	}
	return errors.Join(errs...)
}

func portOf(m *dbserver.MariaDB) string {
	_, port, _ := net.SplitHostPort(m.Address()) // It is one of ours.
	return port
}

// ordered executes statements one after the other, in a connection that it closes again.
func ordered(ctx context.Context, m *dbserver.MariaDB, statements ...string) (err error) {
	connector, err := (&driver.MySQLDriver{}).OpenConnector(m.DSN("root"))
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.60s: %w", statement, err)
		}
	}
	return nil
}
