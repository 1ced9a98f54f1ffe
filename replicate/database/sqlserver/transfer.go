package sqlserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"failoverd/replicate/database"
)

// transfer brings the backup file from the source's shelf to the target's, unless that is the same directory, and
// compares what arrived. It tells how many bytes travelled: fewer than the file has, where it comes by a courier.
func (r *run) transfer(ctx context.Context) (travelled int64, err error) {
	same, err := database.Same(r.Source.Shelf, r.Target.Shelf)
	if err != nil || same {
		return r.size, err
	}
	r.phase("transfer", r.size)
	sent, travelled, err := r.send(ctx)
	if err != nil {
		return 0, fmt.Errorf("bring %s from %s to %s: %w", r.file, r.Source.Host, r.Target.Host, err)
	}
	arrived, err := hashOf(ctx, r.Target.Shelf, r.file)
	switch {
	case err != nil:
		return 0, fmt.Errorf("read %s again at %s: %w", r.file, r.Target.Host, err)
	case !bytes.Equal(sent, arrived):
		return 0, fmt.Errorf("%s is not at %s what it is at %s: the hashes differ", r.file, r.Target.Host, r.Source.Host)
	}
	r.finish()
	return travelled, nil
}

// send copies the file, and returns its hash and how much of it travelled.
func (r *run) send(ctx context.Context) (hash []byte, travelled int64, err error) {
	from, size, err := r.Source.Shelf.Open(ctx, r.file)
	if err != nil {
		return nil, 0, err
	}
	defer from.Close()
	to, err := r.Target.Shelf.Create(ctx, r.file)
	if err != nil {
		return nil, 0, err
	}
	sum := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(plainWriter{to}, sum), &counted{from, ctx, r.done}, make([]byte, 1<<20))
	if err == nil && n != size {
		err = fmt.Errorf("%d of %d bytes came", n, size)
	}
	if err != nil {
		return nil, 0, errors.Join(err, abandon(to))
	}
	travelled = n
	if p, is := from.(database.Parcel); is {
		travelled = p.Travelled()
	}
	return sum.Sum(nil), travelled, to.Close()
}

// plainWriter hides what else a writer can do, so that the copy goes by the big buffer.
type plainWriter struct{ io.Writer }

// abandon closes a file so that it does not appear, where the shelf knows how; Discard removes it elsewhere.
func abandon(w io.WriteCloser) error {
	if a, can := w.(interface{ Abandon() error }); can {
		return a.Abandon()
	}
	return w.Close()
}

// counted tells how much was read, and ends with its context.
type counted struct {
	io.Reader
	ctx  context.Context
	done func(n int64)
}

func (c *counted) Read(b []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.Reader.Read(b)
	c.done(int64(n))
	return n, err
}

// hasher is a shelf that reads its files where they lie, so that they need not travel to be compared.
type hasher interface {
	Hash(ctx context.Context, file string) ([]byte, error)
}

// hashOf reads a file of a shelf to its end.
func hashOf(ctx context.Context, shelf database.Shelf, file string) ([]byte, error) {
	if h, can := shelf.(hasher); can {
		return h.Hash(ctx, file)
	}
	r, _, err := shelf.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	sum := sha256.New()
	_, err = io.CopyBuffer(sum, &counted{r, ctx, func(int64) {}}, make([]byte, 1<<20))
	return sum.Sum(nil), err
}
