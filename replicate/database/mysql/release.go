package mysql

import (
	"bytes"
	"context"
	"errors"

	"failoverd/replicate/database"
)

// Release lets the events run that run at the source, or keeps them from it again. Neither server can refuse writes to
// one schema alone, so writing is never forbidden.
func (Engine) Release(ctx context.Context, end database.End, writable bool) error {
	return cause(ctx, release(ctx, end, writable))
}

func release(ctx context.Context, end database.End, writable bool) error {
	s, err := dial(ctx, end, "")
	if err != nil {
		return err
	}
	defer s.hangUp()
	found, err := exists(ctx, s, end.Catalog)
	if err != nil {
		return err
	}
	if !found[end.Catalog] {
		return at(end, "release "+end.Catalog, errors.New("there is no such catalog"))
	}
	code, err := definitions(ctx, s, end.Catalog)
	if err != nil {
		return err
	}
	accounts, err := readAccounts(ctx, s)
	if err != nil {
		return err
	}
	for _, d := range code {
		if d.Kind != event {
			continue
		}
		changed := active(d.SQL)
		if !writable {
			changed = inactive(d.SQL, s.server.asleep())
		}
		if bytes.Equal(changed, d.SQL) {
			continue
		}
		d.SQL = changed
		if err := d.remake(ctx, s, end.Catalog, terms{from: end.Catalog, accounts: accounts}); err != nil {
			return err
		}
	}
	return nil
}
