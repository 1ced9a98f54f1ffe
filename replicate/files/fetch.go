package files

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// blockSize is the size of the blocks in which a file that changed is compared. Databases change in pages of 4 to
	// 16 KiB; larger blocks would bring many that did not change along, smaller ones cost more hashes than they save.
	blockSize = 16 << 10
	// window is how much of a large file is compared and fetched at a time.
	window = blockSize * maxHashes
	// maxSmall and maxLarge are how many small and large files are asked for at a time.
	maxSmall, maxLarge = 256, 2
	// tryAgain is after how long something that failed is tried again.
	tryAgain = 10 * time.Second
)

// job is a file that the source was asked for.
type job struct {
	id    uint64
	entry Entry
	void  bool // something newer is known of the path; what still comes is thrown away

	large bool
	// Of a large file:
	part *part
	old  *os.File // what the copy has under the name; nil if it has nothing
	size int64    // of old
	end  int64    // of the window
	// hashed is how far the hashes of the window have come; wanted are the ranges that differ, and the first of them,
	// without what has come of it already, is next.
	comparing bool
	hashed    int64
	wanted    []span
}

// fetcher asks the source for content, and takes it. It belongs to the receiver's goroutine.
type fetcher struct {
	target *target
	send   func(frame) error
	flush  func() error // sends what send has collected
	jobs   map[uint64]*job
	byPath map[string]*job
	queue  []Entry // to be asked for
	last   uint64  // number of the last job
	small  int     // jobs of each kind
	large  int
}

func newFetcher(t *target, send func(frame) error, flush func() error) *fetcher {
	return &fetcher{target: t, send: send, flush: flush, jobs: map[uint64]*job{}, byPath: map[string]*job{}}
}

// close leaves parts where they are.
func (f *fetcher) close() {
	for _, j := range f.jobs {
		if j.part != nil {
			_ = j.part.settle(&j.entry) // or it is asked for again
		}
		j.release()
	}
}

// release closes what a job has open.
func (j *job) release() {
	if j.part != nil {
		_ = j.part.close()
	}
	if j.old != nil {
		_ = j.old.Close()
	}
	j.part, j.old = nil, nil
}

// forget gives up what is on its way for a path.
func (f *fetcher) forget(p string) {
	if j := f.byPath[p]; j != nil {
		j.void = true
		j.release()
		delete(f.byPath, p)
	}
}

// next takes the entry that has waited longest and may be asked for now.
func (f *fetcher) next() (Entry, bool) {
	for i := range f.queue {
		e := f.queue[i]
		if isSmall := e.Size <= inlineSize; isSmall && f.small >= maxSmall || !isSmall && f.large >= maxLarge {
			if i > maxSmall {
				break // a long queue of large files is not searched to its end for a small one
			}
			continue
		}
		if i == 0 {
			f.queue = f.queue[1:]
		} else {
			f.queue = append(f.queue[:i], f.queue[i+1:]...)
		}
		return e, true
	}
	return Entry{}, false
}

// begin asks for a file.
func (f *fetcher) begin(e Entry) error {
	f.last++
	j := &job{id: f.last, entry: e, large: e.Size > inlineSize}
	if j.large {
		var err error
		if j.part, err = f.target.openPart(&e); err != nil {
			return fmt.Errorf("stage %q: %w", e.Path, err)
		}
		// Where there is nothing to compare with, everything is asked for.
		if old, err := f.target.open(e.Path); err == nil {
			info, err := old.Stat()
			if err == nil && info.Mode().IsRegular() && info.Size() > 0 {
				j.old, j.size = old, info.Size()
			} else {
				_ = old.Close()
			}
		}
		f.large++
	} else {
		f.small++
	}
	f.jobs[j.id] = j
	f.byPath[e.Path] = j
	if !j.large {
		return f.send(&wantFrame{ID: j.id, Path: e.Path, Seq: e.Seq})
	}
	return f.window(j)
}

// end is the end of a job, good or bad.
func (f *fetcher) end(j *job) {
	if j.large {
		f.large--
	} else {
		f.small--
	}
	delete(f.jobs, j.id)
	if f.byPath[j.entry.Path] == j {
		delete(f.byPath, j.entry.Path)
	}
}

// window begins the next window of a large file.
func (f *fetcher) window(j *job) error {
	from := j.part.come
	j.end = min(from+f.target.window, j.entry.Size)
	if j.comparing = j.old != nil && from < j.size; j.comparing {
		j.hashed, j.wanted = from, nil
		return f.send(&wantBlocksFrame{
			ID: j.id, Path: j.entry.Path, Seq: j.entry.Seq, BlockSize: blockSize, Offset: from, Length: j.end - from,
		})
	}
	j.wanted = []span{{Offset: from, Length: j.end - from}}
	return f.want(j)
}

// want asks for the ranges of a window that differ.
func (f *fetcher) want(j *job) error {
	j.comparing = false
	ranges := make([]span, len(j.wanted))
	copy(ranges, j.wanted) // j.wanted is eaten up as the answer comes
	return f.send(&wantFrame{ID: j.id, Path: j.entry.Path, Seq: j.entry.Seq, Ranges: ranges})
}

