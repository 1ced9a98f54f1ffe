package shelf

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"failoverd/replicate/database"
)

// Remote is a shelf on a primary, as the standby has it.
type Remote struct {
	Server string // the directory as the database server names it
	Cache  string // where failoverd keeps what it fetched, for the next night; made if it is missing
	// Dial opens a stream that the agent gives to Serve, with the directory that this shelf stands for.
	Dial func(ctx context.Context) (io.ReadWriteCloser, error)

	retries []time.Duration // of tests; nil for the usual ones
}

// FinalError is an error of Dial that no further try cures: the agent was paired with somebody else, say.
type FinalError struct{ Err error }

func (e *FinalError) Error() string { return e.Err.Error() }
func (e *FinalError) Unwrap() error { return e.Err }

var (
	_ database.Courier = Remote{}
	_ database.Parcel  = (*reader)(nil)
)

// usualSilence is after how long an agent that says nothing is taken for dead: the largest turn is read from a disk in
// a fraction of it.
const usualSilence = time.Minute

// pauses are those before the agent is tried again while nothing comes.
func (r Remote) pauses() []time.Duration {
	if r.retries != nil {
		return r.retries
	}
	return []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second}
}

// dial opens a line that ends with ctx, until drop is called.
func (r Remote) dial(ctx context.Context) (l *line, drop func() bool, err error) {
	stream, err := r.Dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	return newLine(stream, usualSilence), context.AfterFunc(ctx, func() { _ = stream.Close() }), nil
}

// Name joins the way that the server's own system does.
func (r Remote) Name(file string) string { return database.Directory{Server: r.Server}.Name(file) }

// Open opens a file of the primary for reading, for as long as ctx. Nothing of it travels before it is read, and then
// only what is not in the cache.
func (r Remote) Open(ctx context.Context, file string) (io.ReadCloser, int64, error) {
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxChunk), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, 0, err
	}
	one := &reader{ctx: ctx, remote: r, file: file, unpack: unpack, scratch: make([]byte, windowSize+maxChunk)}
	if err := one.begin(); err != nil {
		unpack.Close()
		return nil, 0, one.why(err)
	}
	return one, one.size, nil
}

// simple gives an order that is answered at once, and then is over.
func (r Remote) simple(ctx context.Context, o order) (a result, err error) {
	l, drop, err := r.dial(ctx)
	if err != nil {
		return a, err
	}
	defer func() {
		drop()
		_ = l.close()
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}()
	if err := l.say(ask, o); err != nil {
		return a, cutOff(err)
	}
	if o.Order == "hash" || o.Order == "make" {
		l.silence = 24 * time.Hour // the agent reads all of it first
	}
	if err := l.hear(answer, &a); err != nil {
		return a, cutOff(err)
	}
	return a, nil
}

// Sweep removes files at the primary. What was fetched of them stays in the cache.
func (r Remote) Sweep(ctx context.Context, beginning string) error {
	_, err := r.simple(ctx, order{Order: "sweep", File: beginning})
	return err
}

// Kept is the cache's directory.
func (r Remote) Kept() (directory string, free int64, err error) {
	if err := os.MkdirAll(r.Cache, 0o700); err != nil {
		return r.Cache, 0, err
	}
	free, err = database.Directory{Path: r.Cache}.Free(context.Background())
	return r.Cache, free, err
}

// Free is how many bytes are free for the agent.
func (r Remote) Free(ctx context.Context) (int64, error) {
	a, err := r.simple(ctx, order{Order: "free"})
	if err == nil && a.Free < 0 {
		err = fmt.Errorf("%w: %d bytes are free", errPeer, a.Free)
	}
	return a.Free, err
}

// Hash is the SHA-256 of a file, as the agent reads it at the primary: to look whether it arrived it need not come back.
func (r Remote) Hash(ctx context.Context, file string) ([]byte, error) {
	a, err := r.simple(ctx, order{Order: "hash", File: file})
	if err == nil && len(a.Hash) != sha256.Size {
		err = fmt.Errorf("%w: a hash of %d bytes", errPeer, len(a.Hash))
	}
	return a.Hash, err
}

// Create makes a new file at the primary.
func (r Remote) Create(ctx context.Context, file string) (io.WriteCloser, error) {
	l, drop, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{ctx: ctx, line: l, dropped: drop, sum: sha256.New(), heard: make(chan error, 1)}
	if err = l.say(ask, order{Order: "put", File: file}); err == nil {
		err = l.hear(answer, &result{})
	}
	if err != nil {
		return nil, w.end(err)
	}
	// The agent may have something to say at any moment: that its disk is full, say. And at the end it says that all is
	// well.
	w.listening.Go(func() { w.heard <- l.hear(answer, &result{}) })
	return w, nil
}

// writer is a file on its way to the far shelf.
type writer struct {
	ctx       context.Context
	line      *line
	dropped   func() bool
	sum       hash.Hash
	listening sync.WaitGroup
	heard     chan error // the agent's last word
	err       error      // why it ended
	closed    bool
}

// end hangs up, for a reason or because all is done. The agent drops a file that did not come to its end.
func (w *writer) end(err error) error {
	if err != nil && w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	if !w.closed {
		w.closed = true
		w.dropped()
		_ = w.line.close()
		w.listening.Wait()
		w.err = err
	}
	return err
}

func (w *writer) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		if w.closed {
			return n, cmp.Or(w.err, fs.ErrClosed)
		}
		select {
		case err := <-w.heard:
			return n, w.end(early(err))
		default:
		}
		one := b[:min(len(b), maxChunk)]
		if err := w.line.write(data, one); err != nil {
			return n, w.end(w.reason(err))
		}
		_, _ = w.sum.Write(one)
		n, b = n+len(one), b[len(one):]
	}
	return n, nil
}

// early is the agent's last word, when it came before ours.
func early(err error) error {
	if err == nil {
		return fmt.Errorf("%w: it has the file before it came", errPeer)
	}
	return err
}

// reason is why a stream ended that could not be written to: what the agent said, if it did.
func (w *writer) reason(err error) error {
	_ = w.line.close()
	if said, is := errors.AsType[*refused](<-w.heard); is {
		return said
	}
	return err
}

// Close waits until the file is durable under its name.
func (w *writer) Close() error {
	switch {
	case w.closed:
		return w.err
	case w.ctx.Err() != nil:
		return w.end(context.Cause(w.ctx))
	}
	err := w.line.write(done, w.sum.Sum(nil))
	if err == nil {
		err = w.line.flush()
	}
	if err != nil {
		return w.end(w.reason(err))
	}
	return w.end(<-w.heard)
}

// Abandon gives the file up: it never is under its name.
func (w *writer) Abandon() error {
	_ = w.end(errors.New("the file was given up"))
	return nil
}
