package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// SinkOptions say how a copy is kept.
type SinkOptions struct {
	Directory string        // where the copy is; made if it is missing
	Rules     *Rules        // what belongs to it, the same as the source's
	Epoch     uint64        // the takeover epoch of this host; a source of an older one is refused
	Retention time.Duration // how long the trash is kept; zero for no trash
	Reserve   int64         // bytes of the disk that are left free
	Brake     Brake
	// Limit says how many bytes a second may come at a time; zero for as many as can. It is asked again and again. Nil is
	// no limit.
	Limit func(time.Time) int64
	// Tail is what this host has that the other side never had, when the roles are exchanged and this one had been the
	// source: what of it is overwritten or deleted is set aside (see ListRescued). Nil otherwise.
	Tail *Tail
	// AcceptSource takes a source whose root is another than before, once: somebody has said that it is right.
	AcceptSource bool
	// Prompt says at once that everything has come, and not when it is due: users wait for it in the final stop of a failback.
	// What is said is durable before, so that it would be too much for a copy that follows changes all day.
	Prompt bool
	Log    *slog.Logger
}

// Sink keeps a copy of a source's tree. One conversation at a time brings it up to date.
type Sink struct {
	options SinkOptions
	target  *target
	busy    sync.Mutex // held during a conversation; guards state
	state   state
	accept  bool          // AcceptSource was not used up yet
	every   time.Duration // noteEvery
	release chan struct{} // somebody confirmed what is held back

	mu      sync.Mutex
	status  SinkStatus
	changed chan struct{} // closed at the next change of status
}

// OpenSink opens a copy, or begins one.
func OpenSink(o SinkOptions) (*Sink, error) {
	t, err := openTarget(o.Directory)
	if err != nil {
		return nil, fmt.Errorf("open the copy: %w", err)
	}
	s := &Sink{
		options: o, target: t, accept: o.AcceptSource, every: noteEvery, release: make(chan struct{}, 1),
		changed: make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the copy in %s: %w", o.Directory, err), t.close())
	}
	return s, nil
}

// open reads the state and tidies up.
func (s *Sink) open() error {
	var err error
	var fresh bool
	if s.state, fresh, err = readState(s.target.root); err != nil {
		return err
	}
	if fresh {
		if s.state.files, err = s.count(); err != nil {
			return err
		}
	}
	if err := s.target.sweep(time.Now()); err != nil {
		return fmt.Errorf("sweep the stage: %w", err)
	}
	s.show(func(v *SinkStatus) {
		v.Cursor, v.Files = s.state.cursor, s.state.files
		for i := range s.state.missing {
			if !s.state.missing[i].plain {
				v.Missing++
			}
		}
	})
	return s.target.prune(time.Now(), s.options.Retention)
}

// count counts the files of the copy.
func (s *Sink) count() (n uint64, err error) {
	err = s.target.walk(".", func(p string, isDir bool) bool {
		if !isDir && s.options.Rules.Match(p, false) {
			n++
		}
		return s.options.Rules.Match(p, isDir)
	})
	return n, err
}

// Close gives the copy back. No conversation may be going on.
func (s *Sink) Close() error {
	s.busy.Lock()
	defer s.busy.Unlock()
	return s.target.close()
}

// ErrBusy says that a conversation about the copy is going on already.
var ErrBusy = errors.New("the copy is being brought up to date by another conversation")

// Confirm lets the deletions happen that are held back.
func (s *Sink) Confirm() {
	select {
	case s.release <- struct{}{}:
	default:
	}
}

// Receive has a conversation with a source until the stream ends or ctx does, which is no error. It closes the stream.
func (s *Sink) Receive(ctx context.Context, stream io.ReadWriteCloser) error {
	if !s.busy.TryLock() {
		return errors.Join(ErrBusy, stream.Close())
	}
	defer s.busy.Unlock()
	w, err := newWire(stream)
	if err != nil {
		return errors.Join(err, stream.Close())
	}
	r := newReceiver(s, w)
	defer s.show(func(v *SinkStatus) { v.Connected, v.Listing = false, false })
	err = converse(ctx, w, stream, silence, func(frames <-chan frame) error { return r.run(ctx, frames) })
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// SinkStatus is how far a copy is.
type SinkStatus struct {
	Connected bool
	Listing   bool      // everything is being compared
	Cursor    uint64    // everything up to this number is durable, but for what is in Missing
	Head      uint64    // the number of the source's last change, as far as it has said
	Files     uint64    // of the copy
	Missing   int       // paths that were announced and whose content is not there yet
	Failed    []Problem // those of them for which there is a reason, and what could not be made whole, the first hundred
	Held      int       // deletions that wait to be confirmed
	Received  uint64    // bytes of the conversation so far, as they travelled
	Source    string    // what keeps the source from knowing its tree whole
}

// Problem is a path that is not as it should be, and why.
type Problem struct {
	Path   string
	Reason string
}

// Status tells how far the copy is, and gives a channel that is closed when that has changed.
func (s *Sink) Status() (SinkStatus, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, s.changed
}

// show changes the status.
func (s *Sink) show(change func(*SinkStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
	close(s.changed)
	s.changed = make(chan struct{})
}
