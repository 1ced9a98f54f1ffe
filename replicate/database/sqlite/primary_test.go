package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// toLive is a story whose copy is ahead of the primary's own database, and the way back.
func toLive(t *testing.T, wal bool) (st, back *story) {
	t.Helper()
	st = newStory(t, newSite(t, wal, true))
	st.next()
	st.copy()
	st.swap()
	if err := st.s.exec(t.Context(), st.p.Target, st.p.Names.Live, dialect().Move); err != nil {
		t.Fatal(err)
	}
	back = st.back()
	back.p.Run = "back"
	return st, back
}

// TestALogLeftAtThePrimaryIsKept lets the primary's application die with its last transactions in the log: the
// previous database must hold them.
func TestALogLeftAtThePrimaryIsKept(t *testing.T) {
	_, back := toLive(t, true)
	file := back.p.Target.DSN
	// A child that is killed leaves its log, as a primary does that loses its power.
	for _, script := range []string{dialect().Move, "SELECT 1"} {
		release, err := hold(t.Context(), back.p.Target, back.p.Target.Catalog, "COMMIT; "+script+"; BEGIN")
		if err != nil {
			t.Fatal(err)
		}
		if script == "SELECT 1" {
			release()
			continue
		}
		saved := map[string][]byte{}
		for _, name := range []string{file, file + "-wal"} {
			if saved[name], err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
		release()
		for name, bytes := range saved {
			if err := os.WriteFile(name, bytes, 0o640); err != nil {
				t.Fatal(err)
			}
		}
		break
	}
	if info, err := os.Stat(file + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("there is no log: %v", err)
	}
	back.copy()
	back.swap()
	back.want(3, 3, -1) // The primary's own third move is another one than the copy's.
	for _, name := range companions(file) {
		if _, err := os.Lstat(name); err == nil {
			t.Errorf("%s lies beside the new database", name)
		}
	}
}

// TestAPrimaryAtWorkIsNotReplaced has the primary's application go on while its database is to be replaced.
func TestAPrimaryAtWorkIsNotReplaced(t *testing.T) {
	for name, wal := range map[string]bool{"WAL": true, "rollback journal": false} {
		t.Run(name, func(t *testing.T) {
			_, back := toLive(t, wal)
			back.copy()
			release, err := hold(t.Context(), back.p.Target, back.p.Target.Catalog, "COMMIT; BEGIN; SELECT 1")
			if err != nil {
				t.Fatal(err)
			}
			err = New().Swap(t.Context(), back.p, unnoted)
			if err == nil || !strings.Contains(err.Error(), "stop it first") {
				t.Errorf("swap: %v", err)
			}
			back.want(2, -1, 3)
			release()
			back.swap()
			back.want(3, 2, -1)
		})
	}
}

// TestThePrimarysFileComesBackAsItWas takes the replication to live back, at every edge and at its end.
func TestThePrimarysFileComesBackAsItWas(t *testing.T) {
	for _, edge := range []int{1, never} {
		_, back := toLive(t, true)
		file := back.p.Target.DSN
		before, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		back.copy()
		if killed := back.killed("swap", edge); killed != (edge != never) {
			t.Fatalf("the swap was killed: %v", killed)
		}
		back.rollback()
		back.do(New().Discard(t.Context(), back.p))
		back.want(2, -1, -1)
		after, err := os.Lstat(file)
		if err != nil || !after.Mode().IsRegular() || !os.SameFile(before, after) {
			t.Errorf("the file is another one: %v, %v", after, err)
		}
		names, err := filepath.Glob(strings.TrimSuffix(file, ".sqlite3") + "*")
		if err != nil || len(names) != 1 {
			t.Errorf("beside it lie %q, %v", names, err)
		}
	}
}

// TestThePrimarysOwnerKeepsTheDatabase gives the primary's file to somebody else.
func TestThePrimarysOwnerKeepsTheDatabase(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("files can be given away by root alone")
	}
	_, back := toLive(t, true)
	file := back.p.Target.DSN
	if err := errors.Join(os.Chown(file, 4711, 4712), os.Chmod(file, 0o664)); err != nil {
		t.Fatal(err)
	}
	back.copy()
	back.swap()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if owner.Uid != 4711 || owner.Gid != 4712 || info.Mode().Perm() != 0o664 {
		t.Errorf("the new file belongs to %d:%d with %v", owner.Uid, owner.Gid, info.Mode())
	}
}
