package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// logRoom is how large the log is made at the start: room for some ninety commits of a takeover. It is folded
// whenever nothing happens for a while, and then written from its beginning again.
const logRoom = 1 << 20

// makeRoom gives the log its size before it is needed. A commit that makes a file longer has the file system
// write its own journal too, which takes longer than the commit itself. What follows the last frame of a log
// means nothing to SQLite: every frame carries a salt and a checksum (https://www.sqlite.org/fileformat2.html, 4.1).
func makeRoom(log string) (err error) {
	f, err := os.OpenFile(log, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // There is none before the first commit.
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() >= logRoom {
		return nil
	}
	_, err = f.WriteAt(make([]byte, logRoom-info.Size()), info.Size())
	if errors.Is(err, syscall.ENOSPC) {
		return nil // It gets longer as it can.
	}
	if err != nil {
		return fmt.Errorf("make room in the journal's log: %w", err)
	}
	return f.Sync()
}
