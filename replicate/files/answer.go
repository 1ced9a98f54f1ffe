package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"
)

// errChanged says that a file is not the one that was announced any more.
var errChanged = errors.New("the file has changed since it was announced")

// answer is the answer to a question of the sink, on its way.
type answer struct {
	id     uint64
	path   string
	seq    uint64
	whole  bool   // all of a file, which may fit into one frame
	ranges []span // what is still to be sent
	block  int64  // not its bytes but the hashes of its blocks

	entry Entry
	f     *os.File

	ahead   <-chan chunk // the next one, which is read while the one before travels; nil for none
	buffers [2][]byte    // of the one that travels, and of the one that is read
}

// chunk is what comes next of a file, and how many bytes of it that is.
type chunk struct {
	frame frame
	n     int64
	err   error
}

// close closes the file.
func (a *answer) close() {
	if a.ahead != nil {
		<-a.ahead
		a.ahead = nil
	}
	if a.f != nil {
		_ = a.f.Close()
		a.f = nil
	}
}

// hashesAtOnce is how many blocks are hashed before the others have their turn.
const hashesAtOnce = 256

// next is the next frame of the answer. The error is errChanged if the file is not the announced one any more.
func (a *answer) next(c *sender) (frame, error) {
	if a.f == nil {
		if err := a.begin(c); err != nil {
			return nil, err
		}
		if a.whole && a.entry.Size <= inlineSize {
			data, err := c.read(&a.entry)
			if err != nil {
				return nil, err
			}
			e := a.entry
			e.Hash = sha256.Sum256(data)
			return &fileFrame{ID: a.id, Entry: e, Data: data}, nil
		}
	}
	if len(a.ranges) == 0 {
		if err := c.unchanged(&a.entry, int(a.f.Fd())); err != nil {
			return nil, err
		}
		return &endFrame{ID: a.id}, nil
	}
	if a.block > 0 {
		return a.hashes()
	}
	return a.bytes()
}

// begin opens the file, if it is the announced one.
func (a *answer) begin(c *sender) error {
	c.mu.Lock()
	e := c.index.entries[a.path]
	if e != nil {
		a.entry = *e
	}
	c.mu.Unlock()
	if e == nil || a.entry.Seq != a.seq || a.entry.Kind != File {
		return errChanged // something newer was announced, or will be
	}
	f, err := c.tree.open(a.path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || isNotDirectory(err) {
			c.dirty.again(a.path)
			return errChanged
		}
		return err
	}
	a.f = f
	if a.whole {
		a.ranges = []span{{Length: a.entry.Size}}
	}
	for _, r := range a.ranges {
		if r.Length <= 0 || r.Offset > a.entry.Size || r.Length > a.entry.Size-r.Offset {
			if a.whole {
				a.ranges = nil
				break
			}
			return fmt.Errorf("%d bytes from %d are not in a file of %d", r.Length, r.Offset, a.entry.Size)
		}
	}
	return c.unchanged(&a.entry, int(a.f.Fd()))
}

// take takes n bytes off the front of what is still to be sent.
func (a *answer) take(n int64) {
	a.ranges[0].Offset += n
	if a.ranges[0].Length -= n; a.ranges[0].Length <= 0 {
		a.ranges = a.ranges[1:]
	}
}

// hashes is a frame of hashes.
func (a *answer) hashes() (frame, error) {
	r := a.ranges[0]
	out := &blocksFrame{ID: a.id, Offset: r.Offset}
	block := make([]byte, a.block)
	for r.Length > 0 && len(out.Hashes) < hashesAtOnce {
		n := min(a.block, r.Length)
		if err := a.read(block[:n], r.Offset); err != nil {
			return nil, err
		}
		out.Hashes = append(out.Hashes, sha256.Sum256(block[:n]))
		r.Offset += n
		r.Length -= n
	}
	a.take(r.Offset - out.Offset)
	return out, nil
}

// bytes is a frame of bytes, or of the zeros of a hole. It is good until the next call: what is in it is read over then.
func (a *answer) bytes() (frame, error) {
	if a.ahead == nil {
		a.readAhead()
	}
	c := <-a.ahead
	a.ahead = nil
	if c.err != nil {
		return nil, c.err
	}
	a.take(c.n)
	if len(a.ranges) > 0 {
		a.readAhead()
	}
	return c.frame, nil
}

// readAhead begins to read and sum up what comes next.
func (a *answer) readAhead() {
	r := a.ranges[0]
	if a.buffers[0] == nil {
		a.buffers[0] = make([]byte, chunkSize)
	}
	b := a.buffers[0]
	a.buffers[0], a.buffers[1] = a.buffers[1], b
	next := make(chan chunk, 1)
	a.ahead = next
	go func() { next <- a.chunk(r, b) }()
}

// chunk reads the beginning of a range.
func (a *answer) chunk(r span, buffer []byte) chunk {
	if n := a.hole(r); n > 0 {
		return chunk{frame: &holeFrame{ID: a.id, Offset: r.Offset, Length: n}, n: n}
	}
	data := buffer[:min(r.Length, chunkSize)]
	if err := a.read(data, r.Offset); err != nil {
		return chunk{err: err}
	}
	n := int64(len(data))
	if allZero(data) {
		return chunk{frame: &holeFrame{ID: a.id, Offset: r.Offset, Length: n}, n: n}
	}
	return chunk{frame: &dataFrame{ID: a.id, Offset: r.Offset, Sum: xxhash.Sum64(data), Data: data}, n: n}
}

// hole is how many bytes at the beginning of a range are a hole, as far as the file system tells.
func (a *answer) hole(r span) int64 {
	at, err := unix.Seek(int(a.f.Fd()), r.Offset, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return r.Length // no data behind
	case err != nil:
		return 0
	}
	return min(at-r.Offset, r.Length)
}

// read fills b. A file that has become shorter is another one than was announced.
func (a *answer) read(b []byte, at int64) error {
	_, err := a.f.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		return errChanged
	}
	return err
}

// read reads a small file whole, if it is the announced one before and after. There are many of them: the calls are the
// system's own, without what package os adds to each.
func (c *sender) read(e *Entry) ([]byte, error) {
	fd, err := c.tree.openAt(e.Path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || isNotDirectory(err) {
			return nil, errChanged
		}
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := c.unchanged(e, fd); err != nil {
		return nil, err
	}
	data := make([]byte, e.Size)
	for rest := data; len(rest) > 0; {
		n, err := unix.Read(fd, rest)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: e.Path, Err: err}
		case n == 0:
			return nil, errChanged
		default:
			rest = rest[n:]
		}
	}
	return data, c.unchanged(e, fd)
}

// unchanged says whether an open file is the announced one; if not, it is looked at again.
func (c *sender) unchanged(e *Entry, fd int) error {
	s, err := statOf(fd, "", e.Path)
	if err != nil {
		return err
	}
	same := s.kind == File && s.inode == e.Inode
	if e.Open {
		// Its writer goes on; what was announced are its first bytes as they are read.
		same = same && s.size >= e.Size
	} else {
		same = same && s.size == e.Size && s.modTime == e.ModTime && s.change == e.Change
	}
	if !same {
		c.dirty.again(e.Path)
		return errChanged
	}
	return nil
}
