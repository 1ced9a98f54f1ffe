package journal

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// filled makes a closed journal with some hundred events and returns its directory.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	j, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		b := typicalBatch()
		for range 30 {
			b.Events = append(b.Events, b.Events[0])
		}
		commit(t, j, b)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "var", "failoverd")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir, Options{})
	commit(t, j, typicalBatch())
	got := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		info, statErr := os.Stat(path)
		got[filepath.Base(path)] = info.Mode().Perm()
		return errors.Join(err, statErr)
	})
	want := map[string]fs.FileMode{"failoverd": 0o700, FileName: 0o600, FileName + "-wal": 0o600, FileName + "-shm": 0o600, lockName: 0o600, reserveName: 0o600}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("error %v, want ErrInUse", err)
	}
	// Reading is allowed beside it, writing is not.
	commit(t, j, typicalBatch())
	reader := open(t, dir, Options{ReadOnly: true})
	if events, err := reader.Events(t.Context(), EventQuery{}); err != nil || len(events) != 2 {
		t.Errorf("read %d events, %v; want 2", len(events), err)
	}
	if _, err := reader.Commit(t.Context(), typicalBatch()); err == nil {
		t.Error("a read-only journal was written to")
	}
	commit(t, j, typicalBatch())
}

// An Open that fails half way closes what it has opened.
func TestAFailedOpenLeavesNothingOpen(t *testing.T) {
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if j, err := Open(ctx, dir, Options{}); err == nil {
		j.Close()
		t.Error("a journal was made although nobody wanted it any more")
	}
	goleak.VerifyNone(t, before)
	open(t, dir, Options{}) // Its lock was given back.
}

func TestOpenAfterClose(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		j, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		commit(t, j, typicalBatch())
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		if _, err := j.Commit(t.Context(), typicalBatch()); !errors.Is(err, os.ErrClosed) {
			t.Errorf("commit after close: %v, want closed", err)
		}
	}
}

func TestReadOnlyNeedsAJournal(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), dir, Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want not exist", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
}

// Whatever is wrong with the file, opening says so and leaves every byte of it alone.
func TestDamage(t *testing.T) {
	change := func(path, query string) error {
		db, err := sql.Open("sqlite", dsn(path))
		if err != nil {
			return err
		}
		_, err = db.Exec(query)
		return errors.Join(err, db.Close())
	}
	overwrite := func(path string, offset int64, with []byte) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(with, offset)
		return errors.Join(err, f.Close())
	}
	for _, tt := range []struct {
		name   string
		damage func(path string) error
		want   error
	}{
		{"garbage", func(path string) error { return os.WriteFile(path, []byte("this is not a database"), 0o600) }, ErrDamaged},
		{"zeros", func(path string) error { return os.WriteFile(path, make([]byte, 8192), 0o600) }, ErrDamaged},
		{"three bytes", func(path string) error { return os.WriteFile(path, []byte("SQL"), 0o600) }, ErrDamaged},
		{"half of it", func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, info.Size()/2/4096*4096)
		}, ErrDamaged},
		{"schema page", func(path string) error { return overwrite(path, 100, bytes.Repeat([]byte{0xaa}, 3000)) }, ErrDamaged},
		{"pages of events", func(path string) error { return overwrite(path, 30*4096, bytes.Repeat([]byte{0xff}, 8*4096)) }, ErrDamaged},
		{"another program's", func(path string) error { return change(path, "PRAGMA application_id = 7") }, ErrDamaged},
		{"newer", func(path string) error {
			return change(path, fmt.Sprintf("PRAGMA user_version = %d", len(migrations)+1))
		}, ErrNewer},
		{"symbolic link", func(path string) error {
			return errors.Join(os.Rename(path, path+".elsewhere"), os.Symlink(path+".elsewhere", path))
		}, ErrDamaged},
		{"directory", func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, ErrDamaged},
		{"log without its file", func(path string) error {
			return errors.Join(os.Truncate(path, 0), os.WriteFile(path+"-wal", []byte("something"), 0o600))
		}, ErrDamaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filled(t)
			path := filepath.Join(dir, FileName)
			if err := tt.damage(path); err != nil {
				t.Fatal(err)
			}
			before, readErr := os.ReadFile(path)
			j, err := Open(t.Context(), dir, Options{})
			if err == nil {
				j.Close()
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			after, err := os.ReadFile(path)
			if !bytes.Equal(before, after) || fmt.Sprint(err) != fmt.Sprint(readErr) {
				t.Errorf("the file was changed: %d bytes became %d, %v", len(before), len(after), err)
			}
			// The lock was given back, so that it can be repaired and opened.
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			os.Remove(path + "-wal")
			open(t, dir, Options{})
		})
	}
}

