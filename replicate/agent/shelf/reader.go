package shelf

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/klauspost/compress/zstd"
)

// reader is a file of the far shelf that is being read. What has come lies in the cache; a read that wants more has the
// next turn of the conversation.
type reader struct {
	ctx     context.Context
	remote  Remote
	file    string
	size    int64
	version string

	line    *line // nil between two connections
	asked   bool  // the agent was told to begin
	dropped func() bool
	unpack  *zstd.Decoder
	cache   *cache // nil before the first read
	read    int64
	came    int64 // by the lines of before
	ended   bool
	err     error // what ended it, for good
	scratch []byte
}

// begin asks for the file from where it is.
func (r *reader) begin() error {
	from := int64(0)
	if r.cache != nil {
		from = r.cache.filled
	}
	l, drop, err := r.remote.dial(r.ctx)
	if err != nil {
		return err
	}
	var a result
	if err = l.say(ask, order{Order: "fetch", File: r.file, From: from, Version: r.version}); err == nil {
		err = l.hear(answer, &a)
	}
	switch {
	case err != nil:
	case a.Size < 0 || a.Version == "" || len(a.Version) > 200:
		err = fmt.Errorf("%w: a file of %d bytes, version %.20q", errPeer, a.Size, a.Version)
	case r.version != "" && (a.Version != r.version || a.Size != r.size):
		err = fmt.Errorf("%w: another file than the one that was begun", errPeer)
	}
	if err != nil {
		drop()
		_ = l.close()
		return err
	}
	r.line, r.asked, r.dropped, r.size, r.version = l, false, drop, a.Size, a.Version
	return nil
}

// hangUp ends the connection, if there is one.
func (r *reader) hangUp() {
	if r.line != nil {
		r.dropped()
		_ = r.line.close()
		r.came += r.line.came
		r.line = nil
	}
}

// Read gives what has come, and lets more come when that is used up.
func (r *reader) Read(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.cache == nil {
		if r.cache, r.err = openCache(r.remote.Cache, r.file); r.err != nil {
			return 0, r.err
		}
	}
	for r.read == r.cache.filled && !r.ended {
		if r.err = r.more(); r.err != nil {
			return 0, r.err
		}
	}
	if r.read == r.cache.filled {
		return 0, io.EOF
	}
	n, err := r.cache.part.ReadAt(b[:min(int64(len(b)), r.cache.filled-r.read)], r.read)
	r.read += int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // somebody cut the cache's file off
	}
	return n, err
}

// more has a turn, on a new connection if the one before was cut: as often as it takes while something comes, and a few
// times while nothing does.
func (r *reader) more() error {
	for try := 0; ; try++ {
		was := r.cache.filled
		err := r.turn()
		if err == nil {
			return nil
		}
		r.hangUp()
		if r.cache.filled > was {
			return nil // a turn that was cut brought something, too
		}
		if _, said := errors.AsType[*refused](err); said || !errors.Is(err, errStream) || try == len(r.remote.pauses()) || r.ctx.Err() != nil {
			return r.why(err)
		}
		pause := time.NewTimer(r.remote.pauses()[try])
		select {
		case <-pause.C:
		case <-r.ctx.Done():
			pause.Stop()
			return r.why(err)
		}
	}
}

// why is the reason that a caller is given: the context's own, if that ended it.
func (r *reader) why(err error) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return err
}

// errStream is wrapped by what a new connection may cure.
var errStream = errors.New("the connection to the agent was cut")

// cutOff marks an error of the stream, in contrast to what the agent says and to what must not be.
func cutOff(err error) error {
	_, said := errors.AsType[*refused](err)
	_, final := errors.AsType[*FinalError](err)
	if said || final || errors.Is(err, errPeer) {
		return err
	}
	return fmt.Errorf("%w: %w", errStream, err)
}

