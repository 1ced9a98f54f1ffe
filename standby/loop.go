package standby

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// heartbeat is the longest time between two turns of the loop.
const heartbeat = 200 * time.Millisecond

// Run watches, decides and acts until the context ends. It returns after every
// task has ended; the addresses and the stand-ins stay as they are.
func (s *Standby) Run(ctx context.Context) error {
	stop, interrupt := context.WithCancelCause(context.WithoutCancel(ctx))
	s.stop = stop
	s.reload.loaded = s.started

	parts, end := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	failed := make(chan error, 8)
	start := func(name string, run func(context.Context) error) {
		running.Go(func() {
			err := run(parts)
			if err == nil && parts.Err() == nil {
				err = errors.New("it ended by itself")
			}
			if err != nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	start("pinger", s.pinger.Run)
	start("probes", s.probing.Run)
	start("probe history", s.history.run)
	start("snapshots", s.viewer.run)
	start("log", s.scribe.run)
	start("links", s.watchLinks)
	if s.deps.Herald != nil && s.unreadable == "" {
		start("herald", s.herald)
	}

	err := s.loop(ctx, failed)
	s.stopping = true
	interrupt(plan.ErrInterrupted)
	s.drain()
	s.deps.Trees.Close()
	if err == nil {
		err = s.goodbye()
	}
	close(s.gone)
	end()
	s.closeSegments()
	running.Wait()
	return err
}

// loop is the loop that everything hangs on.
func (s *Standby) loop(ctx context.Context, failed <-chan error) error {
	if err := s.recover(ctx); err != nil {
		return err
	}
	close(s.ready)
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-tick.C:
			s.turn(s.beat)
		case <-s.box.full:
			s.turn(nil)
		}
	}
}

// turn looks at everything that has come in, and at extra. The journal is
// waited for, whatever becomes of the daemon's context: what was decided is
// written down.
func (s *Standby) turn(extra func(*turn)) {
	t := s.begin()
	queue, lost := s.box.take()
	for _, f := range queue {
		f(t)
	}
	if lost > 0 {
		t.deaf(lost)
	}
	if extra != nil {
		extra(t)
	}
	t.consider()
	t.overdue()
	_ = t.commit(context.Background()) // written has said it
	for _, look := range t.looks {
		look()
	}
	s.looped.Store(int64(time.Since(s.started)))
}

// beat is run at every heartbeat.
func (s *Standby) beat(t *turn) {
	retry := s.retry
	s.retry = nil
	for _, f := range retry {
		f(t)
	}
	if s.self.unwritable != "" {
		// Nothing else may want to be written for a long time.
		t.value(valueBoot, s.deps.BootID)
	}
	t.cry()
	t.timers(t.now)
	t.schedule()
	t.link()
	t.connection()
}

// drain waits for the tasks, and looks at what their ends bring.
func (s *Standby) drain() {
	done := make(chan struct{})
	go func() {
		s.tasks.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			s.turn(nil)
			return
		case <-s.box.full:
			s.turn(nil)
		}
	}
}

// goodbye writes down that the daemon stops on purpose, so that the next start
// is not taken for one after a crash, and whatever could not be written before.
func (s *Standby) goodbye() error {
	t := s.begin()
	for _, f := range s.retry {
		f(t)
	}
	t.batch.Values = map[string]string{valueClean: "yes"}
	t.note(journal.Event{
		Kind: "daemon.stopping", Severity: "info", Actor: actor(automatic("daemon")),
		Message: "failoverd stops; addresses and stand-ins stay as they are", Reason: "it was told to",
	}, false)
	return t.commit(context.Background())
}

// written notes whether the journal can be written, and says so when that
// changes.
func (s *Standby) written(err error) {
	was := s.self.unwritable
	s.self.unwritable = ""
	if err != nil {
		s.self.unwritable = err.Error()
	}
	switch {
	case was == s.self.unwritable:
	case err != nil:
		s.log.Error("the journal cannot be written: nothing is done that could not be remembered", "err", err)
	default:
		s.log.Info("the journal can be written again")
	}
}

// answer is what the loop brings to whoever asked.
type answer[T any] struct {
	value T
	err   error
}

// consult reads in the loop what f reads. It changes nothing, so nothing is
// waited for.
func consult[T any](ctx context.Context, s *Standby, f func(*turn) (T, error)) (T, error) {
	ch := make(chan answer[T], 1)
	s.box.put(func(t *turn) {
		if ctx.Err() != nil {
			return // nobody waits for it
		}
		value, err := f(t)
		ch <- answer[T]{value, err}
	})
	return await(ctx, s, ch)
}

// order does in the loop what f does, and returns once its turn is durable. An
// error of f is a refusal: f has changed nothing then, or undone it, though it
// may have noted the refusal.
func order[T any](ctx context.Context, s *Standby, f func(*turn) (T, error)) (T, error) {
	ch := make(chan answer[T], 1)
	s.box.put(func(t *turn) {
		if ctx.Err() != nil {
			return // who gave up waiting does not want to be surprised later
		}
		if s.stopping {
			ch <- answer[T]{err: errStopped()}
			return
		}
		if err := s.unknowing(); err != nil {
			ch <- answer[T]{err: err}
			return
		}
		value, err := f(t)
		t.after(func() { ch <- answer[T]{value, err} })
		t.fails = append(t.fails, func(cause error) {
			if err == nil {
				err = s.unwritable(cause)
			}
			ch <- answer[T]{err: err}
		})
	})
	return await(ctx, s, ch)
}

// await waits for the loop's answer.
func await[T any](ctx context.Context, s *Standby, ch <-chan answer[T]) (T, error) {
	var none T
	select {
	case a := <-ch:
		return a.value, a.err
	case <-ctx.Done():
		return none, fmt.Errorf("the decision loop has not answered in time; look what became of it: %w", ctx.Err())
	case <-s.gone:
	}
	select {
	case a := <-ch:
		return a.value, a.err
	default:
		return none, errStopped()
	}
}

// unwritable refuses an order that could not be written down.
func (s *Standby) unwritable(err error) error {
	return &status.Refusal{
		Code:   status.JournalUnwritable,
		Detail: "the journal cannot be written, and what cannot be remembered is not done: " + err.Error(),
		Try:    "df -h " + s.config.Standby.DataDir,
	}
}
