package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"failoverd/replicate/database"
)

// before begins the run's part of the name under which a primary's own file is kept as the previous one.
const before = "before-"

// Swap lets the previous name point to what is live, and then renames the staging's link to the live one. That rename
// is the swap: what was done until then leaves the live copy as it is.
func (Engine) Swap(ctx context.Context, p database.Pair, note func(what string) error) error {
	return at(p.Target, "put "+p.Names.Staging+" in service", swap(ctx, p, note))
}

func swap(ctx context.Context, p database.Pair, note func(what string) error) (err error) {
	t, err := target(p)
	if err != nil {
		return err
	}
	defer t.close()
	c, err := t.cast(p.Names)
	switch {
	case err != nil:
		return err
	case c.staging == "" && c.live == "":
		return errors.New("there is neither a staging nor a live copy")
	case c.staging == "":
		return t.sweep(p.Names) // It has been done.
	}
	if c.live != "" {
		quiet, err := t.quiet(ctx, c.live)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, quiet()) }()
		if c.previous != "" && !t.same(c.previous, c.live) {
			if err := noted(ctx, note, fmt.Sprintf("drop %s, the copy before %s", p.Names.Previous, p.Names.Live)); err != nil {
				return err
			}
		}
		if err := t.keep(p, c.live); err != nil {
			return err
		}
	}
	if err := noted(ctx, note, fmt.Sprintf("put %s in service as %s", c.staging, p.Names.Live)); err != nil {
		return err
	}
	if err := t.root.Rename(t.link(p.Names.Staging), t.link(p.Names.Live)); err != nil {
		return err
	}
	return errors.Join(t.sync(), t.sweep(p.Names))
}

// Rollback takes the swap of its run back if that has been begun, and otherwise puts the previous copy in service.
func (Engine) Rollback(ctx context.Context, p database.Pair, note func(what string) error) error {
	return at(p.Target, "take back "+p.Names.Live, rollback(ctx, p, note))
}

func rollback(ctx context.Context, p database.Pair, note func(what string) error) error {
	t, err := target(p)
	if err != nil {
		return err
	}
	defer t.close()
	c, err := t.cast(p.Names)
	if err != nil {
		return err
	}
	made := t.generation(p.Run)
	switch {
	case c.staging == made: // The swap did not come to its rename.
		if c.previous != "" && t.same(c.previous, c.live) {
			err = t.unlink(p.Names.Previous)
		}
	case c.previous != "":
		err = noted(ctx, note, fmt.Sprintf("put %s in service as %s, drop what is live", p.Names.Previous, p.Names.Live))
		if err == nil {
			err = t.putBack(p.Names, c.previous)
		}
	case c.live == made: // The first copy.
		if err = noted(ctx, note, fmt.Sprintf("drop %s, the first copy", p.Names.Live)); err == nil {
			err = t.unlink(p.Names.Live)
		}
	}
	if err != nil {
		return err
	}
	return t.sweep(p.Names)
}

// cast are the files that play the parts, "" where there is none.
type cast struct{ live, staging, previous string }

func (p *place) cast(n database.Names) (c cast, err error) {
	if c.live, err = p.points(n.Live); err != nil {
		return c, err
	}
	if c.staging, err = p.points(n.Staging); err != nil {
		return c, err
	}
	c.previous, err = p.points(n.Previous)
	return c, err
}

// noted says what is about to be done, unless it is not wanted any more.
func noted(ctx context.Context, note func(what string) error, what string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := note(what); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// keep lets the previous name point to what is live. A primary's own file gets a second name for that; it stays what
// the live one is until the swap.
func (p *place) keep(pair database.Pair, live string) error {
	if live == p.link(pair.Names.Live) {
		kept := p.generation(before + pair.Run)
		if !p.same(kept, live) {
			if err := gone(p.root.Remove(kept)); err != nil {
				return err
			}
			if err := p.root.Link(live, kept); err != nil {
				return err
			}
		}
		live = kept
	}
	return p.aim(pair.Names.Previous, live)
}

// putBack makes the previous file live again: as the file that it was, or as the link.
func (p *place) putBack(n database.Names, previous string) error {
	from := p.link(n.Previous)
	if strings.HasPrefix(previous, p.base+mark+before) {
		from = previous
	}
	if err := p.root.Rename(from, p.link(n.Live)); err != nil {
		return err
	}
	return p.sync()
}

// same says whether two names are of one file.
func (p *place) same(a, b string) bool {
	x, err := p.root.Stat(a)
	if err != nil {
		return false
	}
	y, err := p.root.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// quiet makes sure that nobody is writing to a file while its names change, until the returned function is called.
//
// Programs that hold a file which a run has made go on with it, whatever its names are. A primary's own file must be
// free: what SQLite keeps beside it bears its name, and is of no use to the file once another one has that name.
func (p *place) quiet(ctx context.Context, name string) (done func() error, err error) {
	own := !p.ours(name)
	if own {
		list, err := holders(p.path(name))
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			return nil, fmt.Errorf("%s has %s open: stop it first", list[0].Who, p.path(name))
		}
	}
	c, err := connect(ctx, p.path(name))
	if err != nil {
		return nil, err
	}
	c.patience = atWork
	s, err := c.seal(ctx)
	if err == nil && !s.sealed() {
		if err = c.exec(ctx, "BEGIN IMMEDIATE"); busy(err) {
			err = fmt.Errorf("somebody is writing to %s: %w", p.path(name), err)
		}
	}
	if err != nil || !own {
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		return c.close, nil
	}
	// The last one to leave folds the log in.
	if err := c.close(); err != nil {
		return nil, err
	}
	for _, beside := range companions(name) {
		if info, err := p.root.Stat(beside); err == nil && info.Size() > 0 {
			return nil, fmt.Errorf("somebody uses %s: stop it first, %s is still there", p.path(name), beside)
		}
	}
	return func() error { return nil }, nil
}
