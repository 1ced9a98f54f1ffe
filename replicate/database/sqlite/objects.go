package sqlite

import (
	"context"
	"database/sql"
)

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
