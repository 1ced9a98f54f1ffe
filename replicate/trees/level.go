package trees

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Level returns when the copy of a tree that is followed is as its source is, as the source says after it has looked at
// everything once more. Nobody may write in the source meanwhile, or it does not come to an end before its time.
func (s *Set) Level(ctx context.Context, o Order, watch func(Progress)) (Brought, error) {
	now, err := s.followed(o.Tree)
	if err != nil {
		return Brought{}, err
	}
	before := now.board.read().Received
	watch(Progress{Phase: "look"})
	head, err := s.rest(ctx, now, o)
	if err != nil {
		return Brought{}, err
	}
	var was Status
	moved := time.Now()
	tick := time.NewTicker(levelLook)
	defer tick.Stop()
	for {
		v, level, changed := now.board.level(head)
		if level {
			return Brought{Files: v.Files, Bytes: v.Bytes, Sent: v.Received - min(before, v.Received), Refused: v.Failed}, nil
		}
		watch(Progress{Phase: "transfer", Sent: v.Received - min(before, v.Received), Missing: v.Missing})
		if v.Received != was.Received || v.Missing != was.Missing || v.Connected != was.Connected {
			was, moved = v, time.Now()
		}
		if err := s.lags(v, time.Since(moved)); err != nil {
			return Brought{}, err
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return Brought{}, context.Cause(ctx)
		}
	}
}

// followed is a tree that is followed now, whether that has begun or not.
func (s *Set) followed(t Tree) (*kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.kept[key{t.Server, t.Name}]; now != nil && !now.ended {
		return now, nil
	}
	return nil, fmt.Errorf("the files %s are not copied at present", t.Name)
}

// restTime is how long a source that is looked at from here may take to come to rest.
const restTime = 2 * time.Minute

// levelLook is how often it is looked how far a copy is, changes or not.
const levelLook = 50 * time.Millisecond

// rest has the source come to rest, wherever it is.
func (s *Set) rest(ctx context.Context, k *kept, o Order) (head uint64, err error) {
	if o.Tree.Path == "" {
		return s.open.Rest(ctx, o.wanted())
	}
	source := k.board.looker()
	if source == nil {
		return 0, fmt.Errorf("the files %s are not copied at present: %s", o.Tree.Name, k.board.read().Problem)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, restTime, fmt.Errorf("somebody still writes in %s after %s", o.Tree.Path, restTime))
	defer cancel()
	return source.Rest(ctx)
}

// lags says why a copy does not become as its source, once that has lasted; nil before.
func (s *Set) lags(v Status, lasted time.Duration) error {
	switch {
	case v.Held > 0:
		return fmt.Errorf("%d deletions wait to be confirmed: failoverd files", v.Held)
	case lasted < s.patience.stuck:
		return nil
	case len(v.Failed) > 0:
		return fmt.Errorf("%d paths do not come, the first is %q: %s", max(v.Missing, 1), v.Failed[0].Path, v.Failed[0].Reason)
	case v.Problem != "":
		return errors.New(v.Problem)
	case lasted < s.patience.lost:
		return nil
	}
	return fmt.Errorf("given up: nothing has come for %s", s.patience.lost)
}

// nearly is how long ago a copy may have been complete that has nearly all.
const nearly = 5 * time.Second

// near says whether a copy has, or had a moment ago, all that its source has told.
func (v Status) near(now time.Time) bool {
	return v.Current || !v.Synced.IsZero() && now.Sub(v.Synced) < nearly
}

// Near returns when the copy of a tree that is followed has, or had a moment ago, all that its source has told.
func (s *Set) Near(ctx context.Context, t Tree, watch func(Progress)) error {
	tick := time.NewTicker(levelLook)
	defer tick.Stop()
	moved, was := time.Now(), Status{}
	for {
		now, err := s.followed(t)
		if err != nil {
			return err
		}
		v := now.board.read()
		if v.near(time.Now()) {
			return nil
		}
		watch(Progress{Phase: "transfer", Sent: v.Received, Missing: v.Missing})
		if v.Received != was.Received || v.Missing != was.Missing || v.Connected != was.Connected {
			was, moved = v, time.Now()
		}
		if err := s.lags(v, time.Since(moved)); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
