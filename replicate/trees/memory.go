package trees

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"failoverd/internal/atomicfile"
)

// memoryFile holds, in a tree's state directory, what a restart must not forget.
const memoryFile = "synced"

// memory is what is remembered of a copy beside the copy itself.
type memory struct {
	Place  string    `json:"place"` // of which copy
	Synced time.Time `json:"synced"`
}

// recall reads when a copy was last complete; zero if that is not known, or was said of another copy.
func recall(t Tree) (time.Time, error) {
	if err := os.MkdirAll(t.StateDir, 0o700); err != nil {
		return time.Time{}, err
	}
	root, err := os.OpenRoot(t.StateDir)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = root.Close() }()
	b, err := root.ReadFile(memoryFile)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the copy was last complete: %w", err)
	}
	var m memory
	if json.Unmarshal(b, &m) != nil || m.Place != t.place() {
		return time.Time{}, nil // it will be known again when the copy is complete
	}
	return m.Synced, nil
}

// remember writes down when a copy was last complete.
func remember(t Tree, synced time.Time) error {
	root, err := os.OpenRoot(t.StateDir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	b, err := json.Marshal(memory{Place: t.place(), Synced: synced})
	if err != nil {
		return err
	}
	if err := atomicfile.Write(root, memoryFile, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write down when the copy was last complete: %w", err)
	}
	return nil
}
