package sqlite

import (
	"context"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// draft is a file that is being written, page after page, and read at the same time: the pages come from SQLite, one
// goroutine writes them in large pieces, and who reads a page that has not been written yet waits for it.
type draft struct {
	file  *os.File
	size  int   // of a page
	total int64 // bytes that it will have

	chunk []byte      // what has come and is not on its way yet
	full  chan []byte // on the way to the file
	empty chan []byte // back from there

	mu    sync.Mutex
	there int64         // bytes that are in the file
	grown chan struct{} // closed when there are more
}

const (
	chunkSize = 1 << 20 // a multiple of every size that a page can have
	chunks    = 4
)

// newDraft begins to write a file of so many pages.
func newDraft(file *os.File, size, pages int64) *draft {
	d := &draft{
		file: file, size: int(size), total: pages * size,
		full: make(chan []byte, chunks), empty: make(chan []byte, chunks), grown: make(chan struct{}),
	}
	for range chunks {
		d.empty <- make([]byte, 0, chunkSize)
	}
	return d
}

// take takes the next page.
func (d *draft) take(ctx context.Context, page []byte) error {
	if len(page) != d.size {
		return fmt.Errorf("a page of %d bytes instead of %d", len(page), d.size)
	}
	if d.chunk == nil {
		select {
		case d.chunk = <-d.empty:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if d.chunk = append(d.chunk, page...); len(d.chunk) == cap(d.chunk) {
		return d.pass(ctx)
	}
	return nil
}

// pass sends what has come on its way.
func (d *draft) pass(ctx context.Context) error {
	select {
	case d.full <- d.chunk:
		d.chunk = nil
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end sends the rest; nothing comes after it.
func (d *draft) end(ctx context.Context) error {
	if len(d.chunk) > 0 {
		if err := d.pass(ctx); err != nil {
			return err
		}
	}
	close(d.full)
	return nil
}

// write writes what comes until all of it is in the file. The disk begins with each stretch at once, so that little is
// left to wait for at the end.
func (d *draft) write(ctx context.Context, wrote func(done int64)) error {
	const stretch = 8 << 20
	var done, begun int64
	for {
		var chunk []byte
		more := false
		select {
		case chunk, more = <-d.full:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if !more {
			break
		}
		if _, err := d.file.WriteAt(chunk, done); err != nil {
			return err
		}
		done += int64(len(chunk))
		if done-begun >= stretch {
			// Some file systems do not know how; the sync at the end finds whatever is wrong.
			_ = unix.SyncFileRange(int(d.file.Fd()), begun, done-begun, unix.SYNC_FILE_RANGE_WRITE)
			begun = done
		}
		d.empty <- chunk[:0]
		wrote(done)
		d.grow(done)
	}
	if done != d.total {
		return fmt.Errorf("%d bytes came, the database has %d: %w", done, d.total, errDamaged)
	}
	return nil
}

// grow lets go on who waits for bytes that are in the file now.
func (d *draft) grow(there int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.there = there
	close(d.grown)
	d.grown = make(chan struct{})
}

// reach waits until so many bytes are in the file, and says how many are.
func (d *draft) reach(ctx context.Context, bytes int64) (there int64, err error) {
	for {
		d.mu.Lock()
		there, grown := d.there, d.grown
		d.mu.Unlock()
		if there >= bytes {
			return there, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return there, context.Cause(ctx)
		}
	}
}

// complete says whether everything is in the file.
func (d *draft) complete() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.there == d.total
}

// stretch reads pages of a draft, several at once where they are asked for one after the other.
type stretch struct {
	draft *draft
	next  uint32 // the page that would be the next one
	bytes []byte // from the page `from` on
	from  uint32
}

func (s *stretch) page(ctx context.Context, number uint32, into []byte) error {
	const ahead = 128 << 10
	size := int64(s.draft.size)
	at := int64(number-1) * size
	there, err := s.draft.reach(ctx, at+size)
	if err != nil {
		return err
	}
	inside := number >= s.from && int64(number-s.from) < int64(len(s.bytes))/size
	if !inside {
		n := size
		if number == s.next {
			n = min(ahead, there-at)
		}
		if int64(cap(s.bytes)) < n {
			s.bytes = make([]byte, max(ahead, size))
		}
		s.bytes, s.from = s.bytes[:n], number
		if _, err := s.draft.file.ReadAt(s.bytes, at); err != nil {
			s.bytes = s.bytes[:0]
			return err
		}
	}
	s.next = number + 1
	copy(into, s.bytes[int64(number-s.from)*size:])
	return nil
}
