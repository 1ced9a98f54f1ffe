package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// tree reads below one directory and never above it: a path that leads through a symbolic link is not followed, whoever
// put the link there and when.
type tree struct {
	directory string
	root      *os.File // the directory, open for as long as the tree is
	id        identity
}

// identity is what tells one directory from another that was mounted in its place.
type identity struct{ device, inode uint64 }

// openTree opens the directory of a tree, which may itself be reached by a link.
func openTree(directory string) (*tree, error) {
	fd, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: directory, Err: err}
	}
	t := &tree{directory: directory, root: os.NewFile(uintptr(fd), directory)}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = t.root.Close()
		return nil, &fs.PathError{Op: "stat", Path: directory, Err: err}
	}
	t.id = identity{device: uint64(st.Dev), inode: st.Ino}
	return t, nil
}

func (t *tree) close() error { return t.root.Close() }

// there says whether the directory is still the one that was opened: not unmounted, renamed or replaced.
func (t *tree) there() error {
	var st unix.Stat_t
	if err := unix.Stat(t.directory, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: t.directory, Err: err}
	}
	if (identity{uint64(st.Dev), st.Ino}) != t.id {
		return fmt.Errorf("%s is another directory than before: unmounted, or replaced", t.directory)
	}
	return nil
}

// openAt opens a path below the root without following any link. "." is the root.
func (t *tree) openAt(p string, flags uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(int(t.root.Fd()), p, &how)
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			// EAGAIN: a rename raced with the walk along the path; openat2(2) says to try again.
			continue
		}
		return -1, &fs.PathError{Op: "open", Path: p, Err: err}
	}
}

// open opens a regular file for reading. It never waits for the other end of a pipe.
func (t *tree) open(p string) (*os.File, error) {
	fd, err := t.openAt(p, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), p), nil
}

// lstat looks at a path, of a link at the link itself. It returns an error that is fs.ErrNotExist when there is nothing,
// also when something above is no directory any more, or a link.
func (t *tree) lstat(p string) (stat, error) {
	fd, err := t.openAt(p, unix.O_PATH)
	if err != nil {
		if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV) {
			err = &fs.PathError{Op: "stat", Path: p, Err: fs.ErrNotExist}
		}
		return stat{}, err
	}
	defer func() { _ = unix.Close(fd) }()
	s, err := statOf(fd, "", p)
	if err == nil {
		err = s.more(attributed{fd: fd, held: true}, p)
	}
	return s, err
}

