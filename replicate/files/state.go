package files

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"failoverd/internal/atomicfile"
)

// stateFile is where the sink remembers, below the root of its tree.
const (
	stateFile    = Private + "/state"
	stateVersion = 3
	// maxState bounds the file; the list of what is missing is bounded by maxMissing.
	maxState = 64 << 20
)

// maxMissing is how many paths may be known to be missing beside a cursor. While there are more, the cursor stands
// still, and the source announces again after an interruption whatever it announced since.
const maxMissing = 4096

// maxPlain is how many paths are remembered that are there without some of their attributes: enough to see why.
const maxPlain = 1000

// state is what a sink must know after a crash.
type state struct {
	source        [16]byte // identity of the source's root; zero as long as there is none
	marked        bool     // the source's root has its identity written in it
	device, inode uint64   // of the source's root, where it has not
	epoch         uint64   // the highest takeover epoch of a source so far
	index         [16]byte // what cursor means something under; zero as long as there is none
	cursor        uint64   // everything up to it is durable, or in missing
	files         uint64   // regular files that the copy has
	deletions     deletions
	missing       []missing
}

// missing is what was announced and is not there.
type missing struct {
	entry  Entry
	reason string // why; empty while it is on its way
	final  bool   // refused: trying again does not help
	plain  bool   // it is there, without some of its attributes
	// above is the modification time of the directory that it lies in, zero if that is not there: who is killed between putting
	// it there and putting the time back has nobody else to learn it from.
	above int64
}

// encode is the state as bytes, the hash of everything at the end.
func (s *state) encode() []byte {
	var e encoder
	e.uint(stateVersion)
	e.uuid(&s.source)
	e.flag(s.marked)
	e.uint(s.device)
	e.uint(s.inode)
	e.uint(s.epoch)
	e.uuid(&s.index)
	e.uint(s.cursor)
	e.uint(s.files)
	e.int(s.deletions.since)
	e.uint(s.deletions.count)
	e.uint(s.deletions.files)
	e.uint(uint64(len(s.missing)))
	for i := range s.missing {
		e.entry(&s.missing[i].entry)
		e.text(s.missing[i].reason)
		e.flag(s.missing[i].final, s.missing[i].plain)
		e.int(s.missing[i].above)
	}
	return sealed(e.b)
}

// decodeState takes a state from bytes.
func decodeState(b []byte) (state, error) {
	var s state
	b, err := unsealed(b)
	if err != nil {
		return s, err
	}
	d := decoder{b: b}
	version := d.uint()
	if d.err == nil && version != 2 && version != stateVersion {
		return s, fmt.Errorf("it is of version %d, not %d", version, stateVersion)
	}
	d.uuid(&s.source)
	d.flag(&s.marked)
	s.device = d.uint()
	s.inode = d.uint()
	s.epoch = d.uint()
	d.uuid(&s.index)
	s.cursor = d.uint()
	s.files = d.uint()
	s.deletions = deletions{since: d.int(), count: d.uint(), files: d.uint()}
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		var m missing
		d.entry(&m.entry)
		m.reason = d.string(maxText)
		d.flag(&m.final, &m.plain)
		if version > 2 {
			m.above = d.int()
		}
		s.missing = append(s.missing, m)
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	return s, d.err
}

// sealed appends the hash of b to b.
func sealed(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// unsealed checks what sealed made, and takes the hash off.
func unsealed(b []byte) ([]byte, error) {
	n := len(b) - sha256.Size
	if n < 0 {
		return nil, errShort
	}
	if sum := sha256.Sum256(b[:n]); !bytes.Equal(sum[:], b[n:]) {
		return nil, errors.New("its hash is wrong: it is damaged")
	}
	return b[:n], nil
}

// readState reads the state of a tree; fresh says that there was none.
func readState(root *os.Root) (s state, fresh bool, err error) {
	b, err := root.ReadFile(stateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, true, nil
	}
	if err == nil && len(b) > maxState {
		err = fmt.Errorf("%d bytes are too many", len(b))
	}
	if err == nil {
		s, err = decodeState(b)
	}
	if err != nil {
		return state{}, false, fmt.Errorf("read %s: %w", stateFile, err)
	}
	return s, false, nil
}

// write makes the state durable.
func (s *state) write(root *os.Root) error {
	return atomicfile.Write(root, stateFile, s.encode(), 0o600)
}
