// Package atomicfile replaces a file so that a reader, and a machine that loses power, sees either the old
// contents or the new ones, whole.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// Write puts data into the file name below root, with the permissions perm whatever the umask is. It writes a
// temporary file in the same directory, waits until that is on the disk, renames it over name, and waits until the
// directory is on the disk too: a rename that is only in memory would be forgotten by a power cut.
//
// After an error the old file is as it was. A crash in between may leave a file called .NAME.XXXX.tmp, which nothing
// reads.
func Write(root *os.Root, name string, data []byte, perm fs.FileMode) error {
	dir, base := path.Split(name)
	temp := dir + "." + base + "." + rand.Text() + ".tmp"
	if err := write(root, temp, data, perm); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), remove(root, temp))
	}
	if err := root.Rename(temp, name); err != nil {
		return errors.Join(fmt.Errorf("put %s in place: %w", name, err), remove(root, temp))
	}
	if err := syncDir(root, path.Clean(dir)); err != nil {
		return fmt.Errorf("make %s durable: %w", name, err)
	}
	return nil
}

// write makes the new file name with data and waits until it is on the disk.
func write(root *os.Root, name string, data []byte, perm fs.FileMode) (err error) {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// The umask has had its say in OpenFile; the caller's word is the last one.
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// remove takes the temporary file away; one that was never made is fine.
func remove(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir waits until the entries of the directory name are on the disk.
func syncDir(root *os.Root, name string) (err error) {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}
