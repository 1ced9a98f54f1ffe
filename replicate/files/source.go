package files

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"failoverd/internal/atomicfile"
)

// SourceOptions say how a tree is watched.
type SourceOptions struct {
	Directory    string // the tree
	StateDir     string // where the source remembers the tree between two runs; made if it is missing
	Rules        *Rules // what belongs to the tree
	Epoch        uint64 // the takeover epoch under which this host speaks
	Settle       Settle
	ScanInterval time.Duration // how often everything is looked at, events or not
	Log          *slog.Logger
}

// Source watches a tree and tells sinks what changes in it.
type Source struct {
	options SourceOptions
	tree    *tree
	state   *os.Root
	root    [16]byte // identity of the root
	marked  bool
	watches *watches
	watcher *fsnotify.Watcher // nil where nothing is watched
	owners
	dirty *dirty

	mu        sync.Mutex
	index     *index
	scanned   bool            // everything was looked at once
	looking   bool            // everything is being looked at
	looks     int             // how often it was
	owed      map[string]bool // what that has seen that had not come to rest
	problems  map[string]string
	acked     uint64
	epoch     uint64            // the takeover epoch under which this host speaks
	kept      uint64            // the confirmed number of the copy of the index that was written last
	keepAt    time.Time         // when it is written again
	keepEvery time.Duration     // how often at most
	refused   map[string]string // what the sink cannot hold
	changed   chan struct{}     // closed at the next change of any of these
}

// Files of the state directory.
const (
	indexFile    = "index"
	identityFile = "root"
)

// OpenSource opens a tree. The error is ErrRoot if the directory is not the tree that it was the last time.
func OpenSource(o SourceOptions) (_ *Source, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the tree in %s: %w", o.Directory, err)
		}
	}()
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, err
	}
	s := &Source{
		options: o, epoch: o.Epoch, keepEvery: usualKeepEvery, owners: hostOwners(), dirty: newDirty(o.Settle.Quiet),
		problems: map[string]string{}, refused: map[string]string{}, owed: map[string]bool{}, changed: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.state, err = os.OpenRoot(o.StateDir); err != nil {
		return nil, err
	}
	if s.tree, err = openTree(o.Directory); err != nil {
		return nil, err
	}
	if err := s.identify(); err != nil {
		return nil, err
	}
	if s.index, err = takeIndex(s.state); err != nil {
		return nil, err
	}
	s.acked, s.kept = s.index.confirmed, s.index.confirmed
	s.watches, s.watcher = newWatches(o.Directory)
	return s, nil
}

