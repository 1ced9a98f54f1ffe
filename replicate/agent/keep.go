package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"failoverd/internal/atomicfile"
)

// maxKept bounds the small files of the data directory.
const maxKept = 64 << 10

// keep writes a file that only its owner can read. It belongs to whom the directory belongs to: `failoverd agent pair` is
// run by root, and the service, which has a user of its own, must be able to read what that leaves.
func keep(dir *os.Root, name string, data []byte) error {
	if err := atomicfile.Write(dir, name, data, 0o600); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := dir.Stat(".")
	if err != nil {
		return err
	}
	if owner, ok := owner(info); ok {
		return dir.Lchown(name, owner.user, owner.group)
	}
	return nil
}

// read reads a file of at most maxKept bytes.
func read(dir *os.Root, name string) (_ []byte, err error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err := io.ReadAll(io.LimitReader(f, maxKept+1))
	if err == nil && len(data) > maxKept {
		err = fmt.Errorf("%s/%s has more than %d bytes", dir.Name(), name, maxKept)
	}
	return data, err
}

// keepJSON and readJSON keep a record; there is false if there is none.
func keepJSON(dir *os.Root, name string, record any) error {
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return keep(dir, name, append(data, '\n'))
}

func readJSON(dir *os.Root, name string, record any) (there bool, err error) {
	data, err := read(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(data, record); err != nil {
		return false, fmt.Errorf("%s/%s: %w", dir.Name(), name, err)
	}
	return true, nil
}

// lock keeps other processes from changing what is kept below dir. The directory itself is what is locked, so that there
// is no file that could belong to somebody else.
func lock(dir *os.Root) (unlock func() error, err error) {
	d, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(d.Fd()), unix.LOCK_EX)
		if err == nil {
			return d.Close, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", dir.Name(), err), d.Close())
		}
	}
}
