package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/agent/shelf"
	"failoverd/replicate/database"
)

// afar is a source that only its agent sees.
type afar struct {
	file   string
	take   func(ctx context.Context, file string, into *os.Root, name string) (database.Made, error)
	copies string // the agent's directory of copies
	served sync.WaitGroup
}

func (a *afar) Look(ctx context.Context) (database.Report, error) {
	return New().Look(ctx, "pbx", a.file)
}

func (a *afar) Make(ctx context.Context, into *os.Root, file string) (database.Made, error) {
	return a.take(ctx, a.file, into, file)
}

// putAfar takes a pair's source out of sight.
func putAfar(t *testing.T, s *site, p *database.Pair) *afar {
	t.Helper()
	a := &afar{file: s.file(p.Source, p.Source.Catalog), copies: t.TempDir(), take: New().Take}
	p.Source.DSN = ""
	p.Source.Shelf = shelf.RemoteBase{Remote: shelf.Remote{
		Cache: t.TempDir(),
		Dial: func(context.Context) (io.ReadWriteCloser, error) {
			near, far := net.Pipe()
			a.served.Go(func() { _ = shelf.ServeBase(context.WithoutCancel(t.Context()), far, a.copies, a) })
			return near, nil
		},
	}}
	t.Cleanup(a.served.Wait)
	return a
}

// work runs statements in a source as its application does.
func work(t *testing.T, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", application(file))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%.60s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// recordings are statements that fill a source with what does not pack.
func recordings(n int) []string {
	list := []string{"CREATE TABLE calls (id INTEGER PRIMARY KEY, who TEXT NOT NULL)", "INSERT INTO calls VALUES (1, 'anna'), (2, 'bert')", "CREATE TABLE recordings (id INTEGER PRIMARY KEY, sound BLOB)"}
	for i := range n {
		sound := make([]byte, 64<<10)
		_, _ = rand.Read(sound)
		list = append(list, fmt.Sprintf("INSERT INTO recordings VALUES (%d, x'%x')", i, sound))
	}
	return list
}

// empty wants nothing to be left of what the agent has made.
func (a *afar) empty(t *testing.T) {
	t.Helper()
	a.served.Wait()
	if left, err := os.ReadDir(a.copies); err != nil || len(left) > 0 {
		t.Errorf("at the agent lie %v, %v", left, err)
	}
}

// A source that only its agent sees is copied as one that failoverd sees, and of the second copy only what has changed
// travels.
func TestASourceThatOnlyItsAgentSees(t *testing.T) {
	for _, wal := range []bool{true, false} {
		t.Run(fmt.Sprintf("WAL %v", wal), func(t *testing.T) {
			s := newSite(t, wal, true)
			p := s.newPair(t, s.copies)
			near := p
			near.Names = database.NamesOf(p.Names.Live + "_near")
			near.Target.Catalog = near.Names.Live
			file := s.file(p.Source, p.Source.Catalog)
			work(t, file, recordings(100)...)
			a := putAfar(t, s, &p)
			e := New()
			copied := func(p database.Pair) database.Snapshot {
				t.Helper()
				p.Run = "run-" + strings.ToLower(rand.Text()[:6])
				snapshot, err := e.Copy(t.Context(), p, nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := e.Verify(t.Context(), p, snapshot); err != nil {
					t.Fatal(err)
				}
				if err := e.Swap(t.Context(), p, func(string) error { return nil }); err != nil {
					t.Fatal(err)
				}
				return snapshot
			}
			first, seen := copied(p), copied(near)
			// It holds the same as the copy of one who sees the file, and shows it in the same way.
			if diff := cmp.Diff(seen, first, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".At" || p.Last().String() == ".Bytes" }, cmp.Ignore())); diff != "" {
				t.Errorf("the snapshots differ (-seen +afar):\n%s", diff)
			}
			a.empty(t)
			work(t, file, "INSERT INTO calls VALUES (3, 'carl')")
			second := copied(p)
			t.Logf("first %d bytes travelled, then %d", first.Bytes, second.Bytes)
			if first.Bytes < 100*64<<10 || second.Bytes > first.Bytes/10 || second.Identity != first.Identity {
				t.Errorf("first %d bytes travelled, then %d; it is %q, and was %q", first.Bytes, second.Bytes, second.Identity, first.Identity)
			}
			got, err := s.query(t.Context(), p.Target, p.Names.Live, "SELECT group_concat(who) FROM (SELECT who FROM calls ORDER BY id)")
			if err != nil || got[0][0] != "anna,bert,carl" {
				t.Errorf("the copy has %v, %v", got, err)
			}
			// What the primary's own file shows is what the snapshot shows.
			if list, err := e.Changes(t.Context(), near.Source, second); err != nil || len(list) > 0 {
				t.Errorf("the source has changed: %v, %v", list, err)
			}
			a.empty(t)
			info, err := os.Stat(s.file(p.Target, p.Names.Live))
			if err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("the copy's file: %v, %v", info, err)
			}
		})
	}
}

