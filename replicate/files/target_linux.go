package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Where the sink keeps what is its own, below the root of its tree.
const (
	stageDir = Private + "/stage" // files that are not complete, or not yet in their place
	trashDir = Private + "/trash" // what was deleted or overwritten
)

// target is the tree of a sink. Everything that it does goes through an os.Root, so that no name and no symbolic link
// leads out of the directory, whoever put it there and when.
type target struct {
	root     *os.Root
	stage    *os.Root // the directory stageDir
	stageDir *os.File // the same, for what names nothing below it
	stageFd  int      // of stageDir
	top      *os.File // the directory of root, for what concerns the whole file system
	owners
	last       uint64        // number of the last staged file
	window     int64         // how much of a large file is compared and fetched at a time
	reachEvery time.Duration // how often what has come of a part is made durable
	unnamed    bool          // files without a name are possible here, as far as is known
	waiting    int           // how many of them there are
}

// openTarget opens the directory of a copy, and makes it and failoverd's own directories in it where they are missing.
func openTarget(directory string) (_ *target, err error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	t := &target{owners: hostOwners(), unnamed: true, window: window, reachEvery: reachEvery}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close())
		}
	}()
	if t.root, err = os.OpenRoot(directory); err != nil {
		return nil, err
	}
	if t.top, err = t.root.Open("."); err != nil {
		return nil, err
	}
	for _, own := range []string{Private, stageDir, trashDir} {
		if err := t.root.Mkdir(own, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		// A link in their place would lead the stage to where a rename cannot reach.
		if info, err := t.root.Lstat(own); err != nil || !info.IsDir() {
			return nil, errors.Join(fmt.Errorf("%s in %s is not a directory", own, directory), err)
		}
	}
	if t.stage, err = t.root.OpenRoot(stageDir); err != nil {
		return nil, err
	}
	if t.stageDir, err = t.stage.Open("."); err != nil {
		return nil, err
	}
	t.stageFd = int(t.stageDir.Fd())
	return t, nil
}

// close gives the descriptors back.
func (t *target) close() error {
	var errs []error
	if t.stageDir != nil {
		errs = append(errs, t.stageDir.Close())
	}
	if t.stage != nil {
		errs = append(errs, t.stage.Close())
	}
	if t.top != nil {
		errs = append(errs, t.top.Close())
	}
	if t.root != nil {
		errs = append(errs, t.root.Close())
	}
	return errors.Join(errs...)
}

// lstat looks at what is at a path, of a link at the link itself. The directories above must have been looked at
// (see reach): os.Root follows links that stay inside.
func (t *target) lstat(p string) (stat, error) {
	info, err := t.root.Lstat(p)
	if err != nil {
		return stat{}, err
	}
	s := statOfSys(info.Sys().(*syscall.Stat_t))
	if s.kind == Symlink {
		s.target, err = t.root.Readlink(p)
	}
	return s, err
}

// statOfSys translates what package os says.
func statOfSys(st *syscall.Stat_t) stat {
	s := stat{
		modTime: st.Mtim.Nano(), change: st.Ctim.Nano(), inode: st.Ino, device: uint64(st.Dev),
		links: uint64(st.Nlink), mode: st.Mode & 0o7777, uid: st.Uid, gid: st.Gid,
	}
	s.setKind(st.Mode, st.Size)
	return s
}

// dress gives an open file the owner, attributes, mode and time of an entry; the owner only where this host knows him and lets
// us. The problem is what attributes it has to do without, and why.
func (t *target) dress(fd int, e *Entry) (problem string, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", fmt.Errorf("stat: %w", err)
	}
	if uid, gid := t.ids(e, st.Uid, st.Gid); uid != st.Uid || gid != st.Gid {
		if err := unix.Fchown(fd, int(uid), int(gid)); err != nil && !errors.Is(err, unix.EPERM) {
			return "", fmt.Errorf("set the owner: %w", err)
		}
	}
	// After the owner: a change of owner takes the set-user-ID bit away, and capabilities.
	problem = t.adorn(attributed{fd: fd}, e.Attributes)
	if err := unix.Fchmod(fd, e.Mode); err != nil {
		return "", fmt.Errorf("set the mode: %w", err)
	}
	when := unix.NsecToTimespec(e.ModTime)
	if err := unix.UtimesNanoAt(fd, "", []unix.Timespec{when, when}, unix.AT_EMPTY_PATH); err != nil {
		return "", fmt.Errorf("set the time: %w", err)
	}
	return problem, nil
}

