package mysql

import (
	"context"

	"failoverd/replicate/database"
)

// Discard drops the staging.
func (Engine) Discard(ctx context.Context, p database.Pair) error {
	s, err := dial(ctx, p.Target, "")
	if err != nil {
		return err
	}
	defer s.hangUp()
	if err := resolve(ctx, s, p.Names); err != nil {
		return cause(ctx, err)
	}
	return cause(ctx, discard(ctx, s, p.Names))
}

// discard drops the staging, and what is kept about it.
func discard(ctx context.Context, s *session, names database.Names) error {
	if err := drop(ctx, s, names.Staging); err != nil {
		return err
	}
	r, err := readRecord(ctx, s, names.Live)
	if err != nil || r.Fixed == nil {
		return err
	}
	r.Fixed = nil
	return keepRecord(ctx, s, names.Live, r)
}

// drop drops a schema. To drop none is no error.
func drop(ctx context.Context, s *session, schema string) error {
	if err := insist(ctx, s, "DROP DATABASE IF EXISTS "+ident(schema), schema); err != nil {
		return at(s.end, "drop "+schema, err)
	}
	return nil
}
