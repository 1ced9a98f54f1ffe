package sqlserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"failoverd/replicate/database"
)

// Fix runs a script in the staging. XACT_ABORT ends a batch with its first error, which T-SQL does not do by itself.
func (e *Engine) Fix(ctx context.Context, p database.Pair, script string) error {
	list, err := batches(script)
	if err != nil {
		return fmt.Errorf("the script for %s: %w", p.Names.Staging, err)
	}
	s, err := open(ctx, p.Target, p.Names.Staging, program)
	if err != nil {
		return err
	}
	defer s.close()
	before, err := s.counts(ctx)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "prepare the script", "SET XACT_ABORT ON"); err != nil {
		return err
	}
	for _, b := range list {
		for range b.times {
			if err := s.exec(ctx, "run the script", b.text); err != nil {
				return fmt.Errorf("%w; %s", err, b.place(err))
			}
		}
	}
	after, err := s.counts(ctx)
	if err != nil {
		return err
	}
	return s.noteFix(ctx, before, after)
}

// place says where in the script a batch failed, with the words that stand there.
func (b batch) place(err error) string {
	line := b.line
	var said *serverError
	if errors.As(err, &said) {
		line += max(int(said.messages[0].LineNo)-1, 0)
	}
	lines := strings.Split(b.text, "\n")
	words := ""
	if i := line - b.line; i < len(lines) {
		words = strings.TrimSpace(lines[i])
	}
	return fmt.Sprintf("line %d of the script: %.200s", line, words)
}

// fixMark begins the names of the extended properties in which the staging keeps what scripts have changed in it, so
// that Verify does not take it for a loss.
const fixMark = "failoverd_fix_"

// tally counts a catalog: objects by their kind, rows by their table.
type tally struct {
	Objects map[string]int   `json:"objects,omitempty"`
	Rows    map[string]int64 `json:"rows,omitempty"`
}

// counts tallies the session's catalog, by what the server itself keeps count of.
func (s *session) counts(ctx context.Context) (tally, error) {
	objects, err := s.objects(ctx)
	if err != nil {
		return tally{}, err
	}
	list, err := s.query(ctx, "count rows", `SELECT s.name AS [schema], t.name AS [table], SUM(p.rows) AS [rows] FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
JOIN sys.partitions AS p ON p.object_id = t.object_id WHERE p.index_id < 2 AND t.is_ms_shipped = 0 GROUP BY s.name, t.name`)
	if err != nil {
		return tally{}, err
	}
	found := tally{Objects: objects, Rows: map[string]int64{}}
	for _, r := range list {
		found.Rows[table{schema: r.text("schema"), name: r.text("table")}.String()] = r.number("rows")
	}
	return found, nil
}

// less is what a tally has more than an earlier one; where it has less, the numbers are negative. What is as it was is
// left out.
func (t tally) less(before tally) tally {
	d := tally{Objects: map[string]int{}, Rows: map[string]int64{}}
	for kind := range merged(before.Objects, t.Objects) {
		if n := t.Objects[kind] - before.Objects[kind]; n != 0 {
			d.Objects[kind] = n
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(before.Rows)), slices.Collect(maps.Keys(t.Rows))) {
		if n := t.Rows[name] - before.Rows[name]; n != 0 {
			d.Rows[name] = n
		}
	}
	return d
}

// noteFix keeps what a script has changed.
func (s *session) noteFix(ctx context.Context, before, after tally) error {
	notes, err := after.less(before).pieces()
	if err != nil || len(notes) == 0 {
		return err
	}
	list, err := s.fixes(ctx)
	if err != nil {
		return err
	}
	for i, note := range notes {
		if err := s.exec(ctx, "note what the script has changed", fmt.Sprintf("EXEC sys.sp_addextendedproperty @name = %s, @value = %s",
			quote(fmt.Sprintf("%s%d", fixMark, len(list)+i+1)), quote(note))); err != nil {
			return err
		}
	}
	return nil
}

// pieces writes a difference, one number each, because a property holds no more than 7,500 bytes.
func (t tally) pieces() ([]string, error) {
	var all []tally
	for _, kind := range slices.Sorted(maps.Keys(t.Objects)) {
		all = append(all, tally{Objects: map[string]int{kind: t.Objects[kind]}})
	}
	for _, name := range slices.Sorted(maps.Keys(t.Rows)) {
		all = append(all, tally{Rows: map[string]int64{name: t.Rows[name]}})
	}
	var out []string
	for _, one := range all {
		text, err := json.Marshal(one)
		if err != nil {
			return nil, err
		}
		out = append(out, string(text))
	}
	return out, nil
}

// fixes reads the notes of every script that was run in the session's catalog.
func (s *session) fixes(ctx context.Context) ([]string, error) {
	list, err := s.query(ctx, "look for what scripts have changed",
		"SELECT name, CONVERT(nvarchar(4000), value) AS [note] FROM sys.extended_properties WHERE class = 0")
	if err != nil {
		return nil, err
	}
	var notes []string
	for _, r := range list {
		if strings.HasPrefix(r.text("name"), fixMark) {
			notes = append(notes, r.text("note"))
		}
	}
	return notes, nil
}

// sum adds notes up.
func sum(notes []string) (tally, error) {
	all := tally{Objects: map[string]int{}, Rows: map[string]int64{}}
	for _, note := range notes {
		var one tally
		if err := json.Unmarshal([]byte(note), &one); err != nil {
			return tally{}, fmt.Errorf("what a script has changed: %w", err)
		}
		for kind, n := range one.Objects {
			all.Objects[kind] += n
		}
		for name, n := range one.Rows {
			all.Rows[name] += n
		}
	}
	return all, nil
}

// forgetFixes takes the notes out that a copy of a copy bears.
func (s *session) forgetFixes(ctx context.Context) error {
	list, err := s.query(ctx, "look for what scripts have changed", "SELECT name FROM sys.extended_properties WHERE class = 0")
	if err != nil {
		return err
	}
	for _, r := range list {
		if n := r.text("name"); strings.HasPrefix(n, fixMark) {
			if err := s.exec(ctx, "forget earlier scripts", "EXEC sys.sp_dropextendedproperty @name = "+quote(n)); err != nil {
				return err
			}
		}
	}
	return nil
}
