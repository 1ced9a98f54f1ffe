package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// table is a table with rows of its own, as it is read and written.
type table struct {
	name    string // quoted, with its schema
	columns []string
	binary  bool   // every type reads what it has written in binary form, at another server as well
	filter  string // which rows belong to the catalog, and not to the extension that made the table
	lent    bool   // an extension has made it, perhaps with rows
	pages   int64
	bytes   int64 // on disk, with what is kept beside the table
}

// tablesQuery lists the tables with rows. Binary are columns whose types every PostgreSQL knows by the same number,
// enumerations, which travel as their labels, and domains over both. Types that name an object of the catalog travel
// as text, since its number is another one in the copy; so does tsquery, which does not read an empty one back. The columns are in the order of their names: a table that
// inherits may have another one after its schema was dumped.
const tablesQuery = `
WITH RECURSIVE plain(oid) AS (
	SELECT oid FROM pg_type
	WHERE typtype = 'e' OR typtype IN ('b', 'r', 'm') AND oid < 16384 AND typsend <> 0 AND typreceive <> 0
		AND typname !~ '^_?(reg|aclitem|tsquery|pg_(node|ndist|depend|mcv|brin))'
	UNION
	SELECT d.oid FROM pg_type d JOIN plain ON d.typbasetype = plain.oid WHERE d.typtype = 'd'
), configuration AS (
	SELECT unnest(extconfig) AS oid, unnest(extcondition) AS filter FROM pg_extension
)
SELECT format('%I.%I', n.nspname, c.relname),
	ARRAY(SELECT quote_ident(attname) FROM pg_attribute
		WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
		ORDER BY attname COLLATE "C"),
	NOT EXISTS (SELECT FROM pg_attribute
		WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
			AND atttypid NOT IN (SELECT oid FROM plain)),
	coalesce(x.filter, ''), x.oid IS NOT NULL,
	pg_relation_size(c.oid) / current_setting('block_size')::int,
	pg_table_size(c.oid)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN configuration x ON x.oid = c.oid
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
	AND (x.oid IS NOT NULL OR NOT EXISTS (SELECT FROM pg_depend
		WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'))
ORDER BY 1`

// tables lists the tables with rows, in the order of their names.
func (i *instant) tables(ctx context.Context) ([]table, error) {
	rows, err := i.conn.Query(ctx, tablesQuery)
	if err != nil {
		return nil, at(i.end, "list the tables", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) {
		err = row.Scan(&t.name, &t.columns, &t.binary, &t.filter, &t.lent, &t.pages, &t.bytes)
		return t, err
	})
	if err != nil {
		return nil, at(i.end, "list the tables", err)
	}
	return list, nil
}

// part is a table, or the rows on some of its pages.
type part struct {
	table
	from, to int64 // pages; to is 0 in the last part
	whole    bool
}

// parts cuts a table into parts of so many pages. Before PostgreSQL 14 the server reads all of a table to find some of its pages.
func (t table) parts(pages int64, major int) []part {
	if t.pages <= pages+pages/2 || t.filter != "" || major < 14 {
		return []part{{table: t, whole: true}}
	}
	var list []part
	for from := int64(0); from < t.pages; from += pages {
		list = append(list, part{table: t, from: from, to: from + pages})
	}
	list[len(list)-1].to = 0 // Whatever was added to the table meanwhile is of another instant, or of this one.
	return list
}

// share is how many of the table's bytes the part has, as far as that can be said before it is read.
func (p part) share() int64 {
	if p.whole || p.pages == 0 {
		return p.bytes
	}
	to := p.to
	if to == 0 {
		to = p.pages
	}
	return p.bytes / p.pages * (to - p.from)
}

// reads is the statement that reads the part.
func (p part) reads() string {
	columns := strings.Join(p.columns, ", ")
	if p.whole && p.filter == "" {
		return "COPY " + p.name + list(columns) + " TO STDOUT" + p.format(false)
	}
	where := p.filter
	if !p.whole {
		where = fmt.Sprintf("WHERE ctid >= '(%d,0)'", p.from)
		if p.to > 0 {
			where += fmt.Sprintf(" AND ctid < '(%d,0)'", p.to)
		}
	}
	return "COPY (SELECT " + columns + " FROM ONLY " + p.name + " " + where + ") TO STDOUT" + p.format(false)
}

// freezes tells whether the rows are to arrive frozen, by a transaction that empties the table first. A table of an extension may
// have rows by then.
func (p part) freezes() bool { return p.whole && !p.lent && p.bytes >= worthFreezing }

// worthFreezing is how large a table is for which a transaction of its own, and a new file, are soon saved again.
const worthFreezing = 1 << 20

// writes is the statement that takes what reads gives.
func (p part) writes(frozen bool) string {
	return "COPY " + p.name + list(strings.Join(p.columns, ", ")) + " FROM STDIN" + p.format(frozen)
}

// list is a list of columns or of options. Neither may be empty.
func list(words string) string {
	if words == "" {
		return ""
	}
	return " (" + words + ")"
}

func (p part) format(frozen bool) string {
	var options []string
	if p.binary {
		options = append(options, "FORMAT binary")
	}
	if frozen {
		options = append(options, "FREEZE")
	}
	return list(strings.Join(options, ", "))
}
