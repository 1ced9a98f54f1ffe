package sqlite

import (
	"context"

	"failoverd/replicate/database"
)

// liar is the engine, except for what is not nil.
type liar struct {
	Engine
	probe    func(ctx context.Context, p database.Pair) (database.Report, error)
	copy     func(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error)
	fix      func(ctx context.Context, p database.Pair, script string) error
	verify   func(ctx context.Context, p database.Pair, s database.Snapshot) (database.Verified, error)
	swap     func(ctx context.Context, p database.Pair, note func(string) error) error
	rollback func(ctx context.Context, p database.Pair, note func(string) error) error
	discard  func(ctx context.Context, p database.Pair) error
	release  func(ctx context.Context, e database.End, writable bool) error
	sessions func(ctx context.Context, e database.End) ([]database.Session, error)
	changes  func(ctx context.Context, e database.End, s database.Snapshot) ([]database.Change, error)
}

func (l liar) Probe(ctx context.Context, p database.Pair) (database.Report, error) {
	if l.probe != nil {
		return l.probe(ctx, p)
	}
	return l.Engine.Probe(ctx, p)
}

func (l liar) Copy(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
	if l.copy != nil {
		return l.copy(ctx, p, w)
	}
	return New().Copy(ctx, p, w)
}

func (l liar) Fix(ctx context.Context, p database.Pair, script string) error {
	if l.fix != nil {
		return l.fix(ctx, p, script)
	}
	return l.Engine.Fix(ctx, p, script)
}

func (l liar) Verify(ctx context.Context, p database.Pair, s database.Snapshot) (database.Verified, error) {
	if l.verify != nil {
		return l.verify(ctx, p, s)
	}
	return l.Engine.Verify(ctx, p, s)
}

func (l liar) Swap(ctx context.Context, p database.Pair, note func(string) error) error {
	if l.swap != nil {
		return l.swap(ctx, p, note)
	}
	return l.Engine.Swap(ctx, p, note)
}

func (l liar) Rollback(ctx context.Context, p database.Pair, note func(string) error) error {
	if l.rollback != nil {
		return l.rollback(ctx, p, note)
	}
	return l.Engine.Rollback(ctx, p, note)
}

func (l liar) Discard(ctx context.Context, p database.Pair) error {
	if l.discard != nil {
		return l.discard(ctx, p)
	}
	return l.Engine.Discard(ctx, p)
}

func (l liar) Release(ctx context.Context, e database.End, writable bool) error {
	if l.release != nil {
		return l.release(ctx, e, writable)
	}
	return l.Engine.Release(ctx, e, writable)
}

func (l liar) Sessions(ctx context.Context, e database.End) ([]database.Session, error) {
	if l.sessions != nil {
		return l.sessions(ctx, e)
	}
	return l.Engine.Sessions(ctx, e)
}

func (l liar) Changes(ctx context.Context, e database.End, s database.Snapshot) ([]database.Change, error) {
	if l.changes != nil {
		return l.changes(ctx, e, s)
	}
	return l.Engine.Changes(ctx, e, s)
}