// ids are the numbers of an entry's owner and group, or those given where this host does not know them.
func (t *target) ids(e *Entry, uid, gid uint32) (uint32, uint32) {
	if id, ok := t.users.number(e.Owner); ok {
		uid = id
	}
	if id, ok := t.groups.number(e.Group); ok {
		gid = id
	}
	return uid, gid
}

// fileMode is chmod(2)'s bits as package os has them.
func fileMode(bits uint32) fs.FileMode {
	mode := fs.FileMode(bits & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if bits&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

// setTime sets the modification time of what is at a path, of a link that of the link itself.
func (t *target) setTime(p string, modTime int64) error {
	d, err := t.root.Open(path.Dir(p))
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	when := unix.NsecToTimespec(modTime)
	if err := unix.UtimesNanoAt(int(d.Fd()), path.Base(p), []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "set the time of", Path: p, Err: err}
	}
	return nil
}

// timeAbove is the modification time of the directory that a path lies in; zero if it is not there, or the root, whose time is
// the standby's own. known remembers those that were asked for.
func (t *target) timeAbove(p string, known map[string]int64) int64 {
	dir := path.Dir(p)
	if dir == "." {
		return 0
	}
	at, ok := known[dir]
	if !ok {
		if s, err := t.lstat(dir); err == nil && s.kind == Directory {
			at = s.modTime
		}
		known[dir] = at
	}
	return at
}

// mendAbove puts the time of a directory back, which whoever was killed when he put something there could not do any more. If
// the directory has changed since, that is announced again.
func (t *target) mendAbove(m *missing) error {
	dir := path.Dir(m.entry.Path)
	if m.above == 0 || t.timeAbove(m.entry.Path, map[string]int64{}) == m.above {
		return nil
	}
	if err := t.setTime(dir, m.above); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// open opens a regular file of the copy for reading.
func (t *target) open(p string) (*os.File, error) {
	return t.root.OpenFile(p, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

// few is how many files or directories are made durable one by one; for more, one call for the whole file system is
// cheaper.
const few = 8

// sync waits until files of one os.Root, named, are on the disk.
func (t *target) sync(root *os.Root, names []string) error {
	if len(names) > few {
		return t.syncAll()
	}
	for _, name := range names {
		f, err := root.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a directory that was made and went within one group
		}
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("sync %q: %w", name, err)
		}
	}
	return nil
}

// syncAll waits until everything of the file system is on the disk.
func (t *target) syncAll() error {
	if err := unix.Syncfs(int(t.top.Fd())); err != nil {
		return fmt.Errorf("sync the file system: %w", err)
	}
	return nil
}

// free is how many bytes may still be written.
func (t *target) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(t.top.Fd()), &st); err != nil {
		return 0, fmt.Errorf("ask for free space: %w", err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// walk visits everything below a directory, parents before children; what is failoverd's own is left out. enter says
// whether to go into a directory.
func (t *target) walk(dir string, visit func(p string, isDir bool) (enter bool)) error {
	d, err := t.root.Open(dir)
	if err != nil {
		return err
	}
	list, err := d.ReadDir(-1)
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	for _, item := range list {
		p := path.Join(dir, item.Name())
		if isPrivate(p) {
			continue
		}
		if visit(p, item.IsDir()) && item.IsDir() {
			if err := t.walk(p, visit); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// sweep takes off the stage what a crash has left, and parts that nobody has asked for in a week.
func (t *target) sweep(now time.Time) error {
	d, err := t.stage.Open(".")
	if err != nil {
		return err
	}
	list, err := d.Readdirnames(-1)
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	for _, name := range list {
		info, err := t.stage.Lstat(name)
		if err == nil && isPart(name) && info.Mode().IsRegular() && now.Sub(info.ModTime()) < keepParts {
			continue
		}
		if err := t.stage.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// prune removes from the trash the days that lie longer back than the retention.
func (t *target) prune(now time.Time, retention time.Duration) error {
	d, err := t.root.Open(trashDir)
	if err != nil {
		return err
	}
	days, err := d.Readdirnames(-1)
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	for _, name := range days {
		day, err := time.Parse(time.DateOnly, name)
		if err != nil {
			continue // not ours
		}
		// Something that was thrown away in the last moment of the day is kept for the whole time as well.
		if now.Sub(day.AddDate(0, 0, 1)) > retention {
			if err := t.root.RemoveAll(path.Join(trashDir, name)); err != nil {
				return fmt.Errorf("empty the trash: %w", err)
			}
		}
	}
	return nil
}
