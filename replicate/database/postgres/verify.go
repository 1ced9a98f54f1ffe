package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"failoverd/replicate/database"
)

// Verify counts the objects of the staging, has the server name the indexes that it holds to be invalid, and reads and sums up
// every row. Where a fix-up script has changed something, that is what must be there.
func (e Engine) Verify(ctx context.Context, p database.Pair, s database.Snapshot) (database.Verified, error) {
	v, err := e.verify(ctx, p, s)
	return v, cause(ctx, err)
}

func (e Engine) verify(ctx context.Context, p database.Pair, s database.Snapshot) (database.Verified, error) {
	copied, err := hold(ctx, p.Target, p.Names.Staging)
	if err != nil {
		return database.Verified{}, err
	}
	defer copied.release()
	found, err := lookUp(ctx, copied.conn, p.Target, p.Names.Staging)
	if err != nil {
		return database.Verified{}, err
	}
	want := expect(s, found[p.Names.Staging].mark.Fixed)
	v := database.Verified{}
	if v.Objects, err = objects(ctx, copied.conn); err != nil {
		return v, at(p.Target, "verify "+p.Names.Staging, err)
	}
	if wrong := lost(want.objects, v.Objects); wrong != "" {
		return v, at(p.Target, "verify "+p.Names.Staging, errors.New("not every object is there: "+wrong))
	}
	if err := copied.valid(ctx); err != nil {
		return v, err
	}
	tables, err := copied.tables(ctx)
	if err != nil {
		return v, err
	}
	sums, err := e.sums(ctx, copied, tables)
	if err != nil {
		return v, err
	}
	for _, t := range sums {
		v.Rows += t.Rows
	}
	if err := want.compare(sums); err != nil {
		return v, at(p.Target, "verify "+p.Names.Staging, err)
	}
	v.Check = fmt.Sprintf("every row of %d tables read, their sums as at the snapshot; no invalid index", len(tables))
	return v, nil
}

// valid asks the server for indexes that are not usable.
func (i *instant) valid(ctx context.Context) error {
	var names []string
	err := i.conn.QueryRow(ctx, `SELECT ARRAY(SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid AND NOT EXISTS (
		SELECT FROM pg_class WHERE oid = indexrelid AND relkind = 'I') ORDER BY 1)`).Scan(&names)
	if err != nil {
		return at(i.end, "look for invalid indexes", err)
	}
	if len(names) > 0 {
		return at(i.end, "verify "+i.catalog, fmt.Errorf("invalid indexes: %q", names))
	}
	return nil
}

// expectation is what a staging must hold.
type expectation struct {
	objects map[string]int
	tables  map[string]database.Table
}

// expect is what the snapshot says, and what scripts have made of it. They change rows and objects by intent; of a
// table that they have touched, the number of rows is known and no sum.
func expect(s database.Snapshot, f *fixed) expectation {
	want := expectation{objects: s.Objects, tables: map[string]database.Table{}}
	for _, t := range s.Tables {
		want.tables[t.Name] = t
	}
	if f == nil {
		return want
	}
	want.objects = f.Objects
	for name, rows := range f.Rows {
		if rows < 0 {
			delete(want.tables, name)
			continue
		}
		want.tables[name] = database.Table{Name: name, Rows: rows}
	}
	return want
}

// compare says which tables are not as they must be.
func (w expectation) compare(got []database.Table) error {
	rest := maps.Clone(w.tables)
	var wrong []error
	for _, t := range got {
		want, expected := rest[t.Name]
		delete(rest, t.Name)
		switch {
		case !expected:
			wrong = append(wrong, fmt.Errorf("table %s is not expected", t.Name))
		case want.Rows != t.Rows:
			wrong = append(wrong, fmt.Errorf("table %s has %d of %d rows", t.Name, t.Rows, want.Rows))
		case want.Sum != "" && want.Sum != t.Sum:
			wrong = append(wrong, fmt.Errorf("table %s has other contents than at the snapshot", t.Name))
		}
	}
	for name := range rest {
		wrong = append(wrong, fmt.Errorf("table %s is missing", name))
	}
	return errors.Join(wrong...)
}
