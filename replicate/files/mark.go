package files

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"failoverd/internal/atomicfile"
)

// markFile is where the root of a source has its identity, so that an empty mount point is not taken for the tree.
const markFile = Private + "/root"

// ErrRoot says that the directory of a source is not the tree that it was: unmounted, or replaced. Nothing is concluded
// from what is in it, and nothing is deleted.
var ErrRoot = errors.New("the directory is not the tree that it was: unmounted, or replaced")

// readMark reads the identity of a root; marked is false if it has none.
func readMark(directory string) (id [16]byte, marked bool, err error) {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return id, false, err
	}
	defer func() { _ = root.Close() }()
	b, err := root.ReadFile(markFile)
	if errors.Is(err, fs.ErrNotExist) {
		return id, false, nil
	}
	if err != nil {
		return id, false, err
	}
	if n, err := hex.Decode(id[:], []byte(strings.TrimSpace(string(b[:min(len(b), 64)])))); err != nil || n != len(id) {
		return id, false, fmt.Errorf("%s holds no identity", markFile)
	}
	return id, true, nil
}

// mark gives a root an identity. A root that cannot be written to has none: marked is false then.
func mark(directory string) (id [16]byte, marked bool, err error) {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return id, false, err
	}
	defer func() { _ = root.Close() }()
	_, _ = rand.Read(id[:]) // never fails
	err = root.Mkdir(Private, 0o700)
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = atomicfile.Write(root, markFile, []byte(hex.EncodeToString(id[:])+"\n"), 0o600)
	}
	if errors.Is(err, fs.ErrPermission) || isReadOnly(err) {
		return [16]byte{}, false, nil
	}
	if err != nil {
		return [16]byte{}, false, fmt.Errorf("mark the root: %w", err)
	}
	return id, true, nil
}
