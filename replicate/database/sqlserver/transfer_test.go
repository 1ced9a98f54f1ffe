package sqlserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"failoverd/replicate/database"
)

// journey is a run whose backup lies in one directory and has to come into another.
func journey(t *testing.T, content []byte, w database.Watch) (*run, database.Directory) {
	t.Helper()
	from, to := database.Directory{Path: t.TempDir()}, database.Directory{Path: t.TempDir()}
	r := &run{Pair: pairOf("pbx", "standby"), progress: progress{watch: w}, file: "x.failoverd-1.bak", size: int64(len(content))}
	r.Source.Shelf, r.Target.Shelf = from, to
	if err := os.WriteFile(filepath.Join(from.Path, r.file), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return r, to
}

func TestTransfer(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 300_000) // several buffers
	var last database.Progress
	r, to := journey(t, content, func(p database.Progress) {
		if p.Done < last.Done {
			t.Errorf("progress went back: %+v after %+v", p, last)
		}
		last = p
	})
	if travelled, err := r.transfer(t.Context()); err != nil || travelled != r.size {
		t.Fatalf("%d bytes travelled, %v", travelled, err)
	}
	got, err := os.ReadFile(filepath.Join(to.Path, r.file))
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes arrived, %v", len(got), err)
	}
	if want := (database.Progress{Phase: "transfer", Done: r.size, Total: r.size}); last != want {
		t.Errorf("the last progress is %+v, want %+v", last, want)
	}
}

// A directory that both servers share needs no second file.
func TestNothingTravelsWithinADirectory(t *testing.T) {
	r, _ := journey(t, []byte("x"), func(p database.Progress) { t.Errorf("progress %+v", p) })
	r.Target.Shelf = r.Source.Shelf
	if _, err := r.transfer(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(r.Source.Shelf.(database.Directory).Path)
	if err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// watchedShelf is a shelf that calls a function for every piece that is read.
type watchedShelf struct {
	database.Directory
	read func()
}

func (w watchedShelf) Open(ctx context.Context, file string) (io.ReadCloser, int64, error) {
	r, size, err := w.Directory.Open(ctx, file)
	return watchedReader{r, w.read}, size, err
}

type watchedReader struct {
	io.ReadCloser
	read func()
}

func (w watchedReader) Read(b []byte) (int, error) {
	w.read()
	return w.ReadCloser.Read(b)
}

func TestATransferThatIsCancelledLeavesNothing(t *testing.T) {
	unwanted := errors.New("not any more")
	ctx, cancel := context.WithCancelCause(t.Context())
	r, to := journey(t, make([]byte, 5<<20), nil)
	reads := 0
	r.Source.Shelf = watchedShelf{r.Source.Shelf.(database.Directory), func() {
		if reads++; reads == 2 {
			cancel(unwanted)
		}
	}}
	if _, err := r.transfer(ctx); !errors.Is(err, unwanted) {
		t.Errorf("transfer: %v, want %v", err, unwanted)
	}
	if list, err := os.ReadDir(to.Path); err != nil || len(list) > 0 || reads > 2 {
		t.Errorf("left behind after %d reads: %v, %v", reads, list, err)
	}
}

// forgetful is a shelf that gives back other bytes than it was given, as a share with a bad cable does.
type forgetful struct{ database.Directory }

func (f forgetful) Open(ctx context.Context, file string) (io.ReadCloser, int64, error) {
	r, size, err := f.Directory.Open(ctx, file)
	if err != nil {
		return nil, 0, err
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(r, first); err != nil {
		return nil, 0, errors.Join(err, r.Close())
	}
	first[0] ^= 1
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(first), r), r}, size, nil
}

// A backup is damaged on its way: its hash differs, and it is not taken.
func TestWhatArrivedDamagedIsNotTaken(t *testing.T) {
	r, to := journey(t, []byte("every bit counts"), nil)
	r.Target.Shelf = forgetful{to}
	if _, err := r.transfer(t.Context()); err == nil || !strings.Contains(err.Error(), "hashes differ") {
		t.Errorf("transfer: %v", err)
	}
}
