package mysql

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"failoverd/replicate/database"
)

// fullDisk gives pairs whose target keeps its data on a disk of its own, with room for the company and some MiB; nil where
// a disk cannot be mounted.
func fullDisk(s servers) func(t *testing.T) database.Pair {
	if os.Geteuid() != 0 {
		return nil
	}
	return func(t *testing.T) database.Pair {
		t.Helper()
		dir := t.TempDir()
		data := filepath.Join(dir, "data")
		if err := os.Mkdir(data, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=512m"); err != nil {
			t.Skipf("a disk cannot be mounted here: %v", err)
		}
		small := s
		// Once the server has ended: cleanups run from the last to the first.
		t.Cleanup(func() {
			if err := errors.Join(small.target.Kill(), syscall.Unmount(data, 0)); err != nil {
				t.Error(err)
			}
		})
		// Small logs, which have their room at once.
		small.target = startServerIn(t, dir, "loose_innodb_log_file_size=8M", "loose_innodb_redo_log_capacity=8M")
		ballast(t, data, 80<<20)
		return small.pair(t)
	}
}

// ballast fills a disk until so much of it is left, and says how to take that away again.
func ballast(t *testing.T, dir string, left int64) (away func()) {
	t.Helper()
	var has syscall.Statfs_t
	if err := syscall.Statfs(dir, &has); err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(dir, "#ballast")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n := int64(has.Bavail)*has.Bsize - left; n > 0 {
		if err := syscall.Fallocate(int(f.Fd()), 0, 0, n); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
}

// fill takes what is left on the disk of a pair of fullDisk's.
func (s servers) fill(t *testing.T, p database.Pair) (free func()) {
	t.Helper()
	data, err := columnOf(t.Context(), p.Target.DSN, "SELECT @@datadir")
	if err != nil {
		t.Fatal(err)
	}
	return ballast(t, data[0], 0)
}
