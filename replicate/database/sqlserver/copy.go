package sqlserver

import (
	"context"
	"fmt"
	"time"

	"failoverd/replicate/database"
)

// clearing is how long a copy that has failed may take to clear away what it has begun.
const clearing = 5 * time.Minute

// run is one copy on its way.
type run struct {
	database.Pair
	progress
	engine *Engine
	file   string // the backup's, on either shelf
	bytes  int64  // of the source's catalog
	size   int64  // of the backup
}

// Copy backs up, brings the file, and restores it as the staging.
func (e *Engine) Copy(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
	for _, end := range []database.End{p.Source, p.Target} {
		if end.Shelf == nil {
			return database.Snapshot{}, missingShelf(end)
		}
	}
	r := &run{Pair: p, progress: progress{watch: w}, engine: e, file: backupFile(p)}
	snapshot, err := r.copy(ctx)
	clear, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearing)
	defer cancel()
	if err != nil {
		if left := e.Discard(clear, p); left != nil {
			return database.Snapshot{}, fmt.Errorf("%w; what was begun could not be cleared away: %w", err, left)
		}
		return database.Snapshot{}, err
	}
	return snapshot, removeBackups(clear, p)
}

func (r *run) copy(ctx context.Context) (database.Snapshot, error) {
	if err := r.engine.Discard(ctx, r.Pair); err != nil {
		return database.Snapshot{}, fmt.Errorf("clear away an earlier run: %w", err)
	}
	before, identity, err := r.source(ctx)
	if err != nil {
		return database.Snapshot{}, err
	}
	s := database.Snapshot{At: time.Now().UTC(), Identity: identity}
	if err := r.backUp(ctx); err != nil {
		return database.Snapshot{}, err
	}
	if s.Bytes, err = r.transfer(ctx); err != nil {
		return database.Snapshot{}, err
	}
	if s.Position, err = r.restore(ctx); err != nil {
		return database.Snapshot{}, err
	}
	if err := r.settle(ctx, &s); err != nil {
		return database.Snapshot{}, err
	}
	return s, r.compareObjects(ctx, before, s.Objects)
}

// source looks at the catalog before it is backed up.
func (r *run) source(ctx context.Context) (objects map[string]int, identity string, err error) {
	s, err := open(ctx, r.Source, r.Source.Catalog, program)
	if err != nil {
		return nil, "", err
	}
	defer s.close()
	if r.bytes, err = s.size(ctx); err != nil {
		return nil, "", err
	}
	if identity, err = s.identity(ctx); err != nil {
		return nil, "", err
	}
	objects, err = s.objects(ctx)
	return objects, identity, err
}

// compareObjects makes sure that the copy holds as many objects as its source: a backup holds all of them, and whoever
// gets fewer has restored something else. What was made or dropped meanwhile is no difference.
func (r *run) compareObjects(ctx context.Context, before, got map[string]int) error {
	s, err := open(ctx, r.Source, r.Source.Catalog, program)
	if err != nil {
		return err
	}
	defer s.close()
	after, err := s.objects(ctx)
	if err != nil {
		return err
	}
	for kind := range merged(before, after) {
		// An account without VIEW DEFINITION sees less than there is, never more.
		if least := min(before[kind], after[kind]); got[kind] < least {
			return fmt.Errorf("the copy at %s holds %d of the %d objects of the kind %s at %s", r.Target.Host, got[kind], least, kind, r.Source.Host)
		}
	}
	return nil
}

func merged(a, b map[string]int) map[string]int {
	all := map[string]int{}
	for _, m := range []map[string]int{a, b} {
		for k, n := range m {
			all[k] += n
		}
	}
	return all
}

// size is how much the files of the session's catalog take, which is what a restore needs.
func (s *session) size(ctx context.Context) (int64, error) {
	r, err := s.one(ctx, "ask for the catalog's size", "SELECT SUM(CONVERT(bigint, size)) * 8192 AS [bytes] FROM sys.database_files")
	if err != nil {
		return 0, err
	}
	return r.number("bytes"), nil
}

// identity tells a database from every other one, also from one that is restored under its name.
func (s *session) identity(ctx context.Context) (string, error) {
	r, err := s.one(ctx, "ask for the catalog's identity",
		"SELECT CONVERT(nvarchar(36), database_guid) AS [guid] FROM sys.database_recovery_status WHERE database_id = DB_ID()")
	if err != nil {
		return "", err
	}
	return r.text("guid"), nil
}
