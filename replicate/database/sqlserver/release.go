package sqlserver

import (
	"context"
	"fmt"

	"failoverd/replicate/database"
)

// Release opens a catalog, or seals it as READ_ONLY, which throws out whoever is connected.
func (e *Engine) Release(ctx context.Context, end database.End, writable bool) error {
	s, err := open(ctx, end, master, program)
	if err != nil {
		return err
	}
	defer s.close()
	found, err := s.states(ctx, end.Catalog)
	if err != nil {
		return err
	}
	now := found[end.Catalog]
	switch {
	case !now.there:
		return fmt.Errorf("release %s at %s: it is not there", end.Catalog, end.Host)
	case !now.online:
		return fmt.Errorf("release %s at %s: it is %q and not online", end.Catalog, end.Host, now.word)
	case now.readOnly == !writable:
		return nil
	case writable:
		return e.persist(ctx, s, "open "+end.Catalog, readWrite(end.Catalog))
	}
	return e.persist(ctx, s, "seal "+end.Catalog, readOnly(end.Catalog))
}
