package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Afresh has the next conversation about a copy compare everything, because somebody else is about to write in it. No
// sink may have the copy open. Which source it is of stays known.
func Afresh(directory string) error {
	root, err := os.OpenRoot(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there is no copy yet
	}
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	s, fresh, err := readState(root)
	if err != nil || fresh {
		return err
	}
	s.index, s.cursor, s.missing = [16]byte{}, 0, nil
	if err := s.write(root); err != nil {
		return fmt.Errorf("have the copy in %s compared: %w", directory, err)
	}
	return nil
}
