package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"failoverd/replicate/database"
	"failoverd/replicate/database/sqlite"
)

func sqliteKind() kind { return kind{name: "sqlite", start: startSQLite} }

// sqliteBed is a database in WAL mode in one directory, whose copies are made in another one.
type sqliteBed struct{ source, target string }

func startSQLite(_ context.Context, dir string) (bed, error) {
	b := &sqliteBed{source: filepath.Join(dir, "source"), target: filepath.Join(dir, "target")}
	return b, errors.Join(os.Mkdir(b.source, 0o700), os.Mkdir(b.target, 0o700))
}

func (b *sqliteBed) Engine() database.Engine { return sqlite.New() }

func (b *sqliteBed) Pair() database.Pair {
	return database.Pair{
		Source: database.End{Host: "source", DSN: b.source + "/", Catalog: "bench"},
		Target: database.End{Host: "target", DSN: b.target + "/", Catalog: "copy"},
		Names:  database.NamesOf("copy"), Run: "bench",
	}
}

func (b *sqliteBed) file() string { return filepath.Join(b.source, "bench.db") }

// Fill makes a table of short rows for nine tenths of the size, and one of text that nothing compresses.
func (b *sqliteBed) Fill(ctx context.Context, size int64) error {
	const account, noise = 105, 270 // bytes of a row in the file
	return shell(ctx, `sqlite3 -bail "$1" "$2"`, b.file(), fmt.Sprintf(`
		PRAGMA journal_mode = WAL;
		CREATE TABLE accounts (aid INTEGER PRIMARY KEY, bid INTEGER, abalance INTEGER, filler TEXT);
		CREATE TABLE noise (id INTEGER PRIMARY KEY, at TEXT NOT NULL, amount REAL NOT NULL, text TEXT);
		WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO accounts SELECT i, 1 + i / 100000, 0, printf('%%84s', '') FROM n;
		WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO noise SELECT i, datetime(1767225600 + i, 'unixepoch'), abs(random() %% 1000), hex(randomblob(100)) FROM n;
		CREATE INDEX noise_at ON noise (at);
		CREATE VIEW noisy AS SELECT id, amount FROM noise WHERE amount > 500;
		PRAGMA wal_checkpoint(TRUNCATE);`, size*9/10/account, size/10/noise))
}

// Peers are what SQLite's own program has. Both leave a file that is on disk, under a name by which failoverd knows how
// to verify it and to remove it.
func (b *sqliteBed) Peers() []way {
	file := filepath.Join(b.target, "copy.failoverd-bench.db")
	link := filepath.Join(b.target, b.Pair().Names.Staging+".db")
	shellOf := []need{{"sqlite3", "sqlite3"}}
	integrity := &check{name: "PRAGMA integrity_check", do: func(ctx context.Context) error {
		return shell(ctx, `[[ $(sqlite3 -bail "$1" "PRAGMA integrity_check") == ok ]]`, file)
	}}
	return []way{
		{name: "sqlite3 .backup", needs: shellOf, check: integrity, copy: func(ctx context.Context) error {
			return shell(ctx, `sqlite3 -bail "$1" ".backup $2" && sync "$2" && ln -s "${2##*/}" "$3"`, b.file(), file, link)
		}},
		{name: "sqlite3 VACUUM INTO", needs: shellOf, check: integrity, copy: func(ctx context.Context) error {
			return shell(ctx, `sqlite3 -bail "$1" "VACUUM INTO '$2'" && sync "$2" && ln -s "${2##*/}" "$3"`, b.file(), file, link)
		}},
	}
}

// Settle writes out what the kernel holds of the file system in which the files lie.
func (b *sqliteBed) Settle(context.Context) error {
	d, err := os.Open(b.target)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}

func (b *sqliteBed) Close() error { return nil }
