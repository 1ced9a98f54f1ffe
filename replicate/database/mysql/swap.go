package mysql

import (
	"context"
	"errors"

	"failoverd/replicate/database"
)

// Swap moves the tables in one statement, and makes the rest anew.
func (Engine) Swap(ctx context.Context, p database.Pair, note func(what string) error) error {
	s, err := dial(ctx, p.Target, "")
	if err != nil {
		return err
	}
	defer s.hangUp()
	return cause(ctx, swap(ctx, s, p, note))
}

func swap(ctx context.Context, s *session, p database.Pair, note func(what string) error) error {
	x, done, err := readExchange(ctx, s, p.Names.Live)
	switch {
	case err != nil:
		return err
	case x != nil && !x.Back && !done:
		if err := note("put " + x.In + " in service as " + x.Live); err != nil {
			return err
		}
		return x.do(ctx, s)
	case x != nil && !x.Back:
		return x.finish(ctx, s)
	case x != nil:
		if err := resolve(ctx, s, p.Names); err != nil {
			return err
		}
	}
	found, err := exists(ctx, s, p.Names.Live, p.Names.Staging, p.Names.Previous)
	if err != nil {
		return err
	}
	serving, kept := found[p.Names.Live], found[p.Names.Previous]
	switch {
	case !found[p.Names.Staging] && serving:
		return nil // It has been done.
	case !found[p.Names.Staging]:
		return at(p.Target, "put a copy in service", errors.New("there is no "+p.Names.Staging))
	}
	if serving && kept {
		if err := note("drop " + p.Names.Previous); err != nil {
			return err
		}
		if err := drop(ctx, s, p.Names.Previous); err != nil {
			return err
		}
	}
	x = &exchange{Live: p.Names.Live, In: p.Names.Staging}
	if serving {
		x.Out, x.Keep = p.Names.Previous, true
	} else {
		x.First = p.Run
	}
	if err := x.begin(ctx, s); err != nil {
		return err
	}
	if err := note("put " + x.In + " in service as " + x.Live); err != nil {
		return err
	}
	return x.do(ctx, s)
}

// Rollback exchanges the live copy for the previous one, and drops it.
func (Engine) Rollback(ctx context.Context, p database.Pair, note func(what string) error) error {
	s, err := dial(ctx, p.Target, "")
	if err != nil {
		return err
	}
	defer s.hangUp()
	return cause(ctx, rollback(ctx, s, p, note))
}

func rollback(ctx context.Context, s *session, p database.Pair, note func(what string) error) error {
	x, done, err := readExchange(ctx, s, p.Names.Live)
	switch {
	case err != nil:
		return err
	case x != nil && x.Back && !done:
		if err := note("put " + x.In + " in service again as " + x.Live); err != nil {
			return err
		}
		return x.do(ctx, s)
	case x != nil && x.Back:
		return x.finish(ctx, s)
	case x != nil && !done:
		return x.undo(ctx, s)
	case x != nil:
		if err := x.finish(ctx, s); err != nil {
			return err
		}
	}
	found, err := exists(ctx, s, p.Names.Live, p.Names.Staging, p.Names.Previous)
	if err != nil {
		return err
	}
	switch serving := found[p.Names.Live]; {
	case found[p.Names.Staging]:
		return nil // The swap was not made: what is in service is what was.
	case found[p.Names.Previous]:
		x := &exchange{Live: p.Names.Live, In: p.Names.Previous, Back: true}
		if serving {
			x.Out = p.Names.Staging
		}
		if err := x.begin(ctx, s); err != nil {
			return err
		}
		if err := note("put " + x.In + " in service again as " + x.Live + ", and drop what it replaces"); err != nil {
			return err
		}
		return x.do(ctx, s)
	case serving:
		return dropFirst(ctx, s, p, note)
	}
	return nil // It has been done.
}

// dropFirst drops the live copy if it is the first one and this run has made it.
func dropFirst(ctx context.Context, s *session, p database.Pair, note func(what string) error) error {
	r, err := readRecord(ctx, s, p.Names.Live)
	if err != nil || r.First == "" || r.First != p.Run {
		return err
	}
	if err := note("drop " + p.Names.Live); err != nil {
		return err
	}
	if err := drop(ctx, s, p.Names.Live); err != nil {
		return err
	}
	return keepRecord(ctx, s, p.Names.Live, record{})
}
