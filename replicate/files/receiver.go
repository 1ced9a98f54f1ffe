package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"
)

const (
	// A group becomes durable when it has so many changes, or so many bytes, or is so old, or when the source has nothing
	// more to say.
	groupChanges = 2048
	groupBytes   = 64 << 20
	groupAge     = 50 * time.Millisecond
	// noteEvery is how often the cursor is made durable: it may lag behind what is.
	noteEvery = 250 * time.Millisecond
	// maxPaths bounds what a source can make a sink remember.
	maxPaths = 8 << 20
	// pruneEvery is how often the trash is looked through.
	pruneEvery = time.Hour
)

// receiver is the sink's side of one conversation.
type receiver struct {
	*Sink
	w       *wire
	fetcher *fetcher

	changes []change // of the group that is being collected, in the order in which they came
	staged  []staged // files on the stage that the group needs
	bytes   int64    // of the group
	room    int64    // bytes that may still be written
	due     <-chan time.Time
	flight  *flight // the group before, on its way to the disk
	loose   bool    // what was carried out since the last sync may not be durable

	listing   bool
	announced map[string]bool    // since listing
	missing   map[string]*lack   // what was announced and is not there
	plain     map[string]missing // what is there without some of its attributes
	held      map[string]bool    // deletions that wait to be confirmed
	stuck     map[string]string  // deletions that failed, and why
	folded    map[string]string  // where case does not count: the name that is there, by its folded form
	suspect   bool               // the root may be another one: nothing is deleted unasked
	cursor    uint64             // the last one that came
	acked     uint64             // the last one that was sent
	ackedAt   time.Time
	lacked    uint64         // how much was lacking then
	stale     bool           // the state on disk is older than the one in memory
	pending   map[string]int // changes that wait for their turn, by the path that they are about
	prunedAt  time.Time
	begun     time.Time
	limit     int64 // that the source knows of
}

// lack is what is missing of the copy.
type lack struct {
	missing
	again time.Time // when it is tried again, after it failed
}

func newReceiver(s *Sink, w *wire) *receiver {
	r := &receiver{
		Sink: s, w: w, begun: time.Now(), missing: map[string]*lack{}, plain: map[string]missing{}, held: map[string]bool{}, stuck: map[string]string{}, pending: map[string]int{},
	}
	r.fetcher = newFetcher(s.target, w.write, w.flush)
	return r
}

// run has the conversation.
func (r *receiver) run(ctx context.Context, frames <-chan frame) (err error) {
	defer r.fetcher.close()
	if ok, err := r.greet(frames); err != nil || !ok {
		return err
	}
	r.show(func(v *SinkStatus) { v.Connected = true })
	defer func() {
		// What came whole is worth keeping, unless it came from somebody who breaks the rules.
		if !errors.Is(err, errWire) {
			err = errors.Join(err, r.apply(), r.fasten(), r.note())
			return
		}
		if r.flight != nil {
			<-r.flight.done
			r.throwAway(r.flight.changes)
		}
		r.throwAway(r.changes)
		_ = r.w.write(&byeFrame{Code: byeProtocol, Reason: err.Error()})
		_ = r.w.flush()
	}()
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		select {
		case f, ok := <-frames:
			if !ok {
				return nil
			}
			if err := r.take(f); err != nil {
				return err
			}
		case <-r.due:
			if err := r.commit(); err != nil {
				return err
			}
		case err := <-r.landing():
			if err := r.landed(err); err != nil {
				return err
			}
			if err := r.pump(); err != nil {
				return err
			}
		case <-tick.C:
			if err := r.tick(time.Now()); err != nil {
				return err
			}
		case <-r.release:
			if err := r.confirmed(); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
		if err := r.w.flush(); err != nil {
			return err
		}
	}
}

