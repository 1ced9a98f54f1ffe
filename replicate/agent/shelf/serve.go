package shelf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"failoverd/replicate/database"
)

// patience is how long the agent waits for a standby that says nothing: it may be writing to a slow disk.
const patience = 5 * time.Minute

// order is what the standby asks for.
type order struct {
	Order   string `json:"order"` // fetch, put, hash, sweep, free; of a database look and make, and no put
	File    string `json:"file"`
	From    int64  `json:"from"`    // of fetch: what is before is there already
	Version string `json:"version"` // of fetch: that was begun with; "" at the beginning
}

// result is the answer to an order.
type result struct {
	Size    int64  `json:"size_bytes"`
	Version string `json:"version"`
	Hash    []byte `json:"sha256"`
	Free    int64  `json:"free_bytes"`

	// Of a database.
	Identity string `json:"identity,omitempty"`
	Mode     uint32 `json:"mode,omitempty"`
	Seen     *seen  `json:"seen,omitempty"`
}

// Serve carries out one order of a standby in a directory of backups, and closes the stream. What the standby asks for
// in vain is told to it and is no error here.
func Serve(ctx context.Context, stream io.ReadWriteCloser, directory string) error {
	return serve(ctx, stream, directory, nil)
}

// serve is Serve, of a database too.
func serve(ctx context.Context, stream io.ReadWriteCloser, directory string, base Base) (err error) {
	l := newLine(stream, patience)
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer func() {
		stop()
		_ = l.close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}()
	var o order
	if err := l.hear(ask, &o); err != nil {
		return err
	}
	s := serving{line: l, shelf: database.Directory{Path: directory}, order: o, base: base}
	if err = s.carryOut(ctx); err == nil {
		return nil
	}
	if said, is := errors.AsType[*refused](err); is {
		return s.tell(said)
	}
	if errors.Is(err, io.EOF) {
		return nil // the standby has what it wants, or does not want it any more
	}
	return err
}

// tell says a refusal, and waits until the standby has heard it and hangs up: it may be sending, and an end in the
// middle of that would overtake the reason.
func (s *serving) tell(r *refused) error {
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		_, _ = io.Copy(io.Discard, s.line.in)
	}()
	err := s.line.say(refuse, r)
	if err != nil {
		_ = s.line.close()
	}
	<-heard
	return err
}

// serving is one order on the agent's side.
type serving struct {
	line  *line
	shelf database.Directory
	order order
	base  Base // nil for a directory of backups
}

func (s *serving) carryOut(ctx context.Context) error {
	orders := map[string]func(context.Context) error{"fetch": s.fetch, "hash": s.hash, "sweep": s.sweep, "free": s.free}
	if s.base == nil {
		orders["put"] = s.put
	} else {
		orders["look"], orders["make"] = s.look, s.make
	}
	do, known := orders[s.order.Order]
	switch {
	case !known:
		return fmt.Errorf("%w: an order %.20q", errPeer, s.order.Order)
	case s.order.Order != "free" && s.order.Order != "look" && !database.Marked(s.order.File):
		return &refused{Text: fmt.Sprintf("%.200q is no backup of failoverd, and nothing else in the directory is the standby's business", s.order.File)}
	}
	return do(ctx)
}

