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
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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
	w, err := b.remote.Create(t.Context(), "x.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(w, bytes.NewReader(content)); err != nil || n != int64(len(content)) {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if slices.Contains(b.there(), "x.failoverd-1.bak") {
		t.Error("it is there before its end")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(b.directory, "x.failoverd-1.bak")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes arrived, %v", len(got), err)
	}
	sum := sha256.Sum256(content)
	if got, err := b.remote.Hash(t.Context(), "x.failoverd-1.bak"); err != nil || !bytes.Equal(got, sum[:]) {
		t.Errorf("hash %x, %v, want %x", got, err, sum)
	}
	if free, err := b.remote.Free(t.Context()); err != nil || free <= 0 {
		t.Errorf("free: %d, %v", free, err)
	}
	for range 2 {
		if err := b.remote.Sweep(t.Context(), "x.failoverd-1.bak"); err != nil {
			t.Error("remove:", err)
		}
	}

	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	for i, give := range []func(io.WriteCloser){
		func(w io.WriteCloser) { _ = w.(interface{ Abandon() error }).Abandon() },
		func(io.WriteCloser) { cancel(gone) },
	} {
		w, err := b.remote.Create(ctx, "y.failoverd-1.bak")
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
		_ = s.tell(&refused{Text: "write \"x.failoverd-1.bak\": no space left on device\x1b[2J"})
	}()
	r := Remote{Dial: func(context.Context) (io.ReadWriteCloser, error) { return near, nil }}
	w, err := r.Create(t.Context(), "x.failoverd-1.bak")
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	for range 1000 {
		if _, failed = w.Write(make([]byte, mega)); failed != nil {
			break
		}
	}
	if failed == nil || failed.Error() != `the agent says: write "x.failoverd-1.bak": no space left on device?[2J` {
		t.Errorf("%v", failed)
	}
	if err := w.Close(); err != failed {
		t.Errorf("Close: %v", err)
	}
}

func TestNamesAreTheServersOwn(t *testing.T) {
	if got := (Remote{Server: `D:\Backup`}).Name("x.failoverd-1.bak"); got != `D:\Backup\x.failoverd-1.bak` {
		t.Error(got)
	}
	if same, err := database.Same(Remote{}, database.Directory{Path: t.TempDir()}); same || err != nil {
		t.Errorf("%v, %v", same, err)
	}
}

// What is not failoverd's own in the directory is its owner's, and stays so.
func TestOnlyMarkedFilesAreServed(t *testing.T) {
	b := newBed(t)
	for _, name := range []string{"full.bak", ".failoverd-", "failoverd-1.bak", "x.failoverd.bak"} {
		b.write(name, []byte("the owner's"))
		_, fetched := b.fetch(name)
		_, hashed := b.remote.Hash(t.Context(), name)
		w, made := b.remote.Create(t.Context(), name)
		if made == nil {
			made = w.Close()
		}
		swept := b.remote.Sweep(t.Context(), name)
		for what, err := range map[string]error{"fetched": fetched, "hashed": hashed, "made": made, "swept": swept} {
			if err == nil || !strings.Contains(err.Error(), "is no backup of failoverd") {
				t.Errorf("%s was %s: %v", name, what, err)
			}
		}
		if got, err := os.ReadFile(filepath.Join(b.directory, name)); err != nil || string(got) != "the owner's" {
			t.Errorf("%s is now %q, %v", name, got, err)
		}
	}
}

// A directory in which nothing can be cleared away is found out before a night's work, not after.
func TestADirectoryThatMayNotBeWrittenTo(t *testing.T) {
	directory, err := os.MkdirTemp("/tmp", "failoverd-") // which everybody may look into
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(directory) })
	if err := os.Chmod(directory, 0o555); err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() {
		// Root may write everywhere, so this thread, which ends here, is somebody else.
		runtime.LockOSThread()
		const nobody = 65534
		err := error(nil)
		if os.Geteuid() == 0 {
			err = unix.Setfsuid(nobody)
		}
		served <- errors.Join(err, Serve(t.Context(), far, directory))
	}()
	r := Remote{Dial: func(context.Context) (io.ReadWriteCloser, error) { return near, nil }}
	if _, err := r.Free(t.Context()); err == nil || !strings.Contains(err.Error(), "may not make and remove files in") {
		t.Errorf("free: %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestADirectoryThatIsGone(t *testing.T) {
	b := newBed(t)
	b.directory = filepath.Join(b.directory, "unmounted")
	if _, err := b.remote.Free(t.Context()); err == nil || !strings.Contains(err.Error(), "unmounted") {
		t.Errorf("free: %v", err)
	}
	if _, err := b.remote.Create(t.Context(), "x.failoverd-1.bak"); err == nil || !strings.Contains(err.Error(), "unmounted") {
		t.Errorf("create: %v", err)
	}
}