// greet takes the hello and answers it. It is not ok if the stream ended before.
func (r *receiver) greet(frames <-chan frame) (ok bool, err error) {
	f, open := <-frames
	if !open {
		return false, nil
	}
	hello, isHello := f.(*helloFrame)
	if !isHello {
		return false, fmt.Errorf("%w: %v before hello", errWire, f.kind())
	}
	if bye := r.refuse(hello); bye != nil {
		return false, errors.Join(bye, r.w.write(bye), r.w.flush())
	}
	if err := r.target.sweep(time.Now()); err != nil {
		return false, fmt.Errorf("sweep the stage: %w", err)
	}
	if r.options.Rules.FoldsCase() {
		if err := r.foldNames(); err != nil {
			return false, err
		}
	}
	if hello.Index != r.state.index {
		r.state.index, r.state.cursor, r.state.missing = hello.Index, 0, nil
		// Under another index the old cursor means nothing; until everything was compared there is none.
		r.stale = true
	}
	for _, m := range r.state.missing {
		if m.plain {
			r.plain[m.entry.Path] = m
			continue
		}
		r.missing[m.entry.Path] = &lack{missing: m}
		if err := r.target.mendAbove(&m); err != nil {
			return false, err
		}
		if !m.final {
			r.add(change{does: doEntry, entry: m.entry})
		}
	}
	r.cursor = r.state.cursor
	r.ackedAt = time.Now().Add(-r.every) // the first word is worth saying at once
	resume := &resumeFrame{Seq: r.state.cursor, Empty: r.state.files == 0}
	if r.state.cursor > 0 {
		resume.Index = r.state.index
	}
	if err := r.measure(); err != nil {
		return false, err
	}
	r.show(func(v *SinkStatus) { v.Head = hello.Head })
	r.tell()
	err = r.w.write(resume)
	for p, m := range r.missing {
		if m.final {
			err = errors.Join(err, r.w.write(&refusedFrame{Path: p, Seq: m.entry.Seq, Reason: m.reason}))
		}
	}
	return true, errors.Join(err, r.slow(time.Now()), r.w.flush())
}

// slow tells the source how fast it may send, when that has changed.
func (r *receiver) slow(now time.Time) error {
	if r.options.Limit == nil {
		return nil
	}
	limit := max(0, r.options.Limit(now))
	if limit == r.limit {
		return nil
	}
	r.limit = limit
	return r.w.write(&limitFrame{Rate: limit})
}

// refuse says why a source is not listened to; nil if it is.
func (r *receiver) refuse(h *helloFrame) *byeFrame {
	s := &r.state
	switch {
	case h.Version != wireVersion:
		return &byeFrame{byeVersion, fmt.Sprintf("the standby speaks version %d, the source %d", wireVersion, h.Version)}
	case h.Epoch < max(r.options.Epoch, s.epoch):
		return &byeFrame{byeEpoch, fmt.Sprintf("the source is of takeover epoch %d, the copy of %d: the copy may be newer",
			h.Epoch, max(r.options.Epoch, s.epoch))}
	case h.Rules != r.options.Rules.Hash():
		return &byeFrame{byeRules, "the two sides include different files"}
	}
	known := s.source != [16]byte{} || s.device != 0 || s.inode != 0
	same := s.marked == h.Marked && s.source == h.Tree
	if known && !same && !r.accept {
		return &byeFrame{byeRoot, "the source's directory is another one than before: unmounted, or replaced"}
	}
	// Without a mark there are only numbers, which may change when the source is mounted again.
	r.suspect = known && !h.Marked && (s.device != h.Device || s.inode != h.Inode) && !r.accept
	r.accept = false
	if !known || !same || s.device != h.Device || s.inode != h.Inode || s.epoch != h.Epoch {
		s.source, s.marked, s.device, s.inode, s.epoch = h.Tree, h.Marked, h.Device, h.Inode, h.Epoch
		r.stale = true
	}
	return nil
}

