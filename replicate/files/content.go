package files

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// put puts a file that is on the stage into the group.
func (r *receiver) put(e *Entry, staged staged) {
	r.staged = append(r.staged, staged)
	r.add(change{does: doPut, entry: *e, staged: staged})
}

// file takes a file that came with its content, unasked or not.
func (r *receiver) file(f *fileFrame) error {
	if !f.Verified {
		return fmt.Errorf("%w: %q does not have its hash", errWire, f.Entry.Path)
	}
	if f.ID == 0 {
		if err := r.announce(f.Entry.Path, false); err != nil {
			return err
		}
	} else {
		j, err := r.fetcher.find(f.ID)
		if err != nil {
			return err
		}
		if j == nil {
			r.fetcher.end(r.fetcher.jobs[f.ID])
			return r.pump()
		}
		if j.large || f.Entry.Path != j.entry.Path || f.Entry.Size != j.entry.Size {
			return fmt.Errorf("%w: %q is not what was asked for", errWire, f.Entry.Path)
		}
		r.fetcher.end(j)
	}
	n := int64(len(f.Data))
	if n > r.room {
		r.lacks(f.Entry, r.full(n))
		return r.pump()
	}
	staged, err := r.target.stageFile(&f.Entry, f.Data)
	if err != nil {
		r.lacks(f.Entry, err.Error())
		return r.pump()
	}
	r.room -= n
	r.bytes += n
	r.put(&f.Entry, staged)
	return r.pump()
}

// measure asks how many bytes may be written.
func (r *receiver) measure() error {
	free, err := r.target.free()
	r.room = free - r.options.Reserve
	return err
}

// full is the reason why n bytes are not written.
func (r *receiver) full(n int64) string {
	return fmt.Sprintf("the disk of the copy is full: %d bytes more are needed beside the reserve", n-r.room)
}

// lacks remembers that an entry's content could not be had, for a reason that may pass.
func (r *receiver) lacks(e Entry, reason string) {
	r.missing[e.Path] = &lack{missing: missing{entry: e, reason: reason}, again: time.Now().Add(tryAgain)}
}

// local sorts an error of a question: what the source did ends the conversation, what happened here only the question.
func (r *receiver) local(id uint64, err error) error {
	if err == nil || errors.Is(err, errWire) {
		return err
	}
	j := r.fetcher.jobs[id]
	e := j.entry
	r.fetcher.forget(e.Path)
	reason := err.Error()
	if errors.Is(err, unix.ENOSPC) {
		reason = r.full(e.Size)
	}
	r.lacks(e, reason)
	return nil
}

// aborted takes the bad end of an answer.
func (r *receiver) aborted(f *abortFrame) error {
	e, err := r.fetcher.aborted(f)
	if err != nil {
		return err
	}
	switch {
	case e == nil:
	case f.Code == abortChanged:
		delete(r.missing, e.Path) // what it is now is announced by itself
	default:
		r.lacks(*e, f.Text)
	}
	return r.pump()
}

// pump asks for what is missing, as far as may be asked.
func (r *receiver) pump() error {
	for {
		e, ok := r.fetcher.next()
		if !ok {
			break
		}
		m := r.missing[e.Path]
		if m == nil || m.entry.Seq != e.Seq || m.reason != "" || r.fetcher.byPath[e.Path] != nil {
			continue // something newer is known
		}
		if e.Size-r.target.owned(e.Path) > r.room {
			r.lacks(e, r.full(e.Size))
			continue
		}
		if err := r.fetcher.begin(e); err != nil {
			if r.fetcher.byPath[e.Path] != nil {
				return err // it was the stream
			}
			r.lacks(e, err.Error())
		}
	}
	return r.collected()
}

// retry tries again what failed a while ago.
func (r *receiver) retry(now time.Time) error {
	for _, m := range r.missing {
		if m.reason != "" && !m.final && !now.Before(m.again) {
			m.again = now.Add(tryAgain)
			r.add(change{does: doEntry, entry: m.entry})
		}
	}
	for p := range r.stuck {
		r.add(change{does: doGone, path: p})
	}
	if len(r.changes) > 0 {
		return r.measure()
	}
	return nil
}