// list reads a directory and looks at everything in it. Names that vanish meanwhile are left out.
func (t *tree) list(p string, each func(name string, s stat, err error)) error {
	fd, err := t.openAt(p, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	d := os.NewFile(uintptr(fd), p)
	defer func() { _ = d.Close() }()
	for {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			s, err := statOf(fd, name, path.Join(p, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = s.more(attributed{fd: fd, name: name}, path.Join(p, name))
			}
			each(name, s, err)
		}
		if len(names) == 0 {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// stat is what the file system says of a path, as far as a copy needs it.
type stat struct {
	kind                  Kind // zero for what is never copied
	irregular             string
	size, modTime, change int64
	inode, device         uint64
	links                 uint64
	mode, uid, gid        uint32
	target                string
	attributes            []attribute // of files and directories of a source's tree
	unread                string      // what of them could not be read, and why
}

// statOf looks at a name in an open directory, or at the descriptor itself if the name is empty.
func statOf(fd int, name, shown string) (stat, error) {
	var st unix.Stat_t
	var err error
	if name == "" {
		err = unix.Fstat(fd, &st)
	} else {
		err = unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return stat{}, &fs.PathError{Op: "stat", Path: shown, Err: err}
	}
	s := stat{
		modTime: st.Mtim.Nano(), change: st.Ctim.Nano(), inode: st.Ino, device: uint64(st.Dev),
		links: uint64(st.Nlink), mode: st.Mode & 0o7777, uid: st.Uid, gid: st.Gid,
	}
	s.setKind(st.Mode, st.Size)
	return s, nil
}

// setKind says what a mode with its type bits is.
func (s *stat) setKind(mode uint32, size int64) {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		s.kind, s.size = File, size
	case unix.S_IFDIR:
		s.kind = Directory
	case unix.S_IFLNK:
		s.kind = Symlink
	case unix.S_IFIFO:
		s.irregular = "a named pipe"
	case unix.S_IFSOCK:
		s.irregular = "a socket"
	default:
		s.irregular = "a device"
	}
}

// more adds what takes a further question: where a link points, and the attributes of everything else that is copied.
func (s *stat) more(a attributed, shown string) (err error) {
	switch s.kind {
	case Symlink:
		s.target, err = readLink(a.fd, a.name, shown)
	case File, Directory:
		var problem error
		if s.attributes, problem = a.read(); problem != nil {
			s.unread = problem.Error()
		}
	case Gone:
	}
	return err
}

func readLink(fd int, name, shown string) (string, error) {
	b := make([]byte, maxPath+1)
	n, err := unix.Readlinkat(fd, name, b)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: shown, Err: err}
	}
	return string(b[:n]), nil
}

// beingWritten says whether anybody has a file open for writing. known is false where the system does not tell: on
// network file systems, and for who is neither the file's owner nor allowed CAP_LEASE.
//
// It asks for a read lease, which the kernel refuses while there is a writer (fcntl(2), F_SETLEASE), and gives it back at
// once. A writer who opens the file in that moment waits until it is given back.
func (t *tree) beingWritten(p string) (writing, known bool) {
	f, err := t.open(p)
	if err != nil {
		return false, false
	}
	defer func() { _ = f.Close() }()
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case err == nil:
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
		return false, true
	case errors.Is(err, unix.EAGAIN):
		return true, true
	}
	return false, false
}

// fileSystem names the type of the file system that a directory is on, and says whether changes that other hosts make to
// it go unnoticed by inotify.
func fileSystem(directory string) (name string, remote bool, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(directory, &st); err != nil {
		return "", false, &fs.PathError{Op: "statfs", Path: directory, Err: err}
	}
	// statfs(2) has the numbers. FUSE may be local, but what is behind it may change without the kernel knowing.
	switch uint32(st.Type) {
	case unix.NFS_SUPER_MAGIC:
		return "NFS", true, nil
	case unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "SMB", true, nil
	case unix.FUSE_SUPER_MAGIC:
		return "FUSE", true, nil
	case unix.V9FS_MAGIC:
		return "9P", true, nil
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "AFS", true, nil
	case unix.CEPH_SUPER_MAGIC:
		return "Ceph", true, nil
	case unix.CODA_SUPER_MAGIC:
		return "Coda", true, nil
	case unix.NCP_SUPER_MAGIC:
		return "NCP", true, nil
	case unix.OCFS2_SUPER_MAGIC:
		return "OCFS2", true, nil
	case 0x01161970:
		return "GFS2", true, nil
	case unix.EXT4_SUPER_MAGIC:
		return "ext4", false, nil
	case unix.XFS_SUPER_MAGIC:
		return "XFS", false, nil
	case unix.BTRFS_SUPER_MAGIC:
		return "Btrfs", false, nil
	case unix.TMPFS_MAGIC:
		return "tmpfs", false, nil
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay", false, nil
	}
	return "type 0x" + strconv.FormatUint(uint64(uint32(st.Type)), 16), false, nil
}

// readNumber reads a file that holds one number, such as a sysctl under /proc/sys.
func readNumber(file string) (int, error) {
	b, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(trimNewline(b)))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	return n, nil
}

func trimNewline(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

// isReadOnly says whether an error means that the file system is mounted to be read only.
func isReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

// isNotDirectory says whether an error means that a path is no directory, or that a link leads to it.
func isNotDirectory(err error) bool {
	return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV)
}