// take deals with a frame.
func (r *receiver) take(f frame) error {
	switch f := f.(type) {
	case *listingFrame:
		r.listing, r.announced = true, map[string]bool{}
		clear(r.missing)
		clear(r.plain)
		clear(r.held)
		r.show(func(v *SinkStatus) { v.Listing = true })
	case *entryFrame:
		if err := r.announce(f.Entry.Path, f.Entry.Kind == Directory); err != nil {
			return err
		}
		r.add(change{does: doEntry, entry: f.Entry})
	case *fileFrame:
		return r.file(f)
	case *goneFrame:
		r.void(f.Path)
		delete(r.announced, f.Path)
		r.add(change{does: doGone, path: f.Path})
	case *renameFrame:
		r.add(change{does: doRename, path: f.From, to: f.To})
	case *listedFrame:
		return r.listed()
	case *cursorFrame:
		if r.listing || f.Seq < r.cursor {
			return fmt.Errorf("%w: cursor %d after %d", errWire, f.Seq, r.cursor)
		}
		r.cursor = f.Seq
		r.show(func(v *SinkStatus) { v.Head = max(v.Head, f.Seq) })
		if f.Idle {
			return r.commit()
		}
	case *beatFrame:
		r.show(func(v *SinkStatus) { v.Head, v.Source = f.Head, f.Problem })
	case *blocksFrame:
		return r.local(f.ID, r.fetcher.blocks(f))
	case *dataFrame:
		r.room -= int64(len(f.Data))
		err := r.local(f.ID, r.fetcher.data(f))
		r.w.reuse(f)
		return err
	case *holeFrame:
		return r.local(f.ID, r.fetcher.hole(f))
	case *endFrame:
		e, staged, err := r.fetcher.finished(f.ID)
		if err != nil {
			j := r.fetcher.jobs[f.ID]
			if err := r.local(f.ID, err); err != nil {
				return err
			}
			r.fetcher.end(j) // nothing more comes for it
		}
		if e != nil {
			r.put(e, staged)
		}
		return r.pump()
	case *abortFrame:
		return r.aborted(f)
	default:
		return fmt.Errorf("%w: %v from a source", errWire, f.kind())
	}
	return r.collected()
}

// announce checks that a path may be announced, and makes void what was known of it.
func (r *receiver) announce(p string, isDir bool) error {
	if !r.options.Rules.Match(p, isDir) {
		return fmt.Errorf("%w: %q does not belong to the tree", errWire, p)
	}
	if len(r.missing) >= maxPaths || len(r.announced) >= maxPaths {
		return fmt.Errorf("%w: more than %d paths", errWire, maxPaths)
	}
	if r.listing {
		// What is above an announced path is there as well.
		for dir := p; dir != "." && !r.announced[dir]; dir = path.Dir(dir) {
			r.announced[dir] = true
		}
	}
	r.void(p)
	return nil
}

// void forgets what was known of a path.
func (r *receiver) void(p string) {
	r.fetcher.forget(p)
	delete(r.missing, p)
	delete(r.plain, p)
	delete(r.held, p)
	delete(r.stuck, p)
}

// add puts a change into the group.
func (r *receiver) add(c change) {
	if len(r.changes) == 0 {
		r.due = time.After(groupAge)
	}
	r.changes = append(r.changes, c)
	r.pending[c.about()]++
}

// tick does what is due by time.
func (r *receiver) tick(now time.Time) error {
	if err := errors.Join(r.retry(now), r.slow(now)); err != nil {
		return err
	}
	if now.Sub(r.prunedAt) >= pruneEvery {
		r.prunedAt = now
		if err := r.target.prune(now, r.options.Retention); err != nil {
			return err
		}
	}
	// That nothing is lacking any more is said at once: it is what the source goes by when the roles are exchanged.
	if r.state.cursor > r.acked || now.Sub(r.ackedAt) >= ackEvery || r.lacked > 0 && r.whole() {
		return r.acknowledge(now)
	}
	if err := r.note(); err != nil {
		return err
	}
	r.tell()
	return nil
}

// tell shows how far the copy is.
func (r *receiver) tell() {
	v := SinkStatus{Missing: len(r.missing), Held: len(r.held)}
	for p, m := range r.missing {
		if m.reason != "" && len(v.Failed) < 100 {
			v.Failed = append(v.Failed, Problem{Path: p, Reason: m.reason})
		}
	}
	for p, m := range r.plain {
		if len(v.Failed) < 100 {
			v.Failed = append(v.Failed, Problem{Path: p, Reason: m.reason})
		}
	}
	for p, reason := range r.stuck {
		if len(v.Failed) < 100 {
			v.Failed = append(v.Failed, Problem{Path: p, Reason: reason})
		}
	}
	slices.SortFunc(v.Failed, func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
	r.show(func(s *SinkStatus) {
		s.Missing, s.Held, s.Failed = v.Missing, v.Held, v.Failed
		s.Cursor, s.Files, s.Received = r.state.cursor, r.state.files, r.w.received.Load()
	})
}
