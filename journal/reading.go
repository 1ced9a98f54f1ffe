package journal

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// keptQueries bounds how many queries are kept prepared. Their texts are few: only a list of many servers has one for each length.
const keptQueries = 64

// reading is the pool of connections that cannot write. What it is asked is prepared once, because for most questions that
// costs more than the answer, and in a storm the same few are asked after every commit.
type reading struct {
	*sql.DB

	mu   sync.Mutex
	kept map[string]*sql.Stmt
}

// newReading keeps the statements of a pool.
func newReading(db *sql.DB) *reading { return &reading{DB: db, kept: map[string]*sql.Stmt{}} }

// QueryContext is that of the pool.
func (r *reading) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := r.prepared(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return r.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of the pool.
func (r *reading) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := r.prepared(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return r.DB.QueryRowContext(ctx, query, args...)
}

// prepared is the query's statement; nil if it is not kept, and whoever asks it learns why it is wrong, if it is.
func (r *reading) prepared(ctx context.Context, query string) *sql.Stmt {
	r.mu.Lock()
	stmt, full := r.kept[query], len(r.kept) == keptQueries
	r.mu.Unlock()
	if stmt != nil || full {
		return stmt
	}
	stmt, err := r.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.kept[query]; other != nil || len(r.kept) == keptQueries || r.kept == nil {
		_ = stmt.Close() // somebody else was first, or has closed the journal
		return other
	}
	r.kept[query] = stmt
	return stmt
}

// Close closes the statements and the pool.
func (r *reading) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, stmt := range r.kept {
		errs = append(errs, stmt.Close())
	}
	r.kept = nil
	return errors.Join(append(errs, r.DB.Close())...)
}
