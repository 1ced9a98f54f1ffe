package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// objectsQuery counts the objects of a catalog by their kinds: all that pg_dump dumps, without what extensions have
// brought, what PostgreSQL makes by itself for another object, indexes that were never finished, and what belongs to the
// server's replication.
const objectsQuery = `
WITH ours AS (
	SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), extended AS (
	SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), found(kind, class, oid) AS (
	SELECT 'schema', 'pg_namespace'::regclass, oid FROM ours
	UNION ALL
	SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
		WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table'
		WHEN 'c' THEN 'type' ELSE 'index' END,
		'pg_class'::regclass, oid
	FROM pg_class WHERE relnamespace IN (SELECT oid FROM ours) AND relpersistence <> 't' AND relkind <> 't'
		AND NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = pg_class.oid AND NOT indisvalid AND relkind = 'i')
	UNION ALL
	SELECT 'column', 'pg_class'::regclass, c.oid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
	WHERE c.relnamespace IN (SELECT oid FROM ours) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL
	SELECT 'default', 'pg_class'::regclass, c.oid FROM pg_attrdef a JOIN pg_class c ON c.oid = a.adrelid
	WHERE c.relnamespace IN (SELECT oid FROM ours) AND c.relpersistence <> 't'
	UNION ALL
	SELECT 'type', 'pg_type'::regclass, oid FROM pg_type
	WHERE typnamespace IN (SELECT oid FROM ours) AND typtype IN ('d', 'e', 'r')
	UNION ALL
	SELECT 'routine', 'pg_proc'::regclass, p.oid FROM pg_proc p
	WHERE pronamespace IN (SELECT oid FROM ours) AND NOT EXISTS (
		SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'i')
	UNION ALL
	SELECT 'trigger', 'pg_class'::regclass, tgrelid FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
	WHERE c.relnamespace IN (SELECT oid FROM ours) AND NOT tgisinternal AND tgparentid = 0
	UNION ALL
	SELECT 'rule', 'pg_class'::regclass, ev_class FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
	WHERE c.relnamespace IN (SELECT oid FROM ours) AND rulename <> '_RETURN'
	UNION ALL
	SELECT 'policy', 'pg_class'::regclass, polrelid FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
	WHERE c.relnamespace IN (SELECT oid FROM ours)
	UNION ALL
	SELECT CASE contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint' WHEN 'f' THEN 'foreign key'
		WHEN 'x' THEN 'exclusion constraint' ELSE 'check constraint' END,
		CASE WHEN conrelid <> 0 THEN 'pg_class'::regclass ELSE 'pg_type'::regclass END,
		CASE WHEN conrelid <> 0 THEN conrelid ELSE contypid END
	FROM pg_constraint WHERE connamespace IN (SELECT oid FROM ours) AND conparentid = 0 AND contype IN ('p', 'u', 'f', 'x', 'c')
	UNION ALL
	SELECT 'comment', classoid, objoid FROM pg_description
	WHERE objoid >= 16384 AND classoid IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass)
	UNION ALL
	SELECT 'statistics', 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext WHERE stxnamespace IN (SELECT oid FROM ours)
	UNION ALL
	SELECT 'operator', 'pg_operator'::regclass, oid FROM pg_operator WHERE oprnamespace IN (SELECT oid FROM ours)
	UNION ALL
	SELECT 'operator class', 'pg_opclass'::regclass, oid FROM pg_opclass WHERE opcnamespace IN (SELECT oid FROM ours)
	UNION ALL
	SELECT 'collation', 'pg_collation'::regclass, oid FROM pg_collation WHERE collnamespace IN (SELECT oid FROM ours)
	UNION ALL
	SELECT 'text search', 'pg_ts_config'::regclass, oid FROM pg_ts_config WHERE cfgnamespace IN (SELECT oid FROM ours)
	UNION ALL
	SELECT 'text search', 'pg_ts_dict'::regclass, oid FROM pg_ts_dict WHERE dictnamespace IN (SELECT oid FROM ours)
	UNION ALL
	SELECT 'cast', 'pg_cast'::regclass, oid FROM pg_cast WHERE oid >= 16384 AND NOT EXISTS (
		SELECT FROM pg_depend WHERE classid = 'pg_cast'::regclass AND objid = pg_cast.oid AND deptype = 'i')
	UNION ALL
	SELECT 'foreign server', 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
	UNION ALL
	SELECT 'event trigger', 'pg_event_trigger'::regclass, oid FROM pg_event_trigger
	UNION ALL
	SELECT 'large object', 'pg_largeobject_metadata'::regclass, oid FROM pg_largeobject_metadata
)
SELECT kind, count(*) FROM found f
WHERE NOT EXISTS (SELECT FROM extended e WHERE e.classid = f.class AND e.objid = f.oid)
GROUP BY kind
UNION ALL
SELECT 'extension', count(*) FROM pg_extension HAVING count(*) > 0`

// objects counts what a catalog holds.
func objects(ctx context.Context, conn *pgx.Conn) (map[string]int, error) {
	rows, err := conn.Query(ctx, objectsQuery)
	if err != nil {
		return nil, fmt.Errorf("count the objects: %w", err)
	}
	found := map[string]int{}
	var kind string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&kind, &n}, func() error {
		found[kind] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the objects: %w", err)
	}
	return found, nil
}

// lost says what of the wanted objects is missing, and what is there that is not wanted; "" if nothing.
func lost(want, got map[string]int) string {
	kinds := maps.Clone(want)
	maps.Copy(kinds, got)
	var wrong []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if want[kind] != got[kind] {
			wrong = append(wrong, fmt.Sprintf("%s: %d of %d", kind, got[kind], want[kind]))
		}
	}
	return strings.Join(wrong, ", ")
}
