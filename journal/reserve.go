package journal

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

// reserveSize is the room that the journal keeps for the hour when the disk is full: some thousand
// commits, enough for a takeover and its alerts.
const reserveSize = 4 << 20

// startSize is how much is kept at most when the journal is closed on a disk that is full: what opening it takes, the index of
// the log above all, and the first commits.
const startSize = 256 << 10

// roomToRenew is how much must be free before the reserve is taken again, so that it does not fill the disk itself.
const roomToRenew = 8 * reserveSize

// reserve is a file of nothing that is given up when the disk is full.
type reserve struct {
	dir  string
	log  *slog.Logger
	size atomic.Int64 // what is there to be given up
}

func (r *reserve) path() string { return filepath.Join(r.dir, reserveName) }

// whole says whether all of it is there.
func (r *reserve) whole() bool { return r.size.Load() == reserveSize }

// find looks for what an earlier process has left.
func (r *reserve) find() {
	if info, err := os.Lstat(r.path()); err == nil {
		r.size.Store(info.Size())
	}
}

// renew allocates the reserve where it is not whole and there is room.
func (r *reserve) renew() {
	if r.whole() {
		return
	}
	if free, err := freeBytes(r.dir); err != nil || free < roomToRenew {
		return
	}
	if err := allocate(r.path(), reserveSize); err != nil {
		os.Remove(r.path())
		r.size.Store(0)
		r.log.Warn("the journal has no reserve for a full disk", "err", err)
		return
	}
	r.size.Store(reserveSize)
}

// keep takes from what the log has just given back what the next start needs, where there is nothing else for it.
func (r *reserve) keep() {
	if r.size.Load() > 0 {
		return
	}
	free, err := freeBytes(r.dir)
	if err == nil && free > 0 {
		err = allocate(r.path(), min(free, startSize))
	}
	if err != nil {
		os.Remove(r.path())
	}
}

// giveUp frees the reserve where there is one.
func (r *reserve) giveUp() {
	size := r.size.Swap(0)
	if size == 0 {
		return
	}
	if err := os.Remove(r.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Error("the disk is full and the journal's reserve cannot be given up", "err", err)
		return
	}
	r.log.Error("the disk is full: the journal has given up its reserve", "directory", r.dir, "bytes", size)
}

// allocate makes a file of a size whose blocks are really there.
func allocate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	err = syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		_, err = f.Write(make([]byte, size))
	}
	return errors.Join(err, f.Close())
}

// freeBytes tells how much an ordinary user may still write in dir.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * s.Bsize, nil
}
