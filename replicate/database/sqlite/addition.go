package sqlite

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"failoverd/replicate/database"
)

// addition adds up the tables of a draft while it is being written.
type addition struct {
	draft *draft
	gauge *gauge
	rows  atomic.Int64 // that have been added up
}

// tables adds up every table. It shows how far it is as soon as it is the only one that still works.
func (a *addition) tables(ctx context.Context, tables []table) (list []database.Table, err error) {
	d := a.draft
	if len(tables) == 0 {
		return nil, nil
	}
	header := make([]byte, 100)
	if _, err := d.reach(ctx, int64(len(header))); err != nil {
		return nil, err
	}
	if _, err := d.file.ReadAt(header, 0); err != nil {
		return nil, err
	}
	s := stretch{draft: d}
	t, err := newTree(header, d.total/int64(d.size), func(page uint32, into []byte) error { return s.page(ctx, page, into) })
	if err != nil {
		return nil, err
	}
	if t.size != d.size {
		return nil, fmt.Errorf("the header has pages of %d bytes, SQLite of %d: %w", t.size, d.size, errDamaged)
	}
	var before int64
	show := func(name string) {
		if d.complete() {
			a.gauge.show(database.Progress{Phase: "data", Object: name, Done: int64(t.seen) * int64(t.size), Total: d.total, Rows: a.rows.Load()})
		}
	}
	for _, table := range tables {
		found := newSums(table, math.MinInt64, func(rows int64) error {
			a.rows.Store(before + rows)
			show(table.name)
			return context.Cause(ctx)
		})
		if err := t.walk(table.root, found); err != nil {
			return nil, fmt.Errorf("table %s: %w", table.name, err)
		}
		list = append(list, database.Table{Name: table.name, Rows: found.all.rows, Sum: found.all.String()})
		before += found.all.rows
		a.rows.Store(before)
	}
	if _, err := d.reach(ctx, d.total); err != nil {
		return nil, err
	}
	show("")
	return list, nil
}
