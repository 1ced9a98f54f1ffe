package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// staged is a file that is complete and waits for its place: without any name where the file system has such files,
// under a name on the stage otherwise. A file without a name costs half as much to put into its place, and a crash
// leaves nothing of it.
type staged struct {
	name string // on the stage; empty if it has none
	fd   int    // of a file without a name
	// problem is what attributes it has to do without, and why.
	problem string
}

// maxUnnamed is how many files without a name may wait: each is an open descriptor.
const maxUnnamed = 8192

// create makes a file on the stage, open for writing.
func (t *target) create() (s staged, fd int, err error) {
	if t.unnamed && t.waiting < maxUnnamed {
		fd, err := unix.Openat(t.stageFd, ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err == nil {
			t.waiting++
			return staged{fd: fd}, fd, nil
		}
		// No such files here; or, of descriptors, no more.
		if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) {
			t.unnamed = false
		}
	}
	t.last++
	name := "n" + strconv.FormatUint(t.last, 10)
	fd, err = unix.Openat(t.stageFd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return staged{}, -1, &os.PathError{Op: "create", Path: path.Join(stageDir, name), Err: err}
	}
	return staged{name: name}, fd, nil
}

// stageFile puts a small file on the stage.
func (t *target) stageFile(e *Entry, data []byte) (staged, error) {
	s, fd, err := t.create()
	if err != nil {
		return s, err
	}
	if err = writeAll(fd, data); err == nil {
		s.problem, err = t.dress(fd, e)
	}
	if s.name != "" {
		err = errors.Join(err, unix.Close(fd))
	}
	if err != nil {
		return staged{}, errors.Join(fmt.Errorf("stage %q: %w", e.Path, err), t.unstage(s))
	}
	return s, nil
}

// writeAll writes all of data to a regular file.
func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("write: %w", err)
		case n == 0:
			return io.ErrShortWrite
		default:
			data = data[n:]
		}
	}
	return nil
}

// unstage throws a staged file away.
func (t *target) unstage(s staged) error {
	if s.name != "" {
		return t.stage.Remove(s.name)
	}
	t.waiting--
	return unix.Close(s.fd)
}

// place gives a staged file its name in an open directory, instead of what is there.
func (t *target) place(s staged, dir int, name string, taken bool) error {
	if s.name == "" && !taken {
		if err := link(s.fd, dir, name); err != nil {
			return t.cannotLink(err)
		}
		return t.unstage(s)
	}
	if s.name == "" {
		// A link does not replace what is there; a rename does, and needs a name.
		t.last++
		named := staged{name: "n" + strconv.FormatUint(t.last, 10)}
		if err := link(s.fd, t.stageFd, named.name); err != nil {
			return t.cannotLink(err)
		}
		if err := unix.Renameat(t.stageFd, named.name, dir, name); err != nil {
			return errors.Join(fmt.Errorf("rename: %w", err), t.unstage(named))
		}
		return t.unstage(s)
	}
	if err := unix.Renameat(t.stageFd, s.name, dir, name); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	return nil
}

// cannotLink does without files that have no name if that is not allowed: the next try has one.
func (t *target) cannotLink(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EXDEV) {
		t.unnamed = false
	}
	return fmt.Errorf("link: %w", err)
}

// link gives a file without a name one. Of who may not link by descriptor alone, the kernel wants the way through /proc.
func link(fd, dir int, name string) error {
	err := unix.Linkat(fd, "", dir, name, unix.AT_EMPTY_PATH)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EPERM) {
		err = unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), dir, name, unix.AT_SYMLINK_FOLLOW)
	}
	return err
}

// syncStage waits until staged files are on the disk.
func (t *target) syncStage(list []staged) error {
	if len(list) > few {
		return t.syncAll()
	}
	for _, s := range list {
		if s.name != "" {
			if err := t.sync(t.stage, []string{s.name}); err != nil {
				return err
			}
		} else if err := unix.Fsync(s.fd); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
	return nil
}
