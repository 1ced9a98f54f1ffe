package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Tail tells what a host has in its tree that the other side never had: what changed after the last change that the
// other side has confirmed. Its source has written it down. It matters when the roles are exchanged.
// The zero Tail knows nothing, and remembers nothing of what comes back.
type Tail struct {
	index   *index // nil if nothing is known
	brought *brought
}

// knownFile is a copy of the index that stays while the source runs, so that something is known after a crash.
const knownFile = "known"

// ReadTail reads what a source has left in its state directory, for files that come back under a takeover epoch. Where it
// has left nothing, everything is of the tail but what came back under that epoch. Close it after the sink that has it.
func ReadTail(stateDir string, epoch uint64) (*Tail, error) {
	root, err := os.OpenRoot(stateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Tail{brought: &brought{seen: map[uint64]struct{}{}}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what a source has left: %w", err)
	}
	defer func() { _ = root.Close() }()
	t := &Tail{}
	if t.brought, err = readBrought(root, epoch); err != nil {
		return nil, err
	}
	for _, name := range []string{indexFile, knownFile} {
		b, err := root.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read what a source has left: %w", err), t.Close())
		}
		if x, err := decodeIndex(b); err == nil && x.confirmed > 0 {
			t.index = x
			break
		}
	}
	return t, nil
}

// Close writes down which files were brought back.
func (t *Tail) Close() error {
	if err := t.brought.close(); err != nil {
		return fmt.Errorf("write down which files were brought back: %w", err)
	}
	return nil
}

// reason says why what is at a path is of the tail; empty if the other side has had it.
func (t *Tail) reason(p string, s stat) string {
	if t.brought.has(p, s) {
		return ""
	}
	if t.index == nil {
		return "nothing is known of what the other side has had"
	}
	e := t.index.entries[p]
	switch {
	case e == nil:
		return "it came when nobody was watching"
	case t.index.lacked[p]:
		return "the other side could not hold it"
	case e.Seq > t.index.confirmed:
		return "the other side has not confirmed it"
	case e.Kind != s.kind || e.Inode != s.inode || e.Size != s.size || e.Target != s.target,
		s.kind == File && (e.ModTime != s.modTime || e.Open):
		return "it has changed after the other side had it"
	}
	return ""
}

// Alone tells how many files of the tree the other side has not confirmed, and how large they are: what would be set aside
// if the roles were exchanged now, and more if somebody changes the tree until then.
func (s *Source) Alone() (n, bytes uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, e := range s.index.entries {
		if e.Kind == File && (s.index.confirmed == 0 || e.Seq > s.index.confirmed || s.index.lacked[p]) {
			n++
			bytes += uint64(e.Size)
		}
	}
	return n, bytes
}
