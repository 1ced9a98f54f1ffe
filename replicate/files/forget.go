package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Forget has the next source with this state directory compare everything anew: under other rules, what was remembered
// would look as if files had gone. Which tree it is stays known.
func Forget(stateDir string) error {
	if err := os.Remove(filepath.Join(stateDir, indexFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