// no is the refusal of an order that failed here.
func (s *serving) no(doing string, err error) error {
	r := &refused{}
	if errors.Is(err, fs.ErrNotExist) {
		r.Code = codeAbsent
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok && p.Path != s.shelf.Path {
		err = p.Err // it is the file that it names, and that is named already
	}
	r.Text = fmt.Sprintf("%s %.200q: %v", doing, s.order.File, err)
	r.Text = cut(r.Text, maxText)
	return r
}

// cut bounds a text.
func cut(text string, most int) string { return strings.ToValidUTF8(text[:min(len(text), most)], "") }

// fetch sends a file, turn by turn.
func (s *serving) fetch(ctx context.Context) error {
	r, size, err := s.shelf.Open(ctx, s.order.File)
	if err != nil {
		return s.no("read", err)
	}
	defer r.Close()
	file, is := r.(*os.File)
	if !is {
		return errors.New("a file of a directory is no file")
	}
	version, err := versionOf(file)
	if err != nil {
		return s.no("read", err)
	}
	if s.order.Version != "" && s.order.Version != version || s.order.From < 0 || s.order.From > size {
		return s.changed()
	}
	if err := s.line.say(answer, result{Size: size, Version: version}); err != nil {
		return err
	}
	pack, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	defer pack.Close()
	w := window{from: io.NewSectionReader(file, s.order.From, size-s.order.From), bits: bitsFor(size)}
	for {
		if err := s.turn(&w, pack); err != nil {
			return err
		}
		if err := w.next(); err != nil {
			return s.no("read", err)
		}
		if len(w.cuts) == 0 {
			if now, err := versionOf(file); err != nil || now != version {
				return s.changed()
			}
		}
		if err := s.line.write(chunks, w.records()); err != nil {
			return err
		}
		if err := s.line.flush(); err != nil || len(w.cuts) == 0 {
			return err
		}
	}
}

// sweep removes files.
func (s *serving) sweep(ctx context.Context) error {
	if err := s.shelf.Sweep(ctx, s.order.File); err != nil {
		return s.no("remove", err)
	}
	return s.line.say(answer, result{})
}

// free tells how much room there is, to who may use it: what cannot be cleared away again must not be begun.
func (s *serving) free(ctx context.Context) error {
	free, err := s.shelf.Free(ctx)
	if err != nil {
		return s.no("measure", err)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, s.shelf.Path, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return &refused{Text: fmt.Sprintf("it may not make and remove files in %.200q: %v", s.shelf.Path, err)}
	}
	return s.line.say(answer, result{Free: free})
}

// changed says that a file is not the one any more that was begun with.
func (s *serving) changed() error {
	return &refused{Code: codeChanged, Text: fmt.Sprintf("%.200q changed while it was read", s.order.File)}
}

// turn sends those chunks of the window that are wanted.
func (s *serving) turn(w *window, pack *zstd.Encoder) error {
	k, wanted, err := s.line.read()
	switch {
	case err != nil:
		return err
	case k != want || len(wanted) != (len(w.cuts)+7)/8:
		return fmt.Errorf("%w: %d bytes of %q for %d chunks", errPeer, len(wanted), k, len(w.cuts))
	}
	var small []byte
	for i, c := range w.cuts {
		if wanted[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		small = pack.EncodeAll(c, small[:0])
		k, body := packed, small
		if len(small) > len(c)-len(c)/16 {
			k, body = data, c
		}
		if err := s.line.write(k, body); err != nil {
			return err
		}
	}
	return nil
}

// window is the part of a file that a turn is about. It is kept, so that what is sent is what was hashed.
type window struct {
	from   io.Reader
	bits   uint
	ended  bool
	buffer []byte // what was read
	used   int    // of it, by the chunks
	cuts   [][]byte
}

// next moves on to the next chunks; there are none at the end.
func (w *window) next() error {
	w.buffer = append(w.buffer[:0], w.buffer[w.used:]...)
	w.used, w.cuts = 0, w.cuts[:0]
	if have := len(w.buffer); !w.ended {
		if cap(w.buffer) < windowSize+maxChunk {
			w.buffer = append(make([]byte, 0, windowSize+maxChunk), w.buffer...)
		}
		n, err := io.ReadFull(w.from, w.buffer[have:cap(w.buffer)])
		w.buffer = w.buffer[:have+n]
		if w.ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err != nil && !w.ended {
			return err
		}
	}
	// A cut wants to see the largest chunk before it, or the end.
	for len(w.cuts) < maxWindow && w.used < len(w.buffer) && (w.ended || len(w.buffer)-w.used >= maxChunk) {
		n := cutAt(w.buffer[w.used:], w.bits)
		w.cuts = append(w.cuts, w.buffer[w.used:w.used+n])
		w.used += n
	}
	return nil
}

// records are the lengths and hashes of the chunks.
func (w *window) records() []byte {
	b := make([]byte, 0, len(w.cuts)*recordSize)
	for _, c := range w.cuts {
		sum := sha256.Sum256(c)
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(c))), sum[:]...)
	}
	return b
}

// put takes a new file.
func (s *serving) put(ctx context.Context) (err error) {
	w, err := s.shelf.Create(ctx, s.order.File)
	if err != nil {
		return s.no("write", err)
	}
	drop := func(why error) error {
		if a, can := w.(interface{ Abandon() error }); can {
			if err := a.Abandon(); err != nil {
				return errors.Join(why, err)
			}
		}
		return why
	}
	if err := s.line.say(answer, result{}); err != nil {
		return drop(err)
	}
	sum := sha256.New()
	for {
		k, body, err := s.line.read()
		switch {
		case err != nil:
			return drop(err)
		case k == data:
			_, _ = sum.Write(body)
			if _, err := w.Write(body); err != nil {
				return drop(s.no("write", err))
			}
		case k == done && bytes.Equal(body, sum.Sum(nil)):
			if err := w.Close(); err != nil {
				return s.no("write", err)
			}
			return s.line.say(answer, result{Hash: sum.Sum(nil)})
		case k == done:
			return drop(s.no("write", errors.New("what came does not have its hash")))
		default:
			return drop(fmt.Errorf("%w: a frame %q in a file", errPeer, k))
		}
	}
}

// hash reads a file and tells its hash.
func (s *serving) hash(ctx context.Context) error {
	r, size, err := s.shelf.Open(ctx, s.order.File)
	if err != nil {
		return s.no("read", err)
	}
	defer r.Close()
	// While it reads it says nothing and hears nothing; the standby waits as long as it likes.
	s.line.watch.Stop()
	stop := context.AfterFunc(ctx, func() { _ = r.Close() })
	defer stop()
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, r, make([]byte, 1<<20)); err != nil {
		return s.no("read", err)
	}
	return s.line.say(answer, result{Size: size, Hash: sum.Sum(nil)})
}

// versionOf is what changes with a file's content.
func versionOf(f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", errors.New("the file system does not say what a file is")
	}
	return fmt.Sprintf("%d.%d.%d.%d", st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()), nil
}
