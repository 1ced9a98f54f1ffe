package shelf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"failoverd/replicate/database"
)

// there are the names in the primary's directory.
func (b *bed) there() (names []string) {
	b.t.Helper()
	list, err := os.ReadDir(b.directory)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestPutIsWholeOrNotAtAll(t *testing.T) {
	b := newBed(t)
	content := noise(1, 5*mega+1)
	w, err := b.remote.Create(t.Context(), "x.bak")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(w, bytes.NewReader(content)); err != nil || n != int64(len(content)) {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if slices.Contains(b.there(), "x.bak") {
		t.Error("it is there before its end")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(b.directory, "x.bak")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes arrived, %v", len(got), err)
	}
	sum := sha256.Sum256(content)
	if got, err := b.remote.Hash(t.Context(), "x.bak"); err != nil || !bytes.Equal(got, sum[:]) {
		t.Errorf("hash %x, %v, want %x", got, err, sum)
	}
	if free, err := b.remote.Free(t.Context()); err != nil || free <= 0 {
		t.Errorf("free: %d, %v", free, err)
	}
	for range 2 {
		if err := b.remote.Remove(t.Context(), "x.bak"); err != nil {
			t.Error("remove:", err)
		}
	}

	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	for i, give := range []func(io.WriteCloser){
		func(w io.WriteCloser) { _ = w.(interface{ Abandon() error }).Abandon() },
		func(io.WriteCloser) { cancel(gone) },
	} {
		w, err := b.remote.Create(ctx, "y.bak")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		give(w)
		if err := w.Close(); err == nil {
			t.Errorf("%d: closed", i)
		}
	}
	b.served.Wait()
	if names := b.there(); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// A reason that the agent has is told to who is still sending.
func TestAPutThatFailsSaysWhy(t *testing.T) {
	near, far := net.Pipe()
	go func() {
		l := newLine(far, patience)
		defer l.close()
		if _, _, err := l.read(); err != nil {
			return
		}
		_ = l.say(answer, result{})
		_, _, _ = l.read()
		s := serving{line: l}
		_ = s.tell(&refused{Text: "write \"x.bak\": no space left on device\x1b[2J"})
	}()
	r := Remote{Dial: func(context.Context) (io.ReadWriteCloser, error) { return near, nil }}
	w, err := r.Create(t.Context(), "x.bak")
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	for range 1000 {
		if _, failed = w.Write(make([]byte, mega)); failed != nil {
			break
		}
	}
	if failed == nil || failed.Error() != `the agent says: write "x.bak": no space left on device?[2J` {
		t.Errorf("%v", failed)
	}
	if err := w.Close(); err != failed {
		t.Errorf("Close: %v", err)
	}
}

func TestNamesAreTheServersOwn(t *testing.T) {
	if got := (Remote{Server: `D:\Backup`}).Name("x.bak"); got != `D:\Backup\x.bak` {
		t.Error(got)
	}
	if same, err := database.Same(Remote{}, database.Directory{Path: t.TempDir()}); same || err != nil {
		t.Errorf("%v, %v", same, err)
	}
}

func TestADirectoryThatIsGone(t *testing.T) {
	b := newBed(t)
	b.directory = filepath.Join(b.directory, "unmounted")
	if _, err := b.remote.Free(t.Context()); err == nil || !strings.Contains(err.Error(), "unmounted") {
		t.Errorf("free: %v", err)
	}
	if _, err := b.remote.Create(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "unmounted") {
		t.Errorf("create: %v", err)
	}
}
