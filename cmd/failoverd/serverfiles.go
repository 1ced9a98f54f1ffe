package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"failoverd/config"
	"failoverd/internal/atomicfile"
	"failoverd/status"
)

// longestServerFile bounds what is read of a server's file, in bytes.
const longestServerFile = 1 << 20

// serverFiles are the files of servers.d beside a configuration: what the API may write, and nothing else on this host.
type serverFiles struct {
	main string // the main file
	load func(config.Change) (*config.Config, error)
}

// With is the configuration that would be in force after a change.
func (f serverFiles) With(c config.Change) (*config.Config, error) { return f.load(c) }

// Read is the text of a server's file; fs.ErrNotExist if there is none.
func (f serverFiles) Read(server string) (text []byte, err error) {
	root, err := os.OpenRoot(f.directory())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.Open(server + ".yaml")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() > longestServerFile) {
		err = fmt.Errorf("%s is no regular file of at most 1 MiB", file.Name())
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(file, longestServerFile))
}

// Write puts a server's file on the disk, whole. A file that was there keeps its permissions.
func (f serverFiles) Write(server string, text []byte) error {
	if err := os.Mkdir(f.directory(), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return f.closed(err)
	}
	root, err := os.OpenRoot(f.directory())
	if err != nil {
		return f.closed(err)
	}
	defer root.Close()
	perm := fs.FileMode(0o640)
	if info, err := root.Stat(server + ".yaml"); err == nil {
		perm = info.Mode().Perm()
	}
	if err := f.keep(root, server, perm); err != nil {
		return f.closed(err)
	}
	if err := atomicfile.Write(root, server+".yaml", text, perm); err != nil {
		return f.closed(err)
	}
	return nil
}

// keep has what a server's file holds now lie beside it as NAME.yaml.before: what was changed or removed by mistake is had
// back from there.
func (f serverFiles) keep(root *os.Root, server string, perm fs.FileMode) error {
	text, err := f.Read(server)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return atomicfile.Write(root, server+".yaml.before", text, perm)
}

// Remove takes a server's file away, also after a crash of the host.
func (f serverFiles) Remove(server string) error {
	root, err := os.OpenRoot(f.directory())
	if err != nil {
		return f.closed(err)
	}
	defer root.Close()
	if err := f.keep(root, server, 0o640); err != nil {
		return f.closed(err)
	}
	if err := root.Remove(server + ".yaml"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f.closed(err)
	}
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (f serverFiles) directory() string { return filepath.Join(filepath.Dir(f.main), "servers.d") }

// closed is what an operator reads where the daemon may not write: that is the administrator's decision, and how it is made.
func (f serverFiles) closed(err error) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return err
	}
	return &status.Refusal{
		Code:   status.NotAvailable,
		Detail: fmt.Sprintf("failoverd may not write in %s, so servers are configured on the standby only (%v)", f.directory(), rootCause(err)),
		Try:    fmt.Sprintf("sudo install -d -o root -g failoverd -m 2770 %s", f.directory()),
	}
}
