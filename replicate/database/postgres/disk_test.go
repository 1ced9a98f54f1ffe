package postgres

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"failoverd/replicate/database"
)

// fullDisk gives pairs whose target keeps its catalogs on a disk of their own, with room for the company and some
// MiB; nil where a disk cannot be mounted.
func fullDisk(s servers) func(t *testing.T) database.Pair {
	if os.Geteuid() != 0 {
		return nil
	}
	return func(t *testing.T) database.Pair {
		t.Helper()
		small := s
		_, programs, _ := strings.Cut(os.Getenv(versions), ":")
		small.target = startServer(t, programs)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		directory, err := s.found(ctx, small.target.DSN(engineer), "postgres", `SELECT setting FROM pg_settings WHERE name = 'data_directory'`)
		must(t, err)
		must(t, small.target.Stop(ctx))
		base := filepath.Join(directory[0], "base")
		must(t, os.Rename(base, base+".of.initdb"))
		must(t, os.Mkdir(base, 0o700))
		if err := syscall.Mount("tmpfs", base, "tmpfs", 0, "size=96m"); err != nil {
			t.Skipf("a disk cannot be mounted here: %v", err)
		}
		// Once the server has ended: cleanups run from the last to the first, and its own was registered before.
		t.Cleanup(func() {
			if err := errors.Join(small.target.Kill(), syscall.Unmount(base, 0)); err != nil {
				t.Error(err)
			}
		})
		if out, err := exec.Command("cp", "-a", base+".of.initdb/.", base).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var owner syscall.Stat_t
		must(t, syscall.Stat(directory[0], &owner))
		must(t, os.Chown(base, int(owner.Uid), int(owner.Gid)))
		must(t, os.Chmod(base, 0o700))
		must(t, small.target.Start(ctx))
		_, err = ask(ctx, small.target.DSN(administrator), administrator, "postgres", "GRANT pg_read_all_settings TO failoverd")
		must(t, err)
		return small.pair(t)
	}
}

// fill takes what is left on the disk of a pair of fullDisk's.
func (s servers) fill(t *testing.T, p database.Pair) (free func()) {
	t.Helper()
	base, err := s.found(t.Context(), p.Target.DSN, "postgres", `SELECT setting || '/base' FROM pg_settings WHERE name = 'data_directory'`)
	must(t, err)
	fill := filepath.Join(base[0], "filled")
	out, _ := exec.Command("dd", "if=/dev/zero", "of="+fill, "bs=64K").CombinedOutput() // It ends when the disk is full.
	if !strings.Contains(string(out), "No space") {
		t.Errorf("the disk is not full: %s", out)
	}
	free = func() {
		if err := os.Remove(fill); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	t.Cleanup(free)
	return free
}

// TestDiskFullWhileIndexesAreMade fills the target's disk behind a copy's back, after its rows have been written.
func TestDiskFullWhileIndexesAreMade(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	make := fullDisk(s)
	if make == nil {
		t.Skip("only root can mount a disk")
	}
	p := make(t)
	s.app(t, p.Source, p.Source.Catalog, schema+data+dialect().Bulk(40_000)+`; CREATE INDEX notes_line ON notes (line)`)
	filled := false
	_, err := Engine{}.Copy(t.Context(), p, func(at database.Progress) {
		if at.Phase != "indexes" || filled {
			return
		}
		filled = true
		s.fill(t, p)
	})
	if err == nil || !strings.Contains(err.Error(), "No space left") {
		t.Errorf("copy: %v, want an error that speaks of the disk", err)
	}
	must(t, Engine{}.Discard(t.Context(), p))
	if got := s.standing(t, p); len(got) > 0 {
		t.Errorf("after Discard stand %q", got)
	}
}
