package database

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Directory is a Shelf that both sides see: the database server by its own name for it, failoverd by a path. That is the
// same directory where they share a host, and a mounted share where they do not.
type Directory struct {
	Server string // as the database server names it: D:\Backup, /var/opt/mssql/backup
	Path   string // as failoverd sees it
}

// Name joins the way that the server's own system does.
func (d Directory) Name(file string) string {
	separator := "/"
	if strings.Contains(d.Server, `\`) || len(d.Server) == 2 && d.Server[1] == ':' {
		separator = `\`
	}
	return strings.TrimRight(d.Server, separator) + separator + file
}

// Open opens a file for reading and tells its size.
func (d Directory) Open(ctx context.Context, file string) (io.ReadCloser, int64, error) {
	root, err := d.root(ctx, file)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	f, err := root.Open(file)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: file, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// Create makes a new file under a temporary name, which Close turns into the real one when everything is on the disk.
// The file belongs to the directory's group where failoverd may say so, because the database server has to read it.
func (d Directory) Create(ctx context.Context, file string) (io.WriteCloser, error) {
	root, err := d.root(ctx, file)
	if err != nil {
		return nil, err
	}
	temp := "." + file + "." + rand.Text() + ".tmp"
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o660)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	n := &newFile{root: root, file: f, temp: temp, name: file}
	if err := n.share(); err != nil {
		return nil, errors.Join(err, n.abandon())
	}
	return n, nil
}

// Sweep removes the files whose names begin so, and the unfinished ones of a Create that was killed.
func (d Directory) Sweep(ctx context.Context, beginning string) error {
	if !Marked(beginning) {
		return fmt.Errorf("%q is the beginning of no backup of failoverd", beginning)
	}
	root, err := d.root(ctx, beginning)
	if err != nil {
		return err
	}
	defer root.Close()
	names, err := namesIn(root)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(strings.TrimPrefix(name, "."), beginning) {
			continue
		}
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// namesIn lists a directory.
func namesIn(root *os.Root) (names []string, err error) {
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Readdirnames(-1)
}

// Free is how many bytes are free for failoverd.
func (d Directory) Free(ctx context.Context) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, context.Cause(ctx)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(d.Path, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: d.Path, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// Same says whether two shelves are one directory, so that nothing has to travel between them.
func Same(a, b Shelf) (bool, error) {
	one, ok := a.(Directory)
	other, too := b.(Directory)
	if !ok || !too {
		return false, nil
	}
	first, err := os.Stat(one.Path)
	if err != nil {
		return false, err
	}
	second, err := os.Stat(other.Path)
	if err != nil {
		return false, err
	}
	return os.SameFile(first, second), nil
}

// root opens the directory, and refuses what is no plain file name.
func (d Directory) root(ctx context.Context, file string) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if file == "" || file == "." || file == ".." || strings.ContainsAny(file, `/\`) {
		return nil, fmt.Errorf("%q is no file name", file)
	}
	return os.OpenRoot(d.Path)
}

// newFile is a file on its way.
type newFile struct {
	root       *os.Root
	file       *os.File
	temp, name string
	failed     bool
	closed     bool
}

func (n *newFile) Write(b []byte) (int, error) {
	written, err := n.file.Write(b)
	n.failed = n.failed || err != nil
	return written, err
}

// Close puts the file in place. A file of which a write failed, or whose Abandon was called, is taken away instead.
func (n *newFile) Close() error {
	if n.closed {
		return nil
	}
	if n.failed {
		return n.abandon()
	}
	n.closed = true
	defer n.root.Close()
	err := n.file.Sync()
	if err = errors.Join(err, n.file.Close()); err == nil {
		err = n.root.Rename(n.temp, n.name)
	}
	if err != nil {
		return errors.Join(err, n.root.Remove(n.temp))
	}
	return syncDirectory(n.root)
}

// Abandon takes an unfinished file away; whoever copies into one calls it when the copy fails.
func (n *newFile) Abandon() error {
	if n.closed {
		return nil
	}
	return n.abandon()
}

func (n *newFile) abandon() error {
	n.closed = true
	defer n.root.Close()
	return errors.Join(n.file.Close(), n.root.Remove(n.temp))
}

// share gives the file the group of its directory and the mode that SQL Server gives its own, whatever the umask is.
// Not every file system has groups, and not every account may give files away: then it stays as it is.
func (n *newFile) share() error {
	if err := n.file.Chmod(0o660); err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	info, err := n.root.Stat(".")
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = n.file.Chown(-1, int(st.Gid))
	}
	return nil
}

// syncDirectory waits until the entries of a directory are on the disk.
func syncDirectory(root *os.Root) (err error) {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}
