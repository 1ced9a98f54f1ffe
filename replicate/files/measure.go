package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Measured is how much a directory holds of a tree.
type Measured struct {
	Files uint64 // regular files
	Bytes uint64 // in them
	Copy  bool   // a sink has kept a copy in it: it is not the empty place of one that is not mounted
}

// Measure looks through a directory, at names and sizes only. Nobody is kept from changing it meanwhile.
func Measure(ctx context.Context, directory string, rules *Rules) (Measured, error) {
	var m Measured
	root, err := os.OpenRoot(directory)
	if err != nil {
		return m, fmt.Errorf("look through the copy: %w", err)
	}
	defer func() { _ = root.Close() }()
	if _, err := root.Lstat(stateFile); err == nil {
		m.Copy = true
	}
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case p == ".":
			return nil
		case !rules.Match(p, d.IsDir()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		if info, err := d.Info(); err == nil { // else it has gone since
			m.Files++
			m.Bytes += uint64(info.Size())
		}
		return nil
	})
	if err != nil {
		return m, fmt.Errorf("look through the copy in %s: %w", directory, err)
	}
	return m, nil
}
