package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"

	"failoverd/replicate/database"
)

// Changes adds every table up again. Rows that were only added at a table's end are counted; of other changes SQLite
// keeps no account.
func (Engine) Changes(ctx context.Context, end database.End, since database.Snapshot) ([]database.Change, error) {
	list, err := changes(ctx, end, since)
	return list, at(end, "compare "+end.Catalog+" with the last copy", err)
}

func changes(ctx context.Context, end database.End, since database.Snapshot) (list []database.Change, err error) {
	path, err := fileOf(end)
	if err != nil {
		return nil, err
	}
	c, err := look(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.exec(ctx, "BEGIN"); err != nil {
		return nil, err
	}
	tables, err := c.tables(ctx)
	if err != nil {
		return nil, err
	}
	pages, done, err := c.tree(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	kept := map[string]database.Table{}
	for _, t := range since.Tables {
		kept[t.Name] = t
	}
	for _, t := range tables {
		k, known := kept[t.name]
		delete(kept, t.name)
		upTo, numbered := highest(k.Sum)
		if !numbered {
			upTo = math.MinInt64
		}
		now := newSums(t, upTo, nil)
		if err := pages.walk(t.root, now); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.name, err)
		}
		if change := compare(k, known, now); change != nil {
			change.Table = t.name
			list = append(list, *change)
		}
	}
	for _, t := range since.Tables {
		if _, lost := kept[t.Name]; lost {
			list = append(list, database.Change{Table: t.Name, Rows: t.Rows, What: fmt.Sprintf("the table is gone, with %d rows", t.Rows)})
		}
	}
	return list, c.exec(ctx, "ROLLBACK")
}

// compare says what a table holds beyond what was kept of it, nil if it is the same.
func compare(kept database.Table, known bool, now *sums) *database.Change {
	upTo, _ := highest(kept.Sum)
	old := now.old
	old.highest = upTo // Every row up to it is in the sum, whether it is there itself or not.
	switch {
	case !known:
		return &database.Change{Rows: now.all.rows, What: fmt.Sprintf("a new table with %d rows", now.all.rows)}
	case now.all.rows == kept.Rows && now.all.String() == kept.Sum:
		return nil
	case now.all.numbers && old.rows == kept.Rows && old.String() == kept.Sum:
		n := now.all.rows - kept.Rows
		return &database.Change{Rows: n, What: fmt.Sprintf("%d rows added", n)}
	}
	return &database.Change{Rows: -1, What: fmt.Sprintf("%d rows, %d in the copy", now.all.rows, kept.Rows)}
}

// tree reads the file's pages by SQLite, within the transaction that has begun, until done is called.
func (c *connection) tree(ctx context.Context) (t *tree, done func() error, err error) {
	pages, err := c.number(ctx, "PRAGMA page_count")
	if err != nil || pages == 0 {
		return nil, func() error { return nil }, err
	}
	page, err := c.conn.PrepareContext(ctx, "SELECT data FROM sqlite_dbpage WHERE pgno = ?")
	if err != nil {
		return nil, nil, cause(ctx, err)
	}
	read := func(number uint32, into []byte) error {
		var data []byte
		err := page.QueryRowContext(ctx, number).Scan(&data)
		copy(into, data)
		return cause(ctx, err)
	}
	header := make([]byte, 100)
	if err = read(1, header); err == nil {
		t, err = newTree(header, pages, read)
	}
	if err != nil {
		return nil, nil, errors.Join(err, page.Close())
	}
	return t, page.Close, nil
}
