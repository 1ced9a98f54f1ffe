package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// site is two directories, and an application that opens databases in them without the engine.
type site struct {
	wal             bool // the sources are in WAL mode
	byFile          bool // the sources' data sources name the file
	primary, copies string

	// at work are the application's own connections; who looks for the engine's waits for them to close.
	atWork sync.RWMutex
}

func newSite(t *testing.T, wal, byFile bool) *site {
	return &site{wal: wal, byFile: byFile, primary: t.TempDir(), copies: t.TempDir()}
}

func (s *site) fixture(t *testing.T) enginetest.Fixture {
	return enginetest.Fixture{
		Engine:   New(),
		Dialect:  dialect(),
		NewPair:  func(t *testing.T) database.Pair { return s.newPair(t, s.copies) },
		Exec:     s.exec,
		Query:    s.query,
		Catalogs: s.catalogs,
		Recreate: s.recreate,
		Hold:     hold,
		Traces:   s.tracesBesideReaders,
		Unreachable: func(e database.End) database.End {
			e.DSN = "/nowhere" + e.DSN
			return e
		},
		Missing: func(e database.End) database.End {
			e.DSN, e.Catalog = filepath.Dir(e.DSN)+"/", "lost"
			return e
		},
		Beside:      Beside,
		NoPasswords: true,
		FullDisk:    s.fullDisk(t),
		Fill:        fill,
		NeedsRoom:   s.wal, // for the index of the log
	}
}

// newPair makes a source of its own.
func (s *site) newPair(t *testing.T, copies string) database.Pair {
	t.Helper()
	name := "app_" + strings.ToLower(rand.Text()[:8])
	live := database.CopyOf("pbx", name)
	p := database.Pair{
		Source: database.End{Host: "pbx (192.168.11.1)", DSN: s.primary + "/", Catalog: name, Password: password},
		Target: database.End{Host: "the standby", DSN: copies + "/", Catalog: live, Password: password},
		Names:  database.NamesOf(live),
		Run:    "run-" + rand.Text()[:6],
	}
	if s.byFile {
		p.Source.DSN = filepath.Join(s.primary, name+".sqlite3")
	}
	if err := s.create(s.file(p.Source, name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pattern := range []string{filepath.Join(s.primary, name+"*"), filepath.Join(copies, live+"*")} {
			files, err := filepath.Glob(pattern)
			for _, file := range files {
				err = errors.Join(err, os.Remove(file))
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	return p
}

// create makes an empty database.
func (s *site) create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil || !s.wal {
		return err
	}
	db, err := sql.Open("sqlite", application(path))
	if err != nil {
		return err
	}
	_, err = db.Exec("PRAGMA journal_mode = WAL")
	return errors.Join(err, db.Close())
}

// recreate drops a source and makes another one.
func (s *site) recreate(_ context.Context, e database.End) error {
	path := s.file(e, e.Catalog)
	for _, file := range append(companions(path), path) {
		if err := gone(os.Remove(file)); err != nil {
			return err
		}
	}
	return s.create(path)
}

// file is the path that the application opens for a catalog.
func (s *site) file(e database.End, catalog string) string {
	if strings.HasSuffix(e.DSN, "/") {
		return e.DSN + catalog + ".db"
	}
	ext := filepath.Ext(e.DSN)
	return strings.TrimSuffix(e.DSN, ext) + strings.TrimPrefix(catalog, e.Catalog) + ext
}

// application is a file as an application opens it, which waits for locks and makes no file.
func application(path string) string {
	return "file:" + path + "?mode=rw&_busy_timeout=20000&_pragma=foreign_keys(1)"
}

func (s *site) exec(ctx context.Context, e database.End, catalog, script string) error {
	s.atWork.RLock()
	defer s.atWork.RUnlock()
	db, err := sql.Open("sqlite", application(s.file(e, catalog)))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, script)
	return errors.Join(err, db.Close())
}

func (s *site) query(ctx context.Context, e database.End, catalog, query string) (all [][]string, err error) {
	s.atWork.RLock()
	defer s.atWork.RUnlock()
	db, err := sql.Open("sqlite", application(s.file(e, catalog)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		var line []string
		for _, v := range values {
			line = append(line, text(v))
		}
		all = append(all, line)
	}
	return all, rows.Err()
}

// text is a value as the suite wants it.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		return fmt.Sprintf("%X", v)
	}
	return fmt.Sprint(v)
}

// catalogs lists what an application can open in an end's directory.
func (s *site) catalogs(_ context.Context, e database.End) (list []string, err error) {
	ext := filepath.Ext(s.file(e, e.Catalog))
	entries, err := os.ReadDir(filepath.Dir(s.file(e, e.Catalog)))
	for _, entry := range entries {
		name, is := strings.CutSuffix(entry.Name(), ext)
		if is && !strings.Contains(name, mark) {
			list = append(list, name)
		}
	}
	return list, err
}

// traces lists the files of runs that no name points to, and what is open in this process.
func (s *site) traces(_ context.Context, p database.Pair) (list []string, err error) {
	s.atWork.Lock()
	defer s.atWork.Unlock()
	for _, e := range []database.End{p.Source, p.Target} {
		dir := filepath.Dir(s.file(e, e.Catalog))
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // The suite has taken the end away.
		}
		used := map[string]bool{}
		for _, entry := range entries {
			if to, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil {
				used[to] = true
			}
		}
		begin := strings.TrimSuffix(filepath.Base(s.file(e, e.Catalog)), filepath.Ext(s.file(e, e.Catalog))) + mark
		for _, entry := range entries {
			file := entry.Name()
			for _, suffix := range []string{"-wal", "-shm", "-journal"} {
				file = strings.TrimSuffix(file, suffix) // Somebody else may use a copy.
			}
			if strings.HasPrefix(file, begin) && !used[file] {
				list = append(list, entry.Name())
			}
		}
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return nil, err
		}
		for _, fd := range open {
			if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, dir+"/") {
				list = append(list, "open: "+to)
			}
		}
	}
	return list, nil
}

// tracesBesideReaders leaves out what a reader has made who was opening a copy while a rollback dropped it: the index of
// a log, which nobody needs and the next run sweeps away.
func (s *site) tracesBesideReaders(ctx context.Context, p database.Pair) (list []string, err error) {
	all, err := s.traces(ctx, p)
	for _, name := range all {
		if !strings.HasSuffix(name, "-shm") && !strings.HasSuffix(name, "-wal") {
			list = append(list, name)
		}
	}
	return list, err
}

// fullDisk gives pairs whose copies have 8 MiB, where we may mount.
func (s *site) fullDisk(t *testing.T) func(t *testing.T) database.Pair {
	mount := func(t *testing.T) (string, error) {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
			return "", err
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		return dir, nil
	}
	if _, err := mount(t); err != nil {
		t.Logf("a full disk cannot be tried here: %v", err)
		return nil
	}
	return func(t *testing.T) database.Pair {
		dir, err := mount(t)
		if err != nil {
			t.Fatal(err)
		}
		return s.newPair(t, dir)
	}
}

// fill takes what is left on the disk of a pair of fullDisk's.
func fill(t *testing.T, p database.Pair) (free func()) {
	t.Helper()
	name := filepath.Join(p.Target.DSN, "filled")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); ; {
		if _, err := f.Write(block); errors.Is(err, unix.ENOSPC) {
			return func() {
				if err := os.Remove(name); err != nil {
					t.Error(err)
				}
			}
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// password is one that nobody asks for, so that the suite can watch that nobody says it.
func password() (string, error) { return "a-Pa55word", nil }
