package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// What is kept, and for how long.
const (
	eventAge   = 400 * 24 * time.Hour
	eventRows  = 200_000
	mailAge    = 90 * 24 * time.Hour
	pruneEvery = time.Hour
	pruneRows  = 200 // in one transaction, so that no Commit waits long for it
	foldEvery  = 10 * time.Second
	quietFor   = time.Second // a checkpoint waits until there was no commit for so long
)

// Run keeps the journal small until ctx ends: it folds the log into the file, removes what is too old,
// and takes the reserve again once there is room. Without it the journal works, but grows.
func (j *Journal) Run(ctx context.Context) error {
	fold := time.NewTicker(foldEvery)
	defer fold.Stop()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	j.report("remove what is too old", j.prune(ctx, time.Now()))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-j.tidy:
			j.report("fold the journal's log", j.checkpoint(ctx))
		case <-fold.C:
			// The fsyncs of a checkpoint slow down those of a commit, so that it keeps out of the way of a takeover.
			if time.Since(moment(j.lastCommit.Load())) >= quietFor {
				j.report("fold the journal's log", j.checkpoint(ctx))
			}
			j.reserve.renew()
		case <-prune.C:
			j.report("remove what is too old", j.prune(ctx, time.Now()))
		}
	}
}

// report logs an error of the housekeeping; the next round tries again.
func (j *Journal) report(task string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		j.log.Warn("journal housekeeping", "task", task, "err", err)
	}
}

// checkpoint folds the log into the file when there is something to fold.
func (j *Journal) checkpoint(ctx context.Context) error {
	if j.keeper == nil || j.commits.Swap(0) == 0 {
		return nil
	}
	logged, copied, err := j.copyLog(ctx)
	if err != nil || logged < longLog || copied < logged {
		return err // a reader may still need what was not copied, and nobody waits for it
	}
	// What was committed meanwhile is in the log as well, and it would go on growing. That is little, and is copied while
	// nobody commits.
	select {
	case j.turn <- struct{}{}:
	case <-j.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-j.turn }()
	return j.fold(ctx)
}

// longLog is of how many pages a log is, of 1 KiB each, that has to be begun afresh though commits follow each other
// without a pause.
const longLog = 4000

// fold copies the log into the file, on a connection of its own so that commits go on meanwhile.
// When all of it was copied, the next commit starts the log afresh.
func (j *Journal) fold(ctx context.Context) error {
	_, _, err := j.copyLog(ctx)
	return err
}

// copyLog is fold, and returns how many pages the log had then and how many of them were copied.
func (j *Journal) copyLog(ctx context.Context) (logged, copied int64, err error) {
	var busy int64
	err = j.keeper.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &logged, &copied)
	return logged, copied, classify(err)
}

// prune removes what is too old at now, in small transactions.
func (j *Journal) prune(ctx context.Context, now time.Time) error {
	var last, waiting int64
	err := j.reader.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM events`).Scan(&last)
	if err != nil {
		return fmt.Errorf("events: %w", classify(err))
	}
	// What a waiting mail is about stays until the mail is done.
	err = j.reader.QueryRowContext(ctx, `SELECT coalesce(min(event), ?) FROM outbox WHERE state = 'pending'`, last+1).Scan(&waiting)
	if err != nil {
		return fmt.Errorf("outbox: %w", classify(err))
	}
	for _, rule := range []struct {
		what, query string
		args        []any
	}{
		// Events are numbered in the order of time, so that only the oldest few need a look.
		{
			"events", `DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT ?) AND seq < ? AND (time < ? OR seq <= ?)`,
			[]any{pruneRows, waiting, nanos(now.Add(-eventAge)), last - eventRows},
		},
		{
			"mails", `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state <> 'pending' AND done < ? LIMIT ?)`,
			[]any{nanos(now.Add(-mailAge)), pruneRows},
		},
		{
			"operations", `DELETE FROM operations WHERE id IN (SELECT id FROM operations WHERE open = 0 AND started < ?1 AND ended < ?1 LIMIT ?2)`,
			[]any{nanos(now.Add(-eventAge)), pruneRows},
		},
		{
			"incidents", `DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE ended > 0 AND opened < ?1 AND ended < ?1 LIMIT ?2)`,
			[]any{nanos(now.Add(-eventAge)), pruneRows},
		},
	} {
		if err := j.pruneRule(ctx, rule.query, rule.args); err != nil {
			return fmt.Errorf("%s: %w", rule.what, err)
		}
	}
	if err := j.pruneBuckets(ctx, now); err != nil {
		return fmt.Errorf("probe history: %w", err)
	}
	return nil
}

// pruneBuckets removes old probe history server by server, each by a range of the primary key: looking
// through the whole table for old rows would hold the writer for seconds where there are many servers.
func (j *Journal) pruneBuckets(ctx context.Context, now time.Time) error {
	scan := func(row *sql.Rows) (server string, err error) { return server, row.Scan(&server) }
	// Jumping from name to name by the index; DISTINCT would read every row.
	servers, err := collect(ctx, j.reader, scan, `WITH RECURSIVE s (server) AS (SELECT min(server) FROM buckets
		UNION ALL SELECT (SELECT min(server) FROM buckets WHERE server > s.server) FROM s WHERE s.server IS NOT NULL)
		SELECT server FROM s WHERE server IS NOT NULL`)
	if err != nil {
		return err
	}
	for _, server := range servers {
		for step, age := range map[time.Duration]time.Duration{time.Minute: minuteBuckets, time.Hour: hourBuckets} {
			err := j.pruneRule(ctx, `DELETE FROM buckets WHERE (server, step, start, path) IN
				(SELECT server, step, start, path FROM buckets WHERE server = ? AND step = ? AND start < ? LIMIT ?)`,
				[]any{server, int64(step), nanos(now.Add(-age)), pruneRows})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// pruneRule runs one deletion until it meets nothing more.
func (j *Journal) pruneRule(ctx context.Context, query string, args []any) error {
	for {
		var gone int64
		err := j.write(ctx, func(tx *transaction) error {
			row, err := tx.Exec(query, args...)
			if err != nil {
				return err
			}
			gone, err = row.RowsAffected()
			return err
		})
		if err != nil || gone == 0 {
			return err
		}
	}
}
