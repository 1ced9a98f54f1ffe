package mysql

import (
	"context"
	"fmt"

	"failoverd/replicate/database"
)

// Changes reads the tables and compares their sums with the snapshot's. The servers keep no account of the rows that
// were changed, so only of a table that is new or gone it can be told how many there are.
func (e Engine) Changes(ctx context.Context, end database.End, since database.Snapshot) ([]database.Change, error) {
	now, err := e.sums(ctx, end, end.Catalog)
	if err != nil {
		return nil, cause(ctx, err)
	}
	return differences(since.Tables, now), nil
}

// differences compares two lists of tables. A table without rows that has come or gone is none.
func differences(then, now []database.Table) []database.Change {
	var list []database.Change
	known := map[string]database.Table{}
	for _, t := range then {
		known[t.Name] = t
	}
	for _, t := range now {
		was, there := known[t.Name]
		delete(known, t.Name)
		switch {
		case !there && t.Rows > 0:
			list = append(list, database.Change{Table: t.Name, Rows: t.Rows, What: fmt.Sprintf("a new table with %d rows", t.Rows)})
		case there && was != t:
			list = append(list, database.Change{
				Table: t.Name, Rows: -1, What: fmt.Sprintf("other contents; %d rows then, %d now", was.Rows, t.Rows),
			})
		}
	}
	for _, t := range then {
		if _, gone := known[t.Name]; gone && t.Rows > 0 {
			list = append(list, database.Change{Table: t.Name, Rows: t.Rows, What: fmt.Sprintf("gone, with %d rows", t.Rows)})
		}
	}
	return list
}
