package trees

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"failoverd/replicate/files"
)

// rememberEvery is how often it is written down that the copy is complete.
const rememberEvery = time.Minute

// follower follows one tree until it is told to end.
type follower struct {
	order   Order // Accept is taken back once it was used
	open    Opener
	marking *sync.Mutex // of the set
	board   *board
	log     *slog.Logger
	after   <-chan struct{} // closed when whoever had the copy before has given it back; nil if nobody had
	cancel  context.CancelFunc
	done    chan struct{} // closed when the copy is given back

	remembered time.Time // the instant that is written down
}

// run has one conversation after another, and waits between them while they come to nothing.
func (f *follower) run(ctx context.Context) {
	defer close(f.done)
	if f.after != nil {
		<-f.after
	}
	attempts := 0
	for ctx.Err() == nil {
		began := time.Now()
		err := f.attempt(ctx)
		if ctx.Err() != nil {
			f.board.end(nil)
			return
		}
		if time.Since(began) > mostPause {
			attempts = 0
		}
		if err == nil {
			err = errors.New("the source ended the conversation")
		}
		f.board.end(err)
		wait := pause(attempts, rand.Float64())
		attempts++
		f.log.Warn("the copy of a tree is not brought up to date; it is tried again", "err", err, "in", wait.Round(time.Millisecond))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// attempt opens the copy and the source, and has one conversation.
func (f *follower) attempt(ctx context.Context) (err error) {
	t := f.order.Tree
	synced, err := recall(t)
	if err != nil {
		return err
	}
	f.board.follow(ctx, time.Now(), synced)
	rules, err := files.NewRules(t.Include, t.Exclude, t.FoldCase)
	if err != nil {
		return err
	}
	sink, err := files.OpenSink(f.order.sink(rules, f.log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	f.board.begin(time.Now(), sink)
	if t.Path == "" {
		stream, err := f.open.Open(ctx, Wanted{
			Server: t.Server, Directory: t.Agent, Include: t.Include, Exclude: t.Exclude, FoldCase: t.FoldCase, Epoch: f.order.Epoch,
		})
		if err != nil {
			return err
		}
		return f.watched(sink, nil, func() error { return sink.Receive(ctx, stream) })
	}
	m, err := openMounted(ctx, f.order, rules, f.marking, f.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	f.board.looks(m.source)
	return f.watched(sink, m.source, func() error { return m.converse(sink) })
}

// watched has a conversation, and meanwhile writes on the board how it goes.
func (f *follower) watched(sink *files.Sink, source *files.Source, converse func() error) error {
	end := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { f.watch(sink, source, end) })
	err := converse()
	close(end)
	watching.Wait()
	return err
}

// watch writes on the board what both sides say, whenever that changes, until end.
func (f *follower) watch(sink *files.Sink, source *files.Source, end <-chan struct{}) {
	var changed, told <-chan struct{} // told stays nil where the source is elsewhere
	for {
		o := observed{at: time.Now(), mounted: source != nil}
		o.sink, changed = sink.Status()
		if source != nil {
			o.source, told = source.Status()
		}
		s := f.board.observe(o)
		if s.Connected {
			f.order.Accept = false // it was used: the next change of the source is another one
		}
		if s.Synced.Sub(f.remembered) >= rememberEvery || f.remembered.IsZero() && !s.Synced.IsZero() {
			f.remember(s.Synced)
		}
		select {
		case <-changed:
		case <-told:
		case <-end:
			f.remember(f.board.read().Synced)
			return
		}
	}
}

// remember writes down when the copy was last complete, if that is newer than what is written.
func (f *follower) remember(synced time.Time) {
	if !synced.After(f.remembered) {
		return
	}
	if err := remember(f.order.Tree, synced); err != nil {
		f.log.Warn("it could not be written down that the copy is complete", "err", err)
	}
	f.remembered = synced
}
