package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"failoverd/replicate/database"
)

// Discard ends what the run has left at work, drops the staging, and removes the backup files, those of earlier runs
// too. It does what it can at each end, at both at once: a primary that has died must not keep the standby waiting, or
// full.
func (e *Engine) Discard(ctx context.Context, p database.Pair) error {
	var source, target error
	var ends sync.WaitGroup
	ends.Go(func() { source = errors.Join(e.untilGone(ctx, p.Source, label(p)), removeBackup(ctx, p.Source, p)) })
	ends.Go(func() { target = errors.Join(e.discardStaging(ctx, p), removeBackup(ctx, p.Target, p)) })
	ends.Wait()
	return errors.Join(source, target)
}

func (e *Engine) discardStaging(ctx context.Context, p database.Pair) error {
	if err := e.untilGone(ctx, p.Target, label(p)); err != nil {
		return err
	}
	s, err := open(ctx, p.Target, master, program)
	if err != nil {
		return err
	}
	defer s.close()
	return e.drop(ctx, s, p.Names.Staging)
}

// drop drops a database, whatever its state is, and throws out who is in it.
func (e *Engine) drop(ctx context.Context, s *session, catalog string) error {
	found, err := s.states(ctx, catalog)
	if err != nil || !found[catalog].there {
		return err
	}
	if found[catalog].online {
		if err := e.persist(ctx, s, "close "+catalog, singleUser(catalog)); err != nil {
			return err
		}
	}
	return e.persist(ctx, s, "drop "+catalog, "DROP DATABASE "+ident(catalog))
}

// removeBackups removes the catalog's backups from both shelves.
func removeBackups(ctx context.Context, p database.Pair) error {
	return errors.Join(removeBackup(ctx, p.Source, p), removeBackup(ctx, p.Target, p))
}

func removeBackup(ctx context.Context, e database.End, p database.Pair) error {
	if e.Shelf == nil {
		return nil
	}
	if err := e.Shelf.Sweep(ctx, backupFiles(p)); err != nil {
		return fmt.Errorf("remove the backup at %s: %w", e.Host, err)
	}
	return nil
}
