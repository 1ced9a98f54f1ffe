package dbserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// memory is where POSIX shared memory lies on Linux (shm_overview(7)): a file system in memory, if there is one.
	memory = "/dev/shm"

	// memoryRoom is how much must be free there: half a dozen servers are at work at once, each with its logs.
	memoryRoom = 8 << 30

	dirPrefix = "failoverd-test-"
)

// Test is what Dir needs of a test.
type Test interface {
	Helper()
	TempDir() string
	Cleanup(func())
	Errorf(format string, args ...any)
}

// Dir is a directory for a server that ends with a test: in memory where there is plenty, else the test's own. Every table is
// a file or several, and a server spends half of a test on the file system if that is on a disk.
func Dir(t Test) string {
	t.Helper()
	dir, err := inMemory(memory, memoryRoom)
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove a server's directory: %v", err)
		}
	})
	return dir
}

// inMemory makes a directory in a file system in memory that has room. Those of processes that were killed go first.
func inMemory(where string, room uint64) (string, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(where, &s); err != nil {
		return "", err
	}
	if free := s.Bavail * uint64(s.Bsize); s.Type != unix.TMPFS_MAGIC || free < room {
		return "", fmt.Errorf("%s: %d bytes are free, or it is not in memory", where, free)
	}
	left, err := filepath.Glob(filepath.Join(where, dirPrefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "-")
		if n, err := strconv.Atoi(pid); err != nil || unix.Kill(n, 0) != unix.ESRCH {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(where, fmt.Sprintf("%s%d-", dirPrefix, os.Getpid()))
}
