package sqlserver

import (
	"context"
	"fmt"
	"strings"
	"time"

	"failoverd/replicate/database"
)

// action is the next thing that brings a swap, or a rollback, to its end.
type action int

const (
	nothing      action = iota // it has been done
	dropPrevious               // a later swap has to make room for its previous one
	exchange                   // live to previous, and staging to live in the same batch
	enter                      // staging to live
	dropLive                   // it is taken back
	bringBack                  // previous to live
	impossible                 // there is nothing to put in service
)

// in is the action as a note says it.
func (a action) in(n database.Names) string {
	switch a {
	case dropPrevious:
		return "drop " + n.Previous
	case exchange:
		return "rename " + n.Live + " to " + n.Previous + " and " + n.Staging + " to " + n.Live
	case enter:
		return "rename " + n.Staging + " to " + n.Live
	case dropLive:
		return "drop " + n.Live
	case bringBack:
		return "rename " + n.Previous + " to " + n.Live
	case nothing, impossible:
	}
	panic(fmt.Sprintf("action %d is none to note", a))
}

// swapping decides how a swap goes on. It sees from what stands how far an earlier one has come: a staging without a
// live one is what the death of a server between the two renames leaves.
func swapping(s standing) action {
	switch {
	case s.staging.there && !s.live.there:
		return enter
	case s.staging.there && s.previous.there:
		return dropPrevious
	case s.staging.there:
		return exchange
	case s.live.there:
		return nothing
	}
	return impossible
}

// takingBack decides how a rollback goes on. A staging that stands beside the live one was not swapped. Where there is no
// previous one, the live one goes only if it is mine: made by the run that is taken back.
func takingBack(s standing, mine bool) action {
	switch {
	case s.live.there && !s.staging.there && (s.previous.there || mine):
		return dropLive
	case !s.live.there && s.previous.there:
		return bringBack
	}
	return nothing
}

// Swap puts the staging in service.
func (e *Engine) Swap(ctx context.Context, p database.Pair, note func(what string) error) error {
	s, err := open(ctx, p.Target, master, program)
	if err != nil {
		return err
	}
	defer s.close()
	for {
		now, err := s.standing(ctx, p.Names)
		if err != nil {
			return err
		}
		next := swapping(now)
		switch next {
		case nothing:
			return e.openAgain(ctx, s, p.Names, now)
		case impossible:
			return fmt.Errorf("put %s in service at %s: there is neither a staging nor a live one", p.Names.Live, p.Target.Host)
		}
		if next != dropPrevious && !now.staging.online {
			return fmt.Errorf("put %s in service at %s: the staging is %q and not online", p.Names.Live, p.Target.Host, now.staging.word)
		}
		if err := e.act(ctx, s, p.Names, next, now, note); err != nil {
			return err
		}
	}
}

// Rollback takes a swap of the pair's run back.
func (e *Engine) Rollback(ctx context.Context, p database.Pair, note func(what string) error) error {
	s, err := open(ctx, p.Target, master, program)
	if err != nil {
		return err
	}
	defer s.close()
	for {
		now, err := s.standing(ctx, p.Names)
		if err != nil {
			return err
		}
		mine := false
		if now.live.there && !now.staging.there && !now.previous.there {
			if now.live.single {
				// Whoever came right after a rename is inside alone, and would keep us out as well.
				if err := e.openAgain(ctx, s, p.Names, now); err != nil {
					return err
				}
			}
			if mine, err = e.madeBy(ctx, p, now.live); err != nil {
				return err
			}
		}
		next := takingBack(now, mine)
		if next == nothing {
			return e.openAgain(ctx, s, p.Names, now)
		}
		if err := e.act(ctx, s, p.Names, next, now, note); err != nil {
			return err
		}
	}
}

