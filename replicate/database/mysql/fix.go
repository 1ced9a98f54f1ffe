package mysql

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"failoverd/replicate/database"
)

// Fix sends a script to the server in one piece, so that it takes it apart itself, and writes down what has changed.
func (e Engine) Fix(ctx context.Context, p database.Pair, script string) error {
	return cause(ctx, e.fix(ctx, p, script))
}

func (e Engine) fix(ctx context.Context, p database.Pair, script string) error {
	s, err := connect(ctx, p.Target, p.Names.Staging, true)
	if err != nil {
		return err
	}
	defer s.hangUp()
	before, err := e.survey(ctx, s, p)
	if err != nil {
		return err
	}
	if err := s.run(ctx, script); err != nil {
		return fmt.Errorf("%s: run a script in %s: %w", p.Target.Host, p.Names.Staging, err)
	}
	after, err := e.survey(ctx, s, p)
	if err != nil {
		return err
	}
	r, err := readRecord(ctx, s, p.Names.Live)
	if err != nil {
		return err
	}
	r.Fixed = r.Fixed.and(before, after)
	return keepRecord(ctx, s, p.Names.Live, r)
}

// run runs a script, and says which of its statements failed.
func (s *session) run(ctx context.Context, script string) error {
	rows, err := s.conn.QueryContext(ctx, script)
	if err != nil {
		return fmt.Errorf("statement 1: %w", err)
	}
	defer rows.Close()
	for n := 2; ; n++ {
		for rows.Next() {
		}
		more := rows.NextResultSet()
		if err := rows.Err(); err != nil {
			return fmt.Errorf("statement %d: %w", n, err)
		}
		if !more {
			return nil
		}
	}
}

// survey is what a staging holds.
type survey struct {
	objects map[string]int
	tables  []database.Table
}

func (e Engine) survey(ctx context.Context, s *session, p database.Pair) (v survey, err error) {
	if v.objects, err = objects(ctx, s, p.Names.Staging); err == nil {
		v.tables, err = e.sums(ctx, p.Target, p.Names.Staging)
	}
	return v, err
}

// fixed is what scripts have changed. What they have not touched must still be as at the snapshot.
type fixed struct {
	More   map[string]int            `json:"more,omitempty"`   // objects by kind; fewer are negative
	Tables map[string]database.Table `json:"tables,omitempty"` // as they have become
	Gone   map[string]bool           `json:"gone,omitempty"`
}

// and adds what another script has changed.
func (f *fixed) and(before, after survey) *fixed {
	sum := &fixed{More: map[string]int{}, Tables: map[string]database.Table{}, Gone: map[string]bool{}}
	if f != nil {
		maps.Copy(sum.More, f.More)
		maps.Copy(sum.Tables, f.Tables)
		maps.Copy(sum.Gone, f.Gone)
	}
	for kind, n := range after.objects {
		sum.More[kind] += n
	}
	for kind, n := range before.objects {
		sum.More[kind] -= n
	}
	for _, t := range after.tables {
		if !slices.Contains(before.tables, t) {
			sum.Tables[t.Name] = t
			delete(sum.Gone, t.Name)
		}
	}
	for _, t := range before.tables {
		if !slices.ContainsFunc(after.tables, func(a database.Table) bool { return a.Name == t.Name }) {
			sum.Gone[t.Name] = true
			delete(sum.Tables, t.Name)
		}
	}
	return sum
}

// expect is what a staging must hold.
func (f *fixed) expect(s database.Snapshot) (map[string]int, []database.Table) {
	if f == nil {
		return s.Objects, s.Tables
	}
	counts := maps.Clone(s.Objects)
	if counts == nil {
		counts = map[string]int{}
	}
	for kind, n := range f.More {
		counts[kind] += n
	}
	var list []database.Table
	for _, t := range s.Tables {
		if _, changed := f.Tables[t.Name]; !changed && !f.Gone[t.Name] {
			list = append(list, t)
		}
	}
	return counts, slices.AppendSeq(list, maps.Values(f.Tables))
}
