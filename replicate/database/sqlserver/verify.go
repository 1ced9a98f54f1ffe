package sqlserver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"failoverd/replicate/database"
)

// Verify counts the staging again and has the server check every page of it.
func (e *Engine) Verify(ctx context.Context, p database.Pair, snapshot database.Snapshot) (database.Verified, error) {
	found, err := e.count(ctx, p, snapshot)
	if err != nil {
		return database.Verified{}, err
	}
	if err := e.carryOut(ctx, p.Target, label(p), "check "+p.Names.Staging,
		"DBCC CHECKDB ("+ident(p.Names.Staging)+") WITH NO_INFOMSGS, ALL_ERRORMSGS", func(float64) {}); err != nil {
		return database.Verified{}, err
	}
	found.Check = "DBCC CHECKDB: no errors"
	return found, nil
}

// count compares the staging with the snapshot and with what scripts have changed since.
func (e *Engine) count(ctx context.Context, p database.Pair, snapshot database.Snapshot) (database.Verified, error) {
	s, err := open(ctx, p.Target, p.Names.Staging, program)
	if err != nil {
		return database.Verified{}, err
	}
	defer s.close()
	notes, err := s.fixes(ctx)
	if err != nil {
		return database.Verified{}, err
	}
	fixed, err := sum(notes)
	if err != nil {
		return database.Verified{}, err
	}
	v := database.Verified{}
	if v.Objects, err = s.objects(ctx); err != nil {
		return database.Verified{}, err
	}
	tables, err := s.tables(ctx)
	if err != nil {
		return database.Verified{}, err
	}
	rows := map[string]int64{}
	for _, t := range tables {
		n, err := s.rows(ctx, t)
		if err != nil {
			return database.Verified{}, err
		}
		rows[t.String()] = n
		v.Rows += n
	}
	if missing := losses(snapshot, fixed, v.Objects, rows, p.Tolerance); len(missing) > 0 {
		return database.Verified{}, fmt.Errorf("%s at %s is not complete: %s", p.Names.Staging, p.Target.Host, strings.Join(missing, "; "))
	}
	return v, nil
}

// losses lists what a copy lacks of its snapshot, leaving alone what a script has taken out.
func losses(s database.Snapshot, fixed tally, objects map[string]int, rows map[string]int64, tolerance float64) []string {
	var missing []string
	for _, t := range s.Tables {
		want := t.Rows + fixed.Rows[t.Name]
		got, there := rows[t.Name]
		switch {
		case !there && fixed.Objects["table"] >= 0:
			missing = append(missing, "the table "+t.Name)
		case there && float64(got) < float64(want)*(1-tolerance):
			missing = append(missing, fmt.Sprintf("%d of the %d rows of %s", want-got, want, t.Name))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Objects)) {
		if want, got := s.Objects[kind]+fixed.Objects[kind], objects[kind]; got < want {
			missing = append(missing, fmt.Sprintf("%d of the %d objects of the kind %s", want-got, want, kind))
		}
	}
	return missing
}