// madeBy says whether the live one was made by the pair's run.
func (e *Engine) madeBy(ctx context.Context, p database.Pair, live state) (bool, error) {
	if !live.online {
		return false, fmt.Errorf("take %s back at %s: it is %q and not online, so that it cannot be told which run made it",
			p.Names.Live, p.Target.Host, live.word)
	}
	s, err := open(ctx, p.Target, p.Names.Live, program)
	if err != nil {
		return false, err
	}
	defer s.close()
	run, err := s.mark(ctx)
	return run != "" && run == p.Run, err
}

// act notes an action and carries it out.
func (e *Engine) act(ctx context.Context, s *session, n database.Names, a action, now standing, note func(string) error) error {
	if err := note(a.in(n)); err != nil {
		return err
	}
	switch a {
	case dropPrevious:
		return e.drop(ctx, s, n.Previous)
	case dropLive:
		return e.drop(ctx, s, n.Live)
	}
	return e.rename(ctx, s, n, a, now)
}

// renamePatience is how long the renames may take, which nothing else cuts off.
const renamePatience = time.Minute

// rename renames. Once it has begun, a cancel does not cut it off between the two names. Where somebody was in the way
// it tries again, from where the server has come to.
func (e *Engine) rename(ctx context.Context, s *session, n database.Names, a action, now standing) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", a.in(n), context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renamePatience)
	defer cancel()
	wait := e.pause
	for attempt := 1; ; attempt++ {
		err := s.exec(ctx, a.in(n), renaming(a, n, now))
		if err == nil {
			return nil
		}
		after, unseen := s.standing(ctx, n)
		if unseen != nil {
			return err // the next call will see
		}
		next, moved := onward(a, after)
		between := after.previous.there && !after.live.there // Nobody is served: there is nothing better than to try again.
		switch {
		case next == nothing:
			return nil
		case !moved && !between && !says(err, busy...), attempt == e.attempts:
			return err
		}
		a, now = next, after
		if late := sleep(ctx, wait); late != nil {
			return fmt.Errorf("%w; %w", err, late)
		}
		wait = min(2*wait, longestPause)
	}
}

// onward decides what is left of a renaming of which a statement failed.
func onward(a action, after standing) (next action, moved bool) {
	switch {
	case a == bringBack && !after.previous.there, a != bringBack && !after.staging.there:
		return nothing, true
	case a == exchange && !after.live.there:
		return enter, true
	}
	return a, false
}

// renaming is the batch of an action. Everything that takes long, throwing people out, comes before the first rename,
// and nothing else comes between the two, since nobody is found there. A statement that fails makes those after it fail,
// because each name can be there but once; what has been done is seen afterwards.
//
// A database that is sealed is opened first: its new name is written into it.
func renaming(a action, n database.Names, now standing) string {
	var batch []string
	alone := func(catalog string, s state) {
		if s.readOnly {
			batch = append(batch, readWrite(catalog))
		}
		batch = append(batch, singleUser(catalog))
	}
	switch a {
	case exchange:
		alone(n.Staging, now.staging)
		alone(n.Live, now.live)
		batch = append(batch, rename(n.Live, n.Previous), rename(n.Staging, n.Live), multiUser(n.Live), multiUser(n.Previous))
	case enter:
		alone(n.Staging, now.staging)
		batch = append(batch, rename(n.Staging, n.Live), multiUser(n.Live))
	case bringBack:
		alone(n.Previous, now.previous)
		batch = append(batch, rename(n.Previous, n.Live), multiUser(n.Live))
	case nothing, impossible, dropPrevious, dropLive:
		panic(fmt.Sprintf("action %d renames nothing", a))
	}
	return strings.Join(batch, ";\n") + ";"
}

// openAgain lets people in whom a swap that died has left outside.
func (e *Engine) openAgain(ctx context.Context, s *session, n database.Names, now standing) error {
	for _, one := range []struct {
		name string
		state
	}{{n.Live, now.live}, {n.Previous, now.previous}} {
		if one.online && one.single {
			if err := e.persist(ctx, s, "open "+one.name, multiUser(one.name)); err != nil {
				return err
			}
		}
	}
	return nil
}
