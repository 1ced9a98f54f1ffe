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

// roomToRenew is how much must be free before the reserve is taken again, so that it does not fill the disk itself.
const roomToRenew = 8 * reserveSize

// reserve is a file of nothing that is given up when the disk is full.
type reserve struct {
	dir  string
	log  *slog.Logger
	kept atomic.Bool
}

// renew allocates the reserve where it is missing and there is room.
func (r *reserve) renew() {
	if r.kept.Load() {
		return
	}
	path := filepath.Join(r.dir, reserveName)
	if info, err := os.Lstat(path); err == nil && info.Size() == reserveSize {
		r.kept.Store(true)
		return
	}
	if free, err := freeBytes(r.dir); err != nil || free < roomToRenew {
		return
	}
	if err := allocate(path); err != nil {
		os.Remove(path)
		r.log.Warn("the journal has no reserve for a full disk", "err", err)
		return
	}
	r.kept.Store(true)
}

// giveUp frees the reserve where it is still kept.
func (r *reserve) giveUp() {
	if !r.kept.Swap(false) {
		return
	}
	err := os.Remove(filepath.Join(r.dir, reserveName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Error("the disk is full and the journal's reserve cannot be given up", "err", err)
		return
	}
	r.log.Error("the disk is full: the journal has given up its reserve", "directory", r.dir, "bytes", reserveSize)
}

// allocate makes a file of reserveSize whose blocks are really there.
func allocate(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	err = syscall.Fallocate(int(f.Fd()), 0, 0, reserveSize)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		_, err = f.Write(make([]byte, reserveSize))
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

// Room tells how many bytes are free where the journal is, and whether it still has its reserve.
func (j *Journal) Room() (free int64, reserve bool, err error) {
	free, err = freeBytes(j.dir)
	return free, j.reserve.kept.Load(), err
}
