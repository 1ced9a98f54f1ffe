package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// table is a table as it is read and written.
type table struct {
	name     string
	columns  []column
	keyed    bool   // it has a primary key
	key      string // the first column of the primary key, if it is a whole number
	bytes    int64  // of the data, as far as the server knows
	engine   string
	versions bool // it keeps its rows' history
}

// column is a column whose values travel.
type column struct{ name, kind string }

const tablesQuery = `
SELECT TABLE_NAME, COALESCE(ENGINE, ''), COALESCE(DATA_LENGTH, 0), TABLE_TYPE FROM information_schema.TABLES
WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME`

const columnsQuery = `
SELECT TABLE_NAME, COLUMN_NAME, LOWER(DATA_TYPE) FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = ? AND COALESCE(GENERATION_EXPRESSION, '') = '' ORDER BY TABLE_NAME, ORDINAL_POSITION`

const keysQuery = `
SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = ? AND INDEX_NAME = 'PRIMARY' AND SEQ_IN_INDEX = 1`

// tables lists the tables of a schema in the order of their names.
func tables(ctx context.Context, s *session, schema string) ([]table, error) {
	var list []table
	place := map[string]int{}
	for _, query := range []string{tablesQuery, columnsQuery, keysQuery} {
		rows, err := s.rows(ctx, query, schema)
		if err != nil {
			return nil, at(s.end, "list the tables of "+schema, err)
		}
		for _, row := range rows {
			if query == tablesQuery {
				bytes, _ := strconv.ParseInt(row[2], 10, 64) // It is for the progress alone.
				place[row[0]] = len(list)
				list = append(list, table{name: row[0], engine: row[1], bytes: max(bytes, 1), versions: row[3] == "SYSTEM VERSIONED"})
				continue
			}
			i, known := place[row[0]]
			switch {
			case !known: // a view
			case query == columnsQuery:
				list[i].columns = append(list[i].columns, column{row[1], row[2]})
			default:
				list[i].keyed = true
				for _, c := range list[i].columns {
					if c.name == row[1] && strings.HasSuffix(c.kind, "int") {
						list[i].key = c.name
					}
				}
			}
		}
	}
	return list, nil
}

// part is a table, or those of its rows whose key lies in a range.
type part struct {
	*table
	where string // "" for the whole table
	share int64  // how many of the table's bytes it has, as far as that can be said before it is read
}

// partBytes is how large a part is about.
const partBytes = 64 << 20

// parts cuts a table by its key.
func (t *table) parts(ctx context.Context, s *session, schema string) ([]part, error) {
	n := (t.bytes + partBytes - 1) / partBytes
	whole := []part{{table: t, share: t.bytes}}
	if n < 2 || t.key == "" {
		return whole, nil
	}
	var least, most sql.NullString
	err := s.conn.QueryRowContext(ctx, fmt.Sprintf("SELECT MIN(%[1]s), MAX(%[1]s) FROM %[2]s", ident(t.key), of(schema, t.name))).
		Scan(&least, &most)
	if err != nil {
		return nil, at(s.end, "read the range of the keys of "+of(schema, t.name), err)
	}
	from, errFrom := strconv.ParseInt(least.String, 10, 64)
	to, errTo := strconv.ParseInt(most.String, 10, 64)
	if errFrom != nil || errTo != nil || float64(to)-float64(from) > math.MaxInt64/2 {
		return whole, nil // No rows, or keys that are not worth the arithmetic.
	}
	step := (to - from) / n
	if step == 0 {
		return whole, nil
	}
	var list []part
	for i := range n {
		var where []string
		if i > 0 {
			where = append(where, fmt.Sprintf("%s >= %d", ident(t.key), from+i*step))
		}
		if i < n-1 {
			where = append(where, fmt.Sprintf("%s < %d", ident(t.key), from+(i+1)*step))
		}
		list = append(list, part{table: t, where: strings.Join(where, " AND "), share: t.bytes / n})
	}
	return list, nil
}

// reads is the statement that reads the part. Each value comes as what load takes back without a loss.
func (p part) reads(schema string) string {
	var values []string
	for _, c := range p.columns {
		switch name := ident(c.name); c.kind {
		case "float": // Six digits are not all of it.
			values = append(values, name+" + 0e0")
		case "bit":
			values = append(values, name+" + 0")
		case "year": // As a number, 0 would be read as 2000.
			values = append(values, "CAST("+name+" AS CHAR)")
		default:
			values = append(values, name)
		}
	}
	query := "SELECT " + strings.Join(values, ", ") + " FROM " + of(schema, p.name)
	if p.keyed && p.engine == "InnoDB" {
		query += " FORCE INDEX (PRIMARY)"
	}
	if p.where != "" {
		query += " WHERE " + p.where
	}
	return query
}

// loads is the statement that takes what encode makes of it.
func (p part) loads(schema, reader string) string {
	var columns, set []string
	for i, c := range p.columns {
		variable := fmt.Sprintf("@v%d", i)
		switch c.kind {
		case "bit":
			set = append(set, ident(c.name)+" = CAST("+variable+" AS UNSIGNED)")
		case "json", "inet4", "inet6", "uuid": // As bytes they would be taken for the inner form, or refused.
			set = append(set, ident(c.name)+" = CONVERT("+variable+" USING utf8mb4)")
		default:
			variable = ident(c.name)
		}
		columns = append(columns, variable)
	}
	load := "LOAD DATA LOCAL INFILE " + quote("Reader::"+reader) + " INTO TABLE " + of(schema, p.name) +
		` CHARACTER SET binary FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' (` + strings.Join(columns, ", ") + ")"
	if len(set) > 0 {
		load += " SET " + strings.Join(set, ", ")
	}
	return load
}
