package sqlite

import (
	"context"
	"database/sql"
	"strings"
)

// table is a table that holds rows of its own.
type table struct {
	name  string
	root  uint32 // the page where it begins
	rowid bool   // its rows have numbers
	key   bool   // it has a primary key
}

// quoted is a name as SQL has it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// objects counts what the schema holds by kind, without what SQLite makes for itself.
func (c *connection) objects(ctx context.Context) (map[string]int, error) {
	const query = `
		SELECT CASE WHEN type = 'table' AND sql LIKE 'CREATE VIRTUAL%' THEN 'virtual table' ELSE type END AS kind, count(*)
		FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' GROUP BY kind`
	out := map[string]int{}
	err := c.each(ctx, func(rows *sql.Rows) error {
		var kind string
		var n int
		err := rows.Scan(&kind, &n)
		out[kind] = n
		return err
	}, query)
	return out, err
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

// each goes through the rows of a query.
func (c *connection) each(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	rows, err := c.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return cause(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return cause(ctx, err)
		}
	}
	return cause(ctx, rows.Err())
}
