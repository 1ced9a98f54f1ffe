package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"failoverd/replicate/database"
)

// Verify counts what the staging holds, and has SQLite check every page and index of it. What a fix has added is no
// loss.
func (Engine) Verify(ctx context.Context, p database.Pair, s database.Snapshot) (database.Verified, error) {
	v, err := verify(ctx, p, s)
	return v, at(p.Target, "verify "+p.Names.Staging, err)
}

func verify(ctx context.Context, p database.Pair, s database.Snapshot) (v database.Verified, err error) {
	t, err := target(p)
	if err != nil {
		return v, err
	}
	defer t.close()
	name, err := t.exists(p.Names.Staging)
	if err != nil {
		return v, err
	}
	c, err := look(ctx, t.path(name))
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if v.Objects, err = c.objects(ctx); err != nil {
		return v, err
	}
	tables, err := c.tables(ctx)
	if err != nil {
		return v, err
	}
	found := map[string]int64{}
	for _, t := range tables {
		n, err := c.number(ctx, "SELECT count(*) FROM "+ident(t.name))
		if err != nil {
			return v, fmt.Errorf("count %s: %w", t.name, err)
		}
		found[t.name] = n
		v.Rows += n
	}
	missing := missing(s, v.Objects, found)
	if v.Check, err = c.check(ctx); err != nil {
		return v, err
	}
	if len(missing) > 0 {
		return v, errors.New(strings.Join(missing, "; "))
	}
	return v, nil
}

// missing says what a copy has not that its snapshot has.
func missing(s database.Snapshot, objects map[string]int, rows map[string]int64) []string {
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(s.Objects)) {
		if objects[kind] < s.Objects[kind] {
			list = append(list, fmt.Sprintf("%d of %d objects of the kind %s", objects[kind], s.Objects[kind], kind))
		}
	}
	for _, t := range s.Tables {
		n, there := rows[t.Name]
		switch {
		case !there:
			list = append(list, fmt.Sprintf("table %s is missing", t.Name))
		case n < t.Rows:
			list = append(list, fmt.Sprintf("table %s has %d of %d rows", t.Name, n, t.Rows))
		}
	}
	return list
}

// check has SQLite check the whole file.
func (c *connection) check(ctx context.Context) (string, error) {
	const most = 10
	var faults []string
	err := c.each(ctx, func(rows *sql.Rows) error {
		var line string
		err := rows.Scan(&line)
		faults = append(faults, line)
		return err
	}, fmt.Sprintf("PRAGMA integrity_check(%d)", most))
	switch {
	case err != nil:
		return "", fmt.Errorf("integrity check: %w", err)
	case !slices.Equal(faults, []string{"ok"}):
		return "", fmt.Errorf("integrity check: %s", strings.Join(faults, "; "))
	}
	return "integrity_check: ok", nil
}
