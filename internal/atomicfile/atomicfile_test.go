package atomicfile_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/internal/atomicfile"
)

// openRoot opens a new directory as the root of a test.
func openRoot(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	return root, dir
}

// assertFiles compares the names below dir with want.
func assertFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			got = append(got, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestWriteReplacesAndLeavesNothingBehind(t *testing.T) {
	root, dir := openRoot(t)
	if err := root.Mkdir("pbx", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first, and the longer one", "second"} {
		if err := atomicfile.Write(root, "pbx/standin.env", []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "pbx", "standin.env"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text, string(got)); diff != "" {
			t.Errorf("contents (-want +got):\n%s", diff)
		}
	}
	assertFiles(t, dir, "pbx/standin.env")
}

func TestWriteGivesThePermissionsWhateverTheUmask(t *testing.T) {
	root, dir := openRoot(t)
	// The umask belongs to the process, so this test does not run beside others.
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	if err := atomicfile.Write(root, "a", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode().Perm(), fs.FileMode(0o644); got != want {
		t.Errorf("permissions: got %v, want %v", got, want)
	}
}

func TestWriteStaysBelowItsRoot(t *testing.T) {
	root, dir := openRoot(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "escape")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../a", "escape/a", "/a"} {
		if err := atomicfile.Write(root, name, []byte("x"), 0o600); err == nil {
			t.Errorf("Write(%q): no error, want a refusal", name)
		}
	}
	assertFiles(t, outside)
}

func TestWriteThatFailsKeepsTheOldAndNoTemporary(t *testing.T) {
	root, dir := openRoot(t)
	// A directory that is not empty cannot be replaced by a file: the rename fails after the write went well.
	if err := os.MkdirAll(filepath.Join(dir, "name", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(root, "name", []byte("x"), 0o600); err == nil {
		t.Fatal("no error, want one from the rename")
	}
	assertFiles(t, dir)
}

// TestReadersNeverSeeHalf lets a reader look again and again while two writers replace the file.
func TestReadersNeverSeeHalf(t *testing.T) {
	root, dir := openRoot(t)
	contents := [][]byte{bytes.Repeat([]byte("a"), 1<<16), bytes.Repeat([]byte("b"), 1<<15)}
	if err := atomicfile.Write(root, "f", contents[0], 0o600); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for _, data := range contents {
		writers.Go(func() {
			for range 20 {
				if err := atomicfile.Write(root, "f", data, 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		got, err := os.ReadFile(filepath.Join(dir, "f"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Fatalf("read %d bytes that nobody wrote as a whole", len(got))
		}
	}
	assertFiles(t, dir, "f")
}
