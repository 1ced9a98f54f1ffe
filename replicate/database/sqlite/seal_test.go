package sqlite

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	codes "modernc.org/sqlite/lib"
)

// sealing is a live copy of a source in WAL mode or not.
func sealing(t *testing.T, wal bool) (*story, live) {
	t.Helper()
	st := &story{t: t, s: newSite(t, wal, false)}
	st.p = st.s.newPair(t, st.s.copies)
	st.exec(schema)
	st.exec(data)
	st.next()
	st.copy()
	st.swap()
	return st, live{st}
}

// live is a story's live copy.
type live struct{ *story }

func (l live) release(writable bool) error {
	return New().Release(l.t.Context(), l.p.Target, writable)
}

func (l live) path() string { return l.s.file(l.p.Target, l.p.Names.Live) }

func TestASealHoldsForEveryProgram(t *testing.T) {
	for name, wal := range map[string]bool{"WAL": true, "rollback journal": false} {
		t.Run(name, func(t *testing.T) {
			_, copy := sealing(t, wal)
			shell := func(statement string) (string, error) {
				out, err := exec.CommandContext(t.Context(), "sqlite3", copy.path(), statement).CombinedOutput()
				return strings.TrimSpace(string(out)), err
			}
			mode := "delete"
			if wal {
				mode = "wal"
			}
			if out, err := shell("PRAGMA journal_mode"); err != nil || out != mode {
				t.Errorf("the copy's journal mode: %q, %v", out, err)
			}
			if err := copy.release(false); err != nil {
				t.Fatal(err)
			}
			if out, err := shell("INSERT INTO till VALUES (2, 2)"); err == nil || !strings.Contains(out, "readonly") {
				t.Errorf("the shell wrote to a sealed copy: %q, %v", out, err)
			}
			if out, err := shell("SELECT count(*) FROM moves; PRAGMA integrity_check"); err != nil || out != "2\nok" {
				t.Errorf("the shell read %q, %v", out, err)
			}
			if err := copy.release(true); err != nil {
				t.Fatal(err)
			}
			if out, err := shell("INSERT INTO notes VALUES (2, 2, 2); PRAGMA journal_mode"); err != nil || out != mode {
				t.Errorf("released, the shell says %q, %v", out, err)
			}
		})
	}
}

// TestASealHoldsForWhoWasConnected seals a copy that somebody has read, and means to write to.
func TestASealHoldsForWhoWasConnected(t *testing.T) {
	_, copy := sealing(t, false)
	c, err := connect(t.Context(), copy.path())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.exec(t.Context(), "UPDATE till SET amount = amount"); err != nil {
		t.Fatal(err)
	}
	if err := copy.release(false); err != nil {
		t.Fatal(err)
	}
	if err := c.exec(t.Context(), "UPDATE till SET amount = 0"); code(err)&0xff != codes.SQLITE_READONLY {
		t.Errorf("it wrote: %v", err)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}

func TestASealWaitsForWhoIsAtWork(t *testing.T) {
	for name, wal := range map[string]bool{"WAL": true, "rollback journal": false} {
		t.Run(name, func(t *testing.T) {
			st, copy := sealing(t, wal)
			release, err := hold(t.Context(), st.p.Target, st.p.Names.Live, dialect().Write)
			if err != nil {
				t.Fatal(err)
			}
			if err := copy.release(false); err == nil || !strings.Contains(err.Error(), "somebody is connected") {
				t.Errorf("a copy with a transaction was sealed: %v", err)
			}
			release()
			if err := errors.Join(copy.release(false), copy.release(true)); err != nil {
				t.Error(err)
			}
			rows, err := st.s.query(t.Context(), st.p.Target, st.p.Names.Live, "SELECT count(*) FROM notes WHERE text = 'written'")
			if err != nil || rows[0][0] != "0" {
				t.Errorf("what was not committed: %q, %v", rows, err)
			}
		})
	}
}

func TestAnEmptyDatabaseIsSealed(t *testing.T) {
	s := newSite(t, false, false)
	p := s.newPair(t, s.copies)
	for _, writable := range []bool{false, true} {
		if err := New().Release(t.Context(), p.Source, writable); err != nil {
			t.Fatal(err)
		}
		if err := s.exec(t.Context(), p.Source, p.Source.Catalog, "CREATE TABLE a (b)"); (err == nil) != writable {
			t.Errorf("writable %v: %v", writable, err)
		}
	}
}
