package sqlite

import (
	"context"
	"errors"
	"fmt"

	"failoverd/replicate/database"
)

// Release lets applications write to a catalog, or seals it.
func (Engine) Release(ctx context.Context, end database.End, writable bool) error {
	doing := "seal " + end.Catalog
	if writable {
		doing = "open " + end.Catalog + " for writing"
	}
	return at(end, doing, release(ctx, end, writable))
}

func release(ctx context.Context, end database.End, writable bool) (err error) {
	p, err := open(end, end.Catalog)
	if err != nil {
		return err
	}
	defer p.close()
	name, err := p.exists(end.Catalog)
	if err != nil {
		return err
	}
	c, err := connect(ctx, p.path(name))
	if err != nil {
		return err
	}
	c.patience = atWork
	s, err := c.seal(ctx)
	if err == nil && !s.sealed() && !writable {
		err = c.closeSeal(ctx, s)
		if busy(err) {
			err = fmt.Errorf("somebody is connected to %s: %w", p.path(name), err)
		}
	}
	if err := errors.Join(err, c.close()); err != nil {
		return err
	}
	if s.sealed() && writable {
		return p.unseal(name, s)
	}
	return nil
}
