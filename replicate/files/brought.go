package files

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// brought is which versions of files were put into a tree when files came back to it. They are the other side's: when the
// same operation, or one after it, replaces them once more, they are no tail. It is a file of the source's state directory,
// and of one takeover epoch: an earlier one's is forgotten. nil remembers nothing.
type brought struct {
	file    *os.File // nil: only remembered until the end of this conversation
	seen    map[uint64]struct{}
	pending []byte // what is not in the file yet
}

const (
	broughtFile = "brought"
	// maxBrought bounds how many are remembered: 32 MiB in the file. What comes after them is set aside if it is replaced.
	maxBrought = 4 << 20
)

// readBrought reads what was put into the tree under an epoch, and goes on with it.
func readBrought(state *os.Root, epoch uint64) (*brought, error) {
	b := &brought{seen: map[uint64]struct{}{}}
	f, err := state.OpenFile(broughtFile, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("read which files were brought back: %w", err)
	}
	text, err := state.ReadFile(broughtFile)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read which files were brought back: %w", err), f.Close())
	}
	b.file = f
	if len(text) < 8 || binary.BigEndian.Uint64(text) != epoch {
		b.pending = binary.BigEndian.AppendUint64(nil, epoch)
		return b, f.Truncate(0)
	}
	if torn := len(text) % 8; torn != 0 { // by a crash
		text = text[:len(text)-torn]
		if err := f.Truncate(int64(len(text))); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	for text = text[8:]; len(text) > 0 && len(b.seen) < maxBrought; text = text[8:] {
		b.seen[binary.BigEndian.Uint64(text)] = struct{}{}
	}
	return b, nil
}

// version is a number that another path, another file, or the same one after a change has not.
func version(p string, s stat) uint64 {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %d %d %d %d", p, s.kind, s.inode, s.size, s.modTime)
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// add remembers what is at a path.
func (b *brought) add(p string, s stat) {
	if b == nil || len(b.seen) == maxBrought {
		return
	}
	v := version(p, s)
	if _, known := b.seen[v]; known {
		return
	}
	b.seen[v] = struct{}{}
	b.pending = binary.BigEndian.AppendUint64(b.pending, v)
}

// has says whether what is at a path was brought there, and is as it was brought.
func (b *brought) has(p string, s stat) bool {
	if b == nil {
		return false
	}
	_, ok := b.seen[version(p, s)]
	return ok
}

// flush writes down what was added. It need not be durable: what a crash takes away is set aside, and nothing is lost.
func (b *brought) flush() error {
	if b == nil || b.file == nil || len(b.pending) == 0 {
		return nil
	}
	_, err := b.file.Write(b.pending)
	b.pending = b.pending[:0]
	return err
}

func (b *brought) close() error {
	if b == nil || b.file == nil {
		return nil
	}
	return errors.Join(b.flush(), b.file.Close())
}
