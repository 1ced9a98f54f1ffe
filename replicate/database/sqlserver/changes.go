package sqlserver

import (
	"context"
	"fmt"

	"failoverd/replicate/database"
)

// Changes compares each table's count and checksums with the snapshot's. They tell that a table was changed and not how
// many of its rows, unless it was not there before or is not there any more. Two changes whose checksums agree would not
// be told from none: 32 bits a row, summed three ways.
func (e *Engine) Changes(ctx context.Context, end database.End, since database.Snapshot) ([]database.Change, error) {
	s, err := open(ctx, end, end.Catalog, program)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.dirty(ctx); err != nil {
		return nil, err
	}
	tables, err := s.tables(ctx)
	if err != nil {
		return nil, err
	}
	var now []database.Table
	unread := map[string]error{}
	for _, t := range tables {
		counted, err := s.measure(ctx, t)
		switch {
		case err == nil:
		case answered(err):
			unread[t.String()] = err
			counted = database.Table{Name: t.String(), Rows: -1}
		default:
			return nil, err
		}
		now = append(now, counted)
	}
	return differences(since.Tables, now, unread), nil
}

// differences tells what tables hold beyond what they held. unread are those that could not be read, with the reason.
func differences(then, now []database.Table, unread map[string]error) []database.Change {
	before := map[string]database.Table{}
	for _, t := range then {
		before[t.Name] = t
	}
	var list []database.Change
	for _, t := range now {
		old, known := before[t.Name]
		delete(before, t.Name)
		change := database.Change{Table: t.Name, Rows: -1}
		switch {
		case unread[t.Name] != nil:
			change.What = "it cannot be read: " + unread[t.Name].Error()
		case !known:
			change.Rows, change.What = t.Rows, fmt.Sprintf("a new table of %d rows", t.Rows)
		case old.Sum == t.Sum && old.Rows == t.Rows && t.Sum != "":
			continue
		case old.Rows == t.Rows && (old.Sum == "" || t.Sum == ""):
			change.What = fmt.Sprintf("as many rows, %d, whose contents cannot be summed", t.Rows)
		case old.Rows == t.Rows:
			change.What = fmt.Sprintf("as many rows, %d, with other contents", t.Rows)
		case old.Rows < t.Rows:
			change.What = fmt.Sprintf("%d rows more, and others may have changed", t.Rows-old.Rows)
		default:
			change.What = fmt.Sprintf("%d rows fewer, and others may have changed", old.Rows-t.Rows)
		}
		list = append(list, change)
	}
	for _, t := range then { // in the snapshot's order
		if old, gone := before[t.Name]; gone {
			list = append(list, database.Change{Table: t.Name, Rows: old.Rows, What: fmt.Sprintf("the table is gone, and its %d rows", old.Rows)})
		}
	}
	return list
}