// What is taken is one instant, whatever is written meanwhile.
func TestWhatIsTakenIsOneInstant(t *testing.T) {
	s := newSite(t, true, true)
	p := s.newPair(t, s.copies)
	file := s.file(p.Source, p.Source.Catalog)
	work(t, file, append(recordings(40), "CREATE TABLE early (n INTEGER)", "INSERT INTO early VALUES (0)", "CREATE TABLE late (n INTEGER)", "INSERT INTO late VALUES (0)")...)
	a := putAfar(t, s, &p)
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	defer writing.Wait()
	defer stop()
	begun := make(chan struct{})
	writing.Go(func() {
		db, err := sql.Open("sqlite", application(file))
		if err != nil {
			t.Error(err)
			return
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		for n := 0; ctx.Err() == nil; n++ {
			if _, err := db.Exec("BEGIN; UPDATE early SET n = n + 1; INSERT INTO recordings (sound) VALUES (randomblob(20000)); UPDATE late SET n = n + 1; COMMIT"); err != nil {
				t.Error(err)
				return
			}
			if n == 3 {
				close(begun)
			}
		}
	})
	<-begun
	for range 3 {
		p.Run = "run-" + strings.ToLower(rand.Text()[:6])
		if _, err := New().Copy(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
		got, err := s.query(t.Context(), p.Target, p.Names.Staging, "SELECT (SELECT n FROM early) - (SELECT n FROM late), (SELECT count(*) FROM recordings) - (SELECT n FROM early)")
		if err != nil || got[0][0] != "0" || got[0][1] != "40" {
			t.Errorf("it is no instant: %v, %v", got, err)
		}
	}
	a.empty(t)
}

// What a killed run has left at the agent goes with the next one, and with Discard.
func TestNothingIsLeftAtTheAgent(t *testing.T) {
	s := newSite(t, false, true)
	p := s.newPair(t, s.copies)
	work(t, s.file(p.Source, p.Source.Catalog), recordings(1)...)
	a := putAfar(t, s, &p)
	leave := func() {
		for _, name := range []string{travels(p) + "run-old.db", "." + travels(p) + "run-older.db.tmp"} {
			if err := os.WriteFile(filepath.Join(a.copies, name), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	leave()
	if err := New().Discard(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	a.empty(t)
	leave()
	if _, err := New().Copy(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	a.empty(t)

	// A copy that is not wanted any more while it is made ends at once, here and there.
	ctx, cancel := context.WithCancelCause(t.Context())
	unwanted, ended := errors.New("not any more"), make(chan error, 1)
	a.take = func(ctx context.Context, _ string, _ *os.Root, _ string) (database.Made, error) {
		cancel(unwanted)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return database.Made{}, context.Cause(ctx)
	}
	if _, err := New().Copy(ctx, p, nil); !errors.Is(err, unwanted) {
		t.Errorf("copy: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the agent goes on")
	}
	// What the agent says of its failure is what one reads.
	a.take = func(context.Context, string, *os.Root, string) (database.Made, error) {
		return database.Made{}, errors.New("no space left on the disk")
	}
	if _, err := New().Copy(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), "at pbx (192.168.11.1): the agent says: make") || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("copy: %v", err)
	}
	a.empty(t)
}

// A probe tells of a source afar what it tells of one in sight, and that nothing goes back.
func TestProbeOfASourceAfar(t *testing.T) {
	s := newSite(t, false, true)
	p := s.newPair(t, s.copies)
	near := p
	work(t, s.file(p.Source, p.Source.Catalog), append(recordings(3), "CREATE TABLE keyless (n INTEGER)")...)
	a := putAfar(t, s, &p)
	got, err := New().Probe(t.Context(), p)
	want, errToo := New().Probe(t.Context(), near)
	if err := errors.Join(err, errToo); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*database.Report{&got, &want} {
		r.Source.Free, r.Target.Free = 0, 0
		r.Source.Data = "" // an agent does not tell
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-in sight +afar):\n%s", diff)
	}

	r, err := New().Probe(t.Context(), database.Pair{Source: p.Target, Target: p.Source, Names: database.NamesOf(p.Source.Catalog)})
	if found := problems(r)["read-only"]; err != nil || !found.Blocks || found.Remedy == "" {
		t.Errorf("to live: %+v, %v", r.Problems, err)
	}

	a.file += ".lost"
	r, err = New().Probe(t.Context(), p)
	if found := problems(r)["no-catalog"]; err != nil || !found.Blocks || !strings.Contains(found.Text, a.file) {
		t.Errorf("a file that is not there: %+v, %v", r.Problems, err)
	}
	a.copies = filepath.Join(a.copies, "unmounted")
	var away *database.UnreachableError
	if _, err = New().Probe(t.Context(), p); !errors.As(err, &away) || !strings.Contains(err.Error(), "unmounted") {
		t.Errorf("without a place for copies: %v", err)
	}
}

// TestTakeByWhoMayOnlyRead takes a database that an application has open, as somebody who may write nothing beside it.
func TestTakeByWhoMayOnlyRead(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	dir, err := os.MkdirTemp("/tmp", "failoverd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for _, sub := range []string{dir, filepath.Join(dir, "primary"), filepath.Join(dir, "agent")} {
		if err := errors.Join(os.MkdirAll(sub, 0o755), os.Chmod(sub, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(dir, "agent"), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	text, err := os.ReadFile(os.Args[0])
	if err = errors.Join(err, os.WriteFile(program, text, 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, wal := range []bool{true, false} {
		s := &site{wal: wal}
		file := filepath.Join(dir, "primary", fmt.Sprintf("calls-%v.db", wal))
		if err := errors.Join(s.create(file), os.Chmod(file, 0o644)); err != nil {
			t.Fatal(err)
		}
		work(t, file, recordings(1)...)
		db, err := sql.Open("sqlite", application(file))
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		if _, err := db.ExecContext(t.Context(), "INSERT INTO calls VALUES (3, 'carl')"); err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"at-work", "at-rest"} {
			if how == "at-rest" {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			name := fmt.Sprintf("calls.failoverd-%s-%v.db", how, wal)
			cmd := child(t.Context(), "take", file, filepath.Join(dir, "agent"), name)
			cmd.Path, cmd.Dir = program, "/"
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
			out, err := cmd.Output()
			var made database.Made
			if err := errors.Join(err, json.Unmarshal(out, &made)); err != nil || made.Mode != 0o644 || made.Identity == "" {
				t.Fatalf("WAL %v, %s: %+v, %v: %s", wal, how, made, err, out)
			}
			got, err := (&site{}).query(t.Context(), database.End{DSN: filepath.Join(dir, "agent", name), Catalog: "x"}, "x", "SELECT group_concat(who) FROM (SELECT who FROM calls ORDER BY id)")
			if err != nil || got[0][0] != "anna,bert,carl" {
				t.Errorf("WAL %v, %s: the copy has %v, %v", wal, how, got, err)
			}
		}
	}
}

// Who takes a file for one that rests finds out when it did not.
func TestAFileThatDidNotRest(t *testing.T) {
	closed := &os.PathError{Op: "open", Path: "x", Err: syscall.EROFS}
	dir := t.TempDir()
	file := filepath.Join(dir, "calls.db")
	if err := (&site{wal: true}).create(file); err != nil {
		t.Fatal(err)
	}
	if _, is := resting(file, closed); is {
		t.Error("an error of another kind")
	}
	// SQLite's own error, of a file in a directory that is none.
	_, why := look(t.Context(), filepath.Join(file, "absent"))
	r, is := resting(file, why)
	if !is || r.rested() != nil {
		t.Fatalf("it rests, and %v, %v is said (%v)", is, r.rested(), why)
	}
	work(t, file, "CREATE TABLE calls (n INTEGER)")
	if r.rested() == nil {
		t.Error("it was written to")
	}
	for _, beside := range companions(file) {
		if err := os.WriteFile(beside, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, is := resting(file, why); is {
			t.Errorf("it rests beside %s", beside)
		}
		if err := os.Remove(beside); err != nil {
			t.Fatal(err)
		}
	}
}

// takeChild takes a database into a directory.
func takeChild(file, directory, name string) int {
	root, err := os.OpenRoot(directory)
	if err == nil {
		var made database.Made
		if made, err = New().Take(context.Background(), file, root, name); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(made)
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
