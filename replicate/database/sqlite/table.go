package sqlite

import (
	"context"
	"database/sql"
)

// table is a table that holds rows of its own.
type table struct {
	name  string
	root  uint32 // the page where it begins
	rowid bool   // its rows have numbers
	key   bool   // it has a primary key
}

// tables lists the tables that hold rows, those of virtual tables included, by name.
func (c *connection) tables(ctx context.Context) ([]table, error) {
	const query = `
		SELECT l.name, s.rootpage, l.wr, EXISTS (SELECT 1 FROM pragma_table_xinfo(l.name) WHERE pk > 0)
		FROM pragma_table_list AS l JOIN sqlite_schema AS s ON s.type = 'table' AND s.name = l.name
		WHERE l.schema = 'main' AND l.type IN ('table', 'shadow') AND l.name NOT LIKE 'sqlite\_%' ESCAPE '\'
		ORDER BY l.name`
	var list []table
	err := c.each(ctx, func(rows *sql.Rows) error {
		var t table
		var without bool
		err := rows.Scan(&t.name, &t.root, &without, &t.key)
		t.rowid = !without
		list = append(list, t)
		return err
	}, query)
	return list, err
}
