package postgres

import (
	"context"
	"fmt"

	"failoverd/replicate/database"
)

// Changes reads the tables and compares their sums with the snapshot's. In the database that the snapshot was taken
// of, the transactions that wrote the rows tell how many there are; in another one that has only the same contents,
// such as the copy, nothing does.
func (e Engine) Changes(ctx context.Context, end database.End, since database.Snapshot) ([]database.Change, error) {
	now, err := hold(ctx, end, end.Catalog)
	if err != nil {
		return nil, cause(ctx, err)
	}
	defer now.release()
	same := now.identity == since.Identity
	if same && now.position == since.Position {
		return nil, nil // No transaction has begun to write since.
	}
	tables, err := now.tables(ctx)
	if err != nil {
		return nil, cause(ctx, err)
	}
	sums, err := e.sums(ctx, now, tables)
	if err != nil {
		return nil, cause(ctx, err)
	}
	var changes []database.Change
	for _, d := range differences(since.Tables, sums) {
		c := d.change(-1)
		if same && d.then != nil && d.now != nil {
			written, err := now.writtenSince(ctx, d.now.Name, since.Position)
			if err != nil {
				return nil, cause(ctx, err)
			}
			c = d.change(written)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// writtenSince counts the rows of a table that transactions have written that a snapshot does not see. A row has the
// last 32 bits of its transaction's number.
func (i *instant) writtenSince(ctx context.Context, table, position string) (int64, error) {
	var n int64
	err := i.conn.QueryRow(ctx, `
		WITH c AS (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next)
		SELECT count(*) FROM c, ONLY `+table+` AS t
		WHERE NOT pg_visible_in_snapshot((next - ((next - t.xmin::text::bigint) & 4294967295))::text::xid8, $1::text::pg_snapshot)`,
		position).Scan(&n)
	if err != nil {
		return 0, at(i.end, "count what was written to "+table, err)
	}
	return n, nil
}

// difference is a table that is not as it was.
type difference struct{ then, now *database.Table }

// differences compares two lists of tables. A table without rows that has come or gone is none.
func differences(then, now []database.Table) []difference {
	var list []difference
	known := map[string]*database.Table{}
	for i := range then {
		known[then[i].Name] = &then[i]
	}
	for i := range now {
		was := known[now[i].Name]
		delete(known, now[i].Name)
		if was == nil && now[i].Rows > 0 || was != nil && *was != now[i] {
			list = append(list, difference{then: was, now: &now[i]})
		}
	}
	for i := range then {
		if known[then[i].Name] != nil && then[i].Rows > 0 {
			list = append(list, difference{then: &then[i]})
		}
	}
	return list
}

// change says what has changed. Written is how many rows are new or have a new form, -1 if that is not known.
func (d difference) change(written int64) database.Change {
	switch {
	case d.then == nil:
		return database.Change{Table: d.now.Name, Rows: d.now.Rows, What: fmt.Sprintf("a new table with %d rows", d.now.Rows)}
	case d.now == nil:
		return database.Change{Table: d.then.Name, Rows: d.then.Rows, What: fmt.Sprintf("gone, with %d rows", d.then.Rows)}
	}
	gone := d.then.Rows - (d.now.Rows - written)
	if written < 0 || gone < 0 || written+gone == 0 {
		return database.Change{
			Table: d.now.Name, Rows: -1,
			What: fmt.Sprintf("other contents; %d rows then, %d now", d.then.Rows, d.now.Rows),
		}
	}
	// A row that was changed is among both, so the larger number is the least that has happened.
	c := database.Change{Table: d.now.Name, Rows: max(written, gone)}
	switch {
	case gone == 0:
		c.What = fmt.Sprintf("%d written", written)
	case written == 0:
		c.What = fmt.Sprintf("%d deleted", gone)
	default:
		c.What = fmt.Sprintf("%d written or changed, %d changed or deleted", written, gone)
	}
	return c
}