// identify makes sure that the directory is the tree that it was, and marks it the first time.
func (s *Source) identify() error {
	id, marked, err := readMark(s.options.Directory)
	if err != nil {
		return err
	}
	known, err := s.state.ReadFile(identityFile)
	switch {
	case err == nil:
		if text := strings.TrimSpace(string(known)); text != identityText(id, marked) {
			return fmt.Errorf("%w: it was %s, and is %s", ErrRoot, text, identityText(id, marked))
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	default:
		if !marked {
			if id, marked, err = mark(s.options.Directory); err != nil {
				return err
			}
		}
		if err := atomicfile.Write(s.state, identityFile, []byte(identityText(id, marked)+"\n"), 0o600); err != nil {
			return err
		}
	}
	s.root, s.marked = id, marked
	return nil
}

// identityText is an identity as it is written down.
func identityText(id [16]byte, marked bool) string {
	if !marked {
		return "unmarked"
	}
	return hex.EncodeToString(id[:])
}

// takeIndex takes the index that the last run left. It is taken away: whoever crashes begins a new one, which costs a
// comparison of everything, but never gives a number twice.
func takeIndex(state *os.Root) (*index, error) {
	b, err := state.ReadFile(indexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return newIndex(), nil
	}
	if err != nil {
		return nil, err
	}
	x, err := decodeIndex(b)
	if err != nil {
		x = newIndex() // damaged: as good as none
	}
	if err := state.Remove(indexFile); err != nil {
		return nil, err
	}
	d, err := state.Open(".")
	if err != nil {
		return nil, err
	}
	return x, errors.Join(d.Sync(), d.Close())
}

// Close remembers the tree for the next run and gives it back. Run and Serve must have returned.
func (s *Source) Close() error {
	b := s.index.encode()
	err := atomicfile.Write(s.state, indexFile, b, 0o600)
	if err == nil && s.index.confirmed > 0 {
		err = atomicfile.Write(s.state, knownFile, b, 0o600)
	}
	return errors.Join(err, s.close())
}

// usualKeepEvery is how often a copy of the index is written while the source runs; in a large tree less often, so that
// it takes a hundredth of the time at most.
const usualKeepEvery = 5 * time.Minute

// keep writes a copy of the index from which the tail is known after a crash (see Tail).
func (s *Source) keep(now time.Time) {
	if now.Before(s.keepAt) {
		return
	}
	s.mu.Lock()
	confirmed := s.index.confirmed
	if confirmed == s.kept {
		s.mu.Unlock()
		return
	}
	b := s.index.encode()
	s.mu.Unlock()
	if err := atomicfile.Write(s.state, knownFile, b, 0o600); err != nil {
		s.options.Log.Warn("what the other side has could not be written down", "directory", s.options.Directory, "err", err)
	}
	s.kept, s.keepAt = confirmed, time.Now().Add(max(s.keepEvery, 100*time.Since(now)))
}

// close gives the descriptors back.
func (s *Source) close() error {
	var errs []error
	if s.watcher != nil {
		errs = append(errs, s.watcher.Close())
	}
	if s.tree != nil {
		errs = append(errs, s.tree.close())
	}
	if s.state != nil {
		errs = append(errs, s.state.Close())
	}
	return errors.Join(errs...)
}

// there says whether the directory is still the tree.
func (s *Source) there() error {
	if err := s.tree.there(); err != nil {
		return fmt.Errorf("%w: %w", ErrRoot, err)
	}
	id, marked, err := readMark(s.options.Directory)
	if err == nil && (marked != s.marked || marked && id != s.root) {
		err = fmt.Errorf("%w: its mark is gone", ErrRoot)
	}
	return err
}

// SourceStatus is what a source knows of its tree.
type SourceStatus struct {
	Scanned  bool          // everything was looked at once since the start
	Head     uint64        // the number of the last change
	Acked    uint64        // what a sink has said is durable
	Whole    uint64        // what a sink has said is durable with nothing lacking
	Files    uint64        // that the tree has
	Bytes    uint64        // in them
	Dirty    int           // paths that changed and have not come to rest
	Oldest   time.Duration // for how long the first of them has
	Resting  bool          // everything was looked at, nothing has changed since, and nobody is known to write in a file
	Problem  string        // what keeps the source from knowing the tree whole
	Problems []Problem     // paths that are not copied, and why, the first hundred
}

// Status tells what is known of the tree, and gives a channel that is closed when that has changed; of Dirty, when there
// is one after there was none.
func (s *Source) Status() (SourceStatus, <-chan struct{}) {
	// What changes while this is put together wakes the caller, and Head has everything that was looked at by the time at
	// which nothing waited.
	changed, none := s.change(), s.dirty.none()
	s.mu.Lock()
	defer s.mu.Unlock()
	v := SourceStatus{
		Scanned: s.scanned, Head: s.index.head, Acked: s.acked, Whole: s.index.confirmed, Files: s.index.files, Bytes: s.index.bytes,
		Problem: s.problems["."], Resting: s.scanned && none,
	}
	v.Dirty, v.Oldest = s.dirty.count(time.Now())
	for _, list := range []map[string]string{s.problems, s.refused} {
		for p, reason := range list {
			if p != "." && len(v.Problems) < 100 {
				v.Problems = append(v.Problems, Problem{Path: p, Reason: reason})
			}
		}
	}
	return v, changed
}

// owes says whether the first look at everything has seen something that has not come to rest since, and so is not in the
// index. A listing does not end before: what it leaves out is taken for gone. The lock is held.
func (s *Source) owes() bool {
	for p := range s.owed {
		if s.index.entries[p] == nil && s.dirty.waits(p) {
			return true
		}
		delete(s.owed, p)
	}
	return false
}

// change is a channel that is closed at the next change.
func (s *Source) change() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// tell wakes up whoever waits for a change. The lock is held.
func (s *Source) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Run watches the tree until ctx ends, which is no error. It returns ErrRoot when the tree is not there any more.
func (s *Source) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var drained sync.WaitGroup
	defer drained.Wait()
	if s.watcher != nil {
		drained.Go(func() { s.drain(ctx) })
	}
	defer cancel()
	l := &look{Source: s}
	for {
		now := time.Now()
		if s.dirty.takeScan(now) {
			s.scanning(true)
			err := l.scan(ctx)
			s.scanning(false)
			if err != nil {
				return err
			}
			s.dirty.scanAgain(time.Now().Add(s.scanInterval()))
		}
		if err := l.dueNow(); err != nil {
			return err
		}
		s.keep(time.Now())
		timer := time.NewTimer(min(s.dirty.wait(time.Now()), s.keepEvery))
		select {
		case <-timer.C:
		case <-s.dirty.wake:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// unwatchedInterval is how often a tree is scanned whose changes are not all reported.
const unwatchedInterval = time.Minute

// scanInterval is after how long everything is looked at again.
func (s *Source) scanInterval() time.Duration {
	if !s.watches.whole() {
		return min(s.options.ScanInterval, unwatchedInterval)
	}
	return s.options.ScanInterval
}

// drain takes events and nothing else: while nobody does, the kernel's queue fills up.
func (s *Source) drain(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-s.watcher.Events:
			if !ok {
				return
			}
			if p, ok := s.watches.path(e.Name); ok && !isPrivate(p) {
				came, left := e.Has(fsnotify.Create), e.Has(fsnotify.Remove|fsnotify.Rename)
				if s.dirty.add(p, came || e.Has(fsnotify.Write), came, left) {
					s.mu.Lock()
					s.tell()
					s.mu.Unlock()
				}
			}
		case err, ok := <-s.watcher.Errors:
			if !ok {
				return
			}
			if errors.Is(err, unix.EINVAL) {
				continue // fsnotify ended a watch that had gone by itself
			}
			// Events were lost, or may have been: only looking at everything helps.
			s.dirty.lost(time.Now())
			s.options.Log.Warn("events were lost; everything is looked at", "directory", s.options.Directory, "err", err)
		}
	}
}

// Raise has the source speak under a later takeover epoch from the next conversation on; an earlier one changes nothing.
func (s *Source) Raise(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch = max(s.epoch, epoch)
}

// Scan has everything looked at soon.
func (s *Source) Scan() { s.dirty.scanAgain(time.Now()) }

// scanning notes that everything is being looked at, or has been.
func (s *Source) scanning(now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looking = now; !now {
		s.looks++
		s.tell()
	}
}

// Rest has everything looked at once more, whatever the events have told, and returns the number of the last change once
// nothing waits to be looked at any more: whoever has everything up to that number has the tree as it was when Rest was
// called, and as it still is if nobody has written in it. While somebody goes on writing it does not return before ctx ends.
func (s *Source) Rest(ctx context.Context) (head uint64, err error) {
	s.mu.Lock()
	after := s.looks
	if s.looking { // what it has passed already it does not see
		after++
	}
	s.mu.Unlock()
	s.Scan()
	tick := time.NewTicker(restLook) // the last dirt may go without a word
	defer tick.Stop()
	for {
		v, changed := s.Status()
		s.mu.Lock()
		looked := s.looks > after
		s.mu.Unlock()
		if looked && v.Resting {
			return v.Head, nil
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// restLook is how often it is looked whether a tree has come to rest.
const restLook = 20 * time.Millisecond