// Somebody was killed in the middle of the first transaction that makes the journal, and has left beside the file how it was
// before. The next start makes it anew, unless it was another program's; who may only read says that it cannot be read.
func TestHalfMade(t *testing.T) {
	for name, tt := range map[string]struct {
		before string
		want   error
	}{
		"nothing but an empty file was there": {"PRAGMA user_version = 0; ", nil},
		"another program's":                   {"CREATE TABLE before (x); ", ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			made, killed := t.TempDir(), t.TempDir()
			db, err := sql.Open("sqlite", dsn(filepath.Join(made, FileName), "_pragma=page_size(1024)", "_pragma=cache_size(1)"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			if _, err := db.Exec(tt.before + "BEGIN IMMEDIATE; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))"); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{FileName, FileName + "-journal"} {
				content, err := os.ReadFile(filepath.Join(made, name))
				if err == nil {
					err = os.WriteFile(filepath.Join(killed, name), content, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Open(t.Context(), killed, Options{ReadOnly: true}); !isHalfMade(err) {
				t.Errorf("who may only read is told %v", err)
			}
			j, err := Open(t.Context(), killed, Options{})
			if err == nil {
				j.Close()
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if _, err := os.Stat(filepath.Join(killed, FileName+"-journal")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what was half written is not undone: %v", err)
			}
		})
	}
}

// Damage that appears while the journal is open is named as such by whoever meets it.
func TestDamageMetLater(t *testing.T) {
	dir := filled(t)
	j := open(t, dir, Options{})
	f, err := os.OpenFile(j.path(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 100*4096), 4096); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := j.Events(t.Context(), EventQuery{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v, want ErrDamaged", err)
	}
}

// Each version leads to the next, and a step that fails leaves the version before it.
func TestMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	db, err := sql.Open("sqlite", dsn(path, "_txlock=immediate"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	version := func() int64 {
		n, err := pragma(t.Context(), db, "user_version")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	steps := []string{`CREATE TABLE a (x);`, `ALTER TABLE a ADD COLUMN y;`}
	if err := migrate(t.Context(), db, steps[:1]); err != nil || version() != 1 {
		t.Fatalf("version %d, %v", version(), err)
	}
	if _, err := db.Exec(`INSERT INTO a VALUES (7)`); err != nil {
		t.Fatal(err)
	}
	broken := []string{steps[0], `ALTER TABLE a ADD COLUMN y; CREATE TABLE a (x);`}
	if err := migrate(t.Context(), db, broken); err == nil || version() != 1 {
		t.Errorf("a broken step: version %d, %v; want 1 and an error", version(), err)
	}
	for range 2 { // A second time changes nothing.
		if err := migrate(t.Context(), db, steps); err != nil || version() != 2 {
			t.Errorf("version %d, %v; want 2", version(), err)
		}
	}
	var x int
	var y sql.NullInt64
	if err := db.QueryRow(`SELECT x, y FROM a`).Scan(&x, &y); err != nil || x != 7 || y.Valid {
		t.Errorf("row %d, %v, %v", x, y, err)
	}
}

// A journal of every version that there ever was is opened, brought to the newest, and remembers what it held. A daemon
// that was killed between two steps of its first start has left one as well.
func TestOpensEveryVersion(t *testing.T) {
	for version := 1; version <= len(migrations); version++ {
		dir := t.TempDir()
		db, err := sql.Open("sqlite", dsn(filepath.Join(dir, FileName), "_txlock=immediate"))
		if err != nil {
			t.Fatal(err)
		}
		if err := migrate(t.Context(), db, migrations[:version]); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`INSERT INTO facts VALUES ('pbx', '{"epoch":7}')`); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		j, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Errorf("version %d: %v", version, err)
			continue
		}
		facts, err := j.Facts(t.Context())
		if err != nil || string(facts["pbx"]) != `{"epoch":7}` {
			t.Errorf("version %d: facts %s, %v", version, facts, err)
		}
		if _, err := j.Commit(t.Context(), Batch{Copies: []Copy{{"pbx", "calls", json.RawMessage(`{}`)}}}); err != nil {
			t.Errorf("version %d: remember a copy: %v", version, err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Every commit is written through to the disk, on the connection that commits.
func TestDurableSettings(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	const full = 2 // https://www.sqlite.org/pragma.html#pragma_synchronous
	if n, err := pragma(t.Context(), j.writer, "synchronous"); err != nil || n != full {
		t.Errorf("synchronous %d, %v; want %d", n, err, full)
	}
	var mode string
	if err := j.writer.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode %q, %v; want wal", mode, err)
	}
}