// find finds the job that a frame is for. A void one is nil.
func (f *fetcher) find(id uint64) (*job, error) {
	j := f.jobs[id]
	if j == nil {
		return nil, fmt.Errorf("%w: an answer to question %d, which was not asked", errWire, id)
	}
	if j.void {
		return nil, nil
	}
	return j, nil
}

// blocks compares the hashes of a file's blocks with what the copy has, and takes over what is equal.
func (f *fetcher) blocks(b *blocksFrame) error {
	j, err := f.find(b.ID)
	if j == nil {
		return err
	}
	if !j.comparing || b.Offset != j.hashed || int64(len(b.Hashes)) > (j.end-j.hashed+blockSize-1)/blockSize {
		return fmt.Errorf("%w: %d hashes from %d of %q", errWire, len(b.Hashes), b.Offset, j.entry.Path)
	}
	block := make([]byte, blockSize)
	for i := range b.Hashes {
		at := j.hashed
		n := min(blockSize, j.end-at)
		j.hashed += n
		got, err := io.ReadFull(io.NewSectionReader(j.old, at, n), block[:n])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("compare with %q: %w", j.entry.Path, err)
		}
		if int64(got) == n && sha256.Sum256(block[:n]) == b.Hashes[i] {
			if err := j.write(at, block[:n]); err != nil {
				return err
			}
			continue
		}
		if last := len(j.wanted) - 1; last >= 0 && j.wanted[last].Offset+j.wanted[last].Length == at {
			j.wanted[last].Length += n
		} else {
			j.wanted = append(j.wanted, span{Offset: at, Length: n})
		}
	}
	return nil
}

// write puts bytes into the part.
func (j *job) write(at int64, b []byte) error {
	if err := j.part.write(at, b); err != nil {
		return fmt.Errorf("stage %q: %w", j.entry.Path, err)
	}
	return nil
}

// allZero says whether there are only zeros.
func allZero(b []byte) bool {
	return len(b) > 0 && b[0] == 0 && bytes.Equal(b[:len(b)-1], b[1:])
}

// eat takes n bytes at an offset off what is wanted: they must be the next ones.
func (j *job) eat(at, n int64) error {
	if !j.large || j.comparing || len(j.wanted) == 0 || n <= 0 || at != j.wanted[0].Offset || n > j.wanted[0].Length {
		return fmt.Errorf("%w: %d bytes at %d of %q, which were not the next", errWire, n, at, j.entry.Path)
	}
	j.wanted[0].Offset += n
	if j.wanted[0].Length -= n; j.wanted[0].Length == 0 {
		j.wanted = j.wanted[1:]
	}
	return nil
}

// data takes bytes of a large file.
func (f *fetcher) data(d *dataFrame) error {
	j, err := f.find(d.ID)
	if j == nil {
		return err
	}
	if err := j.eat(d.Offset, int64(len(d.Data))); err != nil {
		return err
	}
	if !d.Verified {
		return fmt.Errorf("%w: the bytes at %d of %q do not have their sum", errWire, d.Offset, j.entry.Path)
	}
	return j.write(d.Offset, d.Data)
}

// hole takes zeros of a large file. The part is zero where nothing was written yet.
func (f *fetcher) hole(h *holeFrame) error {
	j, err := f.find(h.ID)
	if j == nil {
		return err
	}
	return j.eat(h.Offset, h.Length)
}

// finished takes the end of an answer; s is the file on the stage if it is complete with that.
func (f *fetcher) finished(id uint64) (e *Entry, s staged, err error) {
	j, err := f.find(id)
	if err != nil {
		return nil, s, err
	}
	if j == nil { // void
		f.end(f.jobs[id])
		return nil, s, nil
	}
	switch {
	case !j.large:
		return nil, s, fmt.Errorf("%w: an end without %q", errWire, j.entry.Path)
	case j.comparing && j.hashed != j.end || !j.comparing && len(j.wanted) > 0:
		return nil, s, fmt.Errorf("%w: an end in the middle of %q", errWire, j.entry.Path)
	case j.comparing && len(j.wanted) > 0:
		return nil, s, f.want(j)
	}
	j.part.come = j.end
	whole := j.end == j.entry.Size
	if !whole {
		if err := errors.Join(f.window(j), f.flush()); err != nil {
			return nil, s, err
		}
		return nil, s, j.part.reach(&j.entry, f.target.reachEvery)
	}
	s, err = j.part.complete(&j.entry)
	if err != nil {
		return nil, s, err
	}
	j.part = nil // closed
	j.release()
	f.end(j)
	return &j.entry, s, nil
}

// aborted takes the bad end of an answer; e is nil if nobody waits for it any more.
func (f *fetcher) aborted(a *abortFrame) (e *Entry, err error) {
	j := f.jobs[a.ID]
	if j == nil {
		return nil, fmt.Errorf("%w: the end of question %d, which was not asked", errWire, a.ID)
	}
	j.release()
	f.end(j)
	if j.void {
		return nil, nil
	}
	return &j.entry, nil
}