// turn takes the next chunks: from the cache what it has, from the agent the rest.
func (r *reader) turn() error {
	if r.line == nil {
		if err := r.begin(); err != nil {
			return cutOff(err)
		}
	}
	if !r.asked {
		// The first wish is for nothing: it lets the agent begin. The ones after it end a turn, and begin the next.
		if err := r.wish(nil); err != nil {
			return err
		}
		r.asked = true
	}
	k, list, err := r.line.read()
	switch {
	case err != nil:
		return cutOff(err)
	case k != chunks || len(list)%recordSize != 0 || len(list) > maxWindow*recordSize:
		return fmt.Errorf("%w: %d bytes of %q where chunks belong", errPeer, len(list), k)
	case len(list) == 0:
		return r.finish()
	}
	have, err := r.look(list)
	if err != nil {
		return err
	}
	bits := make([]byte, (len(have)+7)/8)
	for i, chunk := range have {
		if chunk == nil {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	if err := r.wish(bits); err != nil {
		return err
	}
	for i, chunk := range have {
		record := list[i*recordSize:][:recordSize]
		if chunk == nil {
			if chunk, err = r.receive(record); err != nil {
				return err
			}
		}
		if err := r.cache.add(record, chunk); err != nil {
			return err
		}
	}
	return r.cache.save()
}

// wish says which chunks are wanted.
func (r *reader) wish(bits []byte) error {
	err := r.line.write(want, bits)
	if err == nil {
		err = r.line.flush()
	}
	if err != nil {
		return cutOff(err)
	}
	return nil
}

// look finds the chunks of a turn that are there already; nil for those that are not.
func (r *reader) look(list []byte) ([][]byte, error) {
	have := make([][]byte, len(list)/recordSize)
	free := r.scratch[:min(int64(len(r.scratch)), r.size-r.cache.filled)] // a turn has no more than that, and nor has the file
	for i := range have {
		record := list[i*recordSize:][:recordSize]
		n := int(binary.BigEndian.Uint32(record))
		if n < 1 || n > maxChunk || n > len(free) {
			return nil, fmt.Errorf("%w: a chunk of %d bytes", errPeer, n)
		}
		if r.cache.find([sha256.Size]byte(record[4:]), free[:n]) {
			have[i] = free[:n:n]
		}
		free = free[n:]
	}
	return have, nil
}

// receive takes a chunk from the stream.
func (r *reader) receive(record []byte) (chunk []byte, err error) {
	k, chunk, err := r.line.read()
	if err != nil {
		return nil, cutOff(err)
	}
	n := int(binary.BigEndian.Uint32(record))
	switch k {
	case data:
	case packed:
		if chunk, err = r.unpack.DecodeAll(chunk, make([]byte, 0, n)); err != nil {
			return nil, fmt.Errorf("%w: unpack: %w", errPeer, err)
		}
	default:
		return nil, fmt.Errorf("%w: a frame %q where a chunk belongs", errPeer, k)
	}
	if len(chunk) != n || sha256.Sum256(chunk) != [sha256.Size]byte(record[4:]) {
		return nil, fmt.Errorf("%w: a chunk at %d of %s does not have its hash", errPeer, r.cache.filled, r.file)
	}
	return chunk, nil
}

// finish takes the end of the file.
func (r *reader) finish() error {
	if r.cache.filled != r.size {
		return fmt.Errorf("%w: %d of %d bytes came", errPeer, r.cache.filled, r.size)
	}
	r.hangUp()
	r.ended = true
	return r.cache.finish()
}

// Travelled is how many bytes came from the agent for what was read: chunks, packed where that helps, and their hashes.
func (r *reader) Travelled() int64 {
	if r.line == nil {
		return r.came
	}
	return r.came + r.line.came
}

// Close ends the reading. What came is kept for the next time.
func (r *reader) Close() error {
	r.hangUp()
	r.unpack.Close()
	if r.cache == nil {
		return nil
	}
	err := r.cache.close()
	r.cache, r.err = nil, fs.ErrClosed
	return err
}
