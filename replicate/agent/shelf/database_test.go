package shelf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

// calls is a database that says what it is told to.
type calls struct {
	report database.Report
	err    error
}

func (c calls) Look(context.Context) (database.Report, error) { return c.report, c.err }

func (c calls) Make(_ context.Context, into *os.Root, file string) (database.Made, error) {
	if c.err != nil {
		return database.Made{}, c.err
	}
	return database.Made{Identity: "file 7", Mode: 0o640}, into.WriteFile(file, []byte("everything"), 0o600)
}

// newBase is a database in a bed.
func newBase(t *testing.T, base calls) (*bed, RemoteBase) {
	t.Helper()
	b := newBed(t)
	r := RemoteBase{b.remote}
	r.Dial = func(context.Context) (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		b.served.Go(func() {
			if err := ServeBase(t.Context(), far, b.directory, base); err != nil {
				t.Logf("the agent: %v", err)
			}
		})
		return near, nil
	}
	return b, r
}

// What is made is fetched and swept away like a backup, and nothing can be put.
func TestADatabaseIsMadeAndFetched(t *testing.T) {
	want := database.Report{
		Source: database.Server{Product: "SQLite", Version: "3.50", Free: -1}, Bytes: 8192, Objects: map[string]int{"table": 2}, NoKey: []string{"keyless"},
		Problems: []database.Problem{{Code: "journal-mode", Text: "not in WAL mode", Remedy: "PRAGMA"}},
	}
	b, r := newBase(t, calls{report: want})
	got, err := r.Look(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("look: %v (-want +got):\n%s", err, diff)
	}
	made, err := r.Make(t.Context(), "x.failoverd-1.db")
	if err != nil || made != (database.Made{Identity: "file 7", Mode: 0o640}) {
		t.Fatalf("made %+v, %v", made, err)
	}
	file, _, err := r.Open(t.Context(), "x.failoverd-1.db")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(file); err != nil || string(text) != "everything" {
		t.Errorf("fetched %q, %v", text, err)
	}
	if err := errors.Join(file.Close(), r.Sweep(t.Context(), "x.failoverd-")); err != nil {
		t.Error(err)
	}
	b.served.Wait()
	if left := b.there(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	for name, do := range map[string]func() error{
		"an unmarked file":  func() error { _, err := r.Make(t.Context(), "x.db"); return err },
		"a path":            func() error { _, err := r.Make(t.Context(), "../x.failoverd-1.db"); return err },
		"a file that comes": func() error { _, err := r.Create(t.Context(), "x.failoverd-1.db"); return err },
		"a backup's look":   func() error { _, err := (RemoteBase{b.remote}).Look(t.Context()); return err },
		"a backup's make":   func() error { _, err := (RemoteBase{b.remote}).Make(t.Context(), "x.failoverd-1.db"); return err },
	} {
		if do() == nil {
			t.Errorf("%s was taken", name)
		}
	}
	b.served.Wait()
	if list, err := filepath.Glob(filepath.Join(filepath.Dir(b.directory), "*", "*.db")); err != nil || len(list) > 0 {
		t.Errorf("there are now %q, %v", list, err)
	}
	if list, err := filepath.Glob(filepath.Join(filepath.Dir(b.directory), "*.db")); err != nil || len(list) > 0 {
		t.Errorf("outside there are now %q, %v", list, err)
	}
}

// Why an agent cannot do it comes as it was said, and is no cut connection.
func TestADatabaseThatCannotBeMade(t *testing.T) {
	_, r := newBase(t, calls{err: errors.New("no space left on the disk")})
	for _, do := range []func() error{
		func() error { _, err := r.Look(t.Context()); return err },
		func() error { _, err := r.Make(t.Context(), "x.failoverd-1.db"); return err },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "no space left on the disk") || errors.Is(err, errStream) {
			t.Errorf("%v", err)
		}
	}
}

// However much there is to say of a database, it fits into a frame; and what cannot be shown is not shown.
func TestWhatIsSaidOfADatabaseIsBounded(t *testing.T) {
	long := strings.Repeat("é\x1b<\"", 500)
	r := database.Report{Source: database.Server{Product: long, Version: long}, Bytes: 1, Objects: map[string]int{}}
	for i := range 200 {
		name := fmt.Sprint(i, long)
		r.Objects[name] = i
		r.NoKey = append(r.NoKey, name)
		r.Problems = append(r.Problems, database.Problem{Code: name, Blocks: true, Text: name, Remedy: name})
	}
	_, remote := newBase(t, calls{report: r})
	got, err := remote.Look(t.Context())
	if err != nil || len(got.Objects) != maxList || len(got.NoKey) != maxList || len(got.Problems) != maxFlaws {
		t.Fatalf("%v: %d, %d, %d", err, len(got.Objects), len(got.NoKey), len(got.Problems))
	}
	if text := fmt.Sprint(got); strings.ContainsRune(text, '\x1b') {
		t.Errorf("%q", text)
	}
}

func TestAnAgentThatLiesOfADatabaseIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		order string
		words string
	}{
		"nothing seen":    {"look", `{}`},
		"less than none":  {"look", `{"seen":{"size_bytes":-1}}`},
		"many flaws":      {"look", `{"seen":{"problems":[{},{},{},{},{},{}]}}`},
		"no identity":     {"make", `{"mode":416}`},
		"a long identity": {"make", `{"identity":"` + strings.Repeat("x", 401) + `"}`},
		"a strange mode":  {"make", `{"identity":"x","mode":4294967295}`},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				l := newLine(far, patience)
				defer l.close()
				if _, _, err := l.read(); err == nil {
					_ = l.write(answer, []byte(tt.words))
					_ = l.flush()
				}
			}()
			r := RemoteBase{Remote{Dial: func(context.Context) (io.ReadWriteCloser, error) { return near, nil }}}
			err := func() error {
				if tt.order == "look" {
					_, err := r.Look(t.Context())
					return err
				}
				_, err := r.Make(t.Context(), "x.failoverd-1.db")
				return err
			}()
			<-done
			if !errors.Is(err, errPeer) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A standby that goes away ends what is made for it.
func TestAStandbyThatGoesAwayEndsWhatIsMade(t *testing.T) {
	near, far := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- ServeBase(t.Context(), far, t.TempDir(), waitsForever{}) }()
	l := newLine(near, patience)
	if err := l.say(ask, order{Order: "make", File: "x.failoverd-1.db"}); err != nil {
		t.Fatal(err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, errGone) {
			t.Errorf("%v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the agent goes on")
	}
}

// waitsForever makes a copy until it need not.
type waitsForever struct{ calls }

func (waitsForever) Make(ctx context.Context, _ *os.Root, _ string) (database.Made, error) {
	<-ctx.Done()
	return database.Made{}, context.Cause(ctx)
}

func FuzzServeBase(f *testing.F) {
	f.Add([]byte("q\x00\x00\x00\x10{\"order\":\"look\"}"))
	f.Add([]byte("q\x00\x00\x00\x2b{\"order\":\"make\",\"file\":\"x.failoverd-1.db\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parent := t.TempDir()
		directory := filepath.Join(parent, "copies")
		if err := os.Mkdir(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		_ = ServeBase(t.Context(), canned{bytes.NewReader(b)}, directory, calls{})
		if list, err := os.ReadDir(parent); err != nil || len(list) != 1 {
			t.Errorf("outside there are now %v, %v", list, err)
		}
	})
}
