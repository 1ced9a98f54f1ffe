package mysql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"failoverd/replicate/database"
)

// Verify reads all of the staging again, compares it with the snapshot, and has the server check every table.
func (e Engine) Verify(ctx context.Context, p database.Pair, s database.Snapshot) (database.Verified, error) {
	v, err := e.verify(ctx, p, s)
	if err != nil {
		return database.Verified{}, cause(ctx, err)
	}
	return v, nil
}

func (e Engine) verify(ctx context.Context, p database.Pair, snapshot database.Snapshot) (v database.Verified, err error) {
	s, err := dial(ctx, p.Target, p.Names.Staging)
	if err != nil {
		return v, err
	}
	defer s.hangUp()
	r, err := readRecord(ctx, s, p.Names.Live)
	if err != nil {
		return v, err
	}
	wantObjects, wantTables := r.Fixed.expect(snapshot)
	if v.Objects, err = objects(ctx, s, p.Names.Staging); err != nil {
		return v, err
	}
	got, err := e.sums(ctx, p.Target, p.Names.Staging)
	if err != nil {
		return v, err
	}
	for _, t := range got {
		v.Rows += t.Rows
	}
	if err := errors.Join(compareObjects(wantObjects, v.Objects), compareTables(wantTables, got)); err != nil {
		return v, fmt.Errorf("%s: %s is not complete: %w", p.Target.Host, p.Names.Staging, err)
	}
	v.Check, err = e.check(ctx, p.Target, p.Names.Staging, got)
	return v, err
}

// compareObjects says of which kinds there are not as many as there must be.
func compareObjects(want, got map[string]int) error {
	kinds := map[string]bool{}
	for kind := range want {
		kinds[kind] = true
	}
	for kind := range got {
		kinds[kind] = true
	}
	var wrong []error
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if want[kind] != got[kind] {
			wrong = append(wrong, fmt.Errorf("%d of kind %s, want %d", got[kind], kind, want[kind]))
		}
	}
	return errors.Join(wrong...)
}

// compareTables says which tables are not as they must be.
func compareTables(want, got []database.Table) error {
	rest := map[string]database.Table{}
	for _, t := range want {
		rest[t.Name] = t
	}
	var wrong []error
	for _, t := range got {
		w, expected := rest[t.Name]
		delete(rest, t.Name)
		switch {
		case !expected:
			wrong = append(wrong, fmt.Errorf("table %s is not expected", t.Name))
		case w.Rows != t.Rows:
			wrong = append(wrong, fmt.Errorf("table %s has %d of %d rows", t.Name, t.Rows, w.Rows))
		case w.Sum != t.Sum:
			wrong = append(wrong, fmt.Errorf("table %s has other contents than at the snapshot", t.Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		wrong = append(wrong, fmt.Errorf("table %s is missing", name))
	}
	return errors.Join(wrong...)
}

// check has the server check every table and its indexes, several tables at a time.
func (e Engine) check(ctx context.Context, end database.End, schema string, list []database.Table) (string, error) {
	var sessions []*session
	defer func() {
		for _, s := range sessions {
			s.hangUp()
		}
	}()
	for range min(e.streams(), len(list)) {
		s, err := dial(ctx, end, schema)
		if err != nil {
			return "", err
		}
		sessions = append(sessions, s)
	}
	err := share(ctx, len(sessions), list, func(ctx context.Context, worker int, t database.Table) error {
		return checkTable(ctx, sessions[worker], of(schema, t.Name))
	})
	return fmt.Sprintf("CHECK TABLE: %d tables, no errors", len(list)), err
}

// checkTable has the server check a table.
func checkTable(ctx context.Context, s *session, table string) error {
	rows, err := s.rows(ctx, "CHECK TABLE "+table)
	if err != nil {
		return at(s.end, "check table "+table, err)
	}
	for _, row := range rows {
		// Table, Op, Msg_type, Msg_text; some engines note that they cannot be checked.
		if kind, text := row[2], row[3]; strings.EqualFold(kind, "error") || strings.EqualFold(kind, "warning") ||
			kind == "status" && !strings.EqualFold(text, "OK") && !strings.HasPrefix(text, "Table is already") {
			return at(s.end, "CHECK TABLE", fmt.Errorf("%s: %s", table, text))
		}
	}
	return nil
}
