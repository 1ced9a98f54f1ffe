package sqlite

import (
	"context"
	"errors"

	"failoverd/replicate/database"
)

// Discard drops the staging, and every file of a run that nobody links to.
func (Engine) Discard(ctx context.Context, p database.Pair) error {
	err := at(p.Target, "discard "+p.Names.Staging, discard(ctx, p))
	if m := far(p.Source); m != nil {
		err = errors.Join(err, at(p.Source, "discard what was made of "+p.Source.Catalog, m.Sweep(ctx, travels(p))))
	}
	return err
}

func discard(ctx context.Context, p database.Pair) (err error) {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	t, err := target(p)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.unlink(p.Names.Staging); err != nil {
		return err
	}
	return t.sweep(p.Names)
}
