package mysql

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// objectsQuery counts what a schema holds by kind.
const objectsQuery = `
SELECT CASE TABLE_TYPE WHEN 'VIEW' THEN 'view' WHEN 'SEQUENCE' THEN 'sequence' ELSE 'table' END AS kind, COUNT(*)
	FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? GROUP BY kind
UNION ALL SELECT LOWER(ROUTINE_TYPE), COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? GROUP BY ROUTINE_TYPE
UNION ALL SELECT 'trigger', COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
UNION ALL SELECT 'event', COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?
UNION ALL SELECT 'index', COUNT(DISTINCT TABLE_NAME, INDEX_NAME) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ?
UNION ALL SELECT LOWER(CONSTRAINT_TYPE), COUNT(*) FROM information_schema.TABLE_CONSTRAINTS
	WHERE TABLE_SCHEMA = ? AND CONSTRAINT_TYPE IN ('FOREIGN KEY', 'CHECK') GROUP BY CONSTRAINT_TYPE`

// objects counts what a schema holds by kind. There is no kind of which there are none.
func objects(ctx context.Context, s *session, schema string) (map[string]int, error) {
	var args []any
	for range strings.Count(objectsQuery, "?") {
		args = append(args, schema)
	}
	rows, err := s.rows(ctx, objectsQuery, args...)
	if err != nil {
		return nil, at(s.end, "count the objects of "+schema, err)
	}
	counts := map[string]int{}
	for _, row := range rows {
		n, err := strconv.Atoi(row[1])
		if err != nil {
			return nil, fmt.Errorf("%s: count the objects of %s: %w", s.end.Host, schema, err)
		}
		if n > 0 {
			counts[row[0]] = n
		}
	}
	return counts, nil
}

// exists says which of some schemas there are.
func exists(ctx context.Context, s *session, schemas ...string) (map[string]bool, error) {
	all, err := s.column(ctx, `SELECT SCHEMA_NAME FROM information_schema.SCHEMATA`)
	if err != nil {
		return nil, at(s.end, "list the catalogs", err)
	}
	found := map[string]bool{}
	for _, schema := range schemas {
		for _, name := range all {
			if name == schema {
				found[schema] = true
			}
		}
	}
	return found, nil
}
