package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"failoverd/config"
	"failoverd/internal/atomicfile"
	"failoverd/status"
)

// optionsFile is the file of options beside a configuration. It has a directory of its own, which is all that failoverd has to
// be let write in: the main file, and the secrets beside it, stay out of its reach.
type optionsFile struct {
	main string // the main file
	load func(text []byte) (*config.Config, error)
}

func (f optionsFile) Name() string { return config.OptionsFile(f.main) }

func (f optionsFile) Read() ([]config.Option, []byte, error) { return config.Options(f.main) }

func (f optionsFile) With(text []byte) (*config.Config, error) { return f.load(text) }

// Writable says why the directory is not to be written in. One that is not there is fine where it can be made.
func (f optionsFile) Writable() error {
	dir := filepath.Dir(f.Name())
	err := unix.Access(dir, unix.W_OK|unix.X_OK)
	if errors.Is(err, unix.ENOENT) {
		err = unix.Access(filepath.Dir(dir), unix.W_OK|unix.X_OK)
	}
	if err != nil {
		return f.closed(err)
	}
	return nil
}

// Write puts the file on the disk, whole, and what it held before beside it. A file that was there keeps its permissions.
func (f optionsFile) Write(text []byte) error {
	dir, name := filepath.Split(f.Name())
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return f.closed(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return f.closed(err)
	}
	defer root.Close()
	perm := fs.FileMode(0o640)
	switch info, err := root.Lstat(name); {
	case err == nil:
		if !info.Mode().IsRegular() || info.Size() > longestServerFile {
			return fmt.Errorf("%s is no regular file of at most 1 MiB", f.Name())
		}
		before, err := root.ReadFile(name)
		if err != nil {
			return f.closed(err)
		}
		perm = info.Mode().Perm()
		if err := atomicfile.Write(root, name+".before", before, perm); err != nil {
			return f.closed(err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return f.closed(err)
	}
	if text != nil {
		if err := atomicfile.Write(root, name, text, perm); err != nil {
			return f.closed(err)
		}
		return nil
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f.closed(err)
	}
	open, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(open.Sync(), open.Close())
}

// closed is what an operator reads where the daemon may not write: that is the administrator's decision, and how it is made.
func (f optionsFile) closed(err error) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return err
	}
	dir := filepath.Dir(f.Name())
	return &status.Refusal{
		Code:   status.NotAvailable,
		Detail: fmt.Sprintf("failoverd may not write in %s, so options are set in %s on the standby only (%v)", dir, f.main, rootCause(err)),
		Try:    fmt.Sprintf("sudo install -d -o root -g failoverd -m 2770 %s", dir),
	}
}
