package sqlite

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// identity tells a file from another one under its name: by its number, and its birth where the file system knows it.
func identity(path string) (string, error) {
	var s unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &s); err != nil {
		return "", fmt.Errorf("look at %s: %w", path, err)
	}
	text := fmt.Sprintf("file %d", s.Ino)
	if s.Mask&unix.STATX_BTIME != 0 {
		text += " of " + time.Unix(s.Btime.Sec, int64(s.Btime.Nsec)).UTC().Format(time.RFC3339Nano)
	}
	return text, nil
}

// free is how many bytes a directory's file system has for us, and of what kind it is.
func free(dir string) (bytes, kind int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return -1, 0, fmt.Errorf("ask for the space in %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, s.Type, nil
}

// writable says whether failoverd may make files in a directory.
func writable(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
