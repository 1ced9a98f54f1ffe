package mysql

import (
	"context"
	"fmt"
	"strings"
)

// mold is what a schema is made by.
type mold struct{ charset, collation string }

func readMold(ctx context.Context, s *session, schema string) (mold, error) {
	var m mold
	err := s.conn.QueryRowContext(ctx, `SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME
		FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?`, schema).Scan(&m.charset, &m.collation)
	if err != nil {
		return m, at(s.end, "read how "+schema+" was made", err)
	}
	return m, nil
}

// set is the part of CREATE and ALTER DATABASE.
func (m mold) set() string { return " CHARACTER SET " + m.charset + " COLLATE " + m.collation }

// outline is a table's CREATE statement, taken apart: rows go into a table without its secondary indexes faster, and
// foreign keys are not looked at while what they refer to is not there yet.
type outline struct {
	name    string
	create  string
	indexes []string // each to be added by an ALTER TABLE, several at once
	singles []string // those that the server adds only one at a time
	foreign []string
}

// readOutline reads a table's statement.
func readOutline(ctx context.Context, s *session, schema string, t table) (outline, error) {
	var name, create string
	if err := s.conn.QueryRowContext(ctx, "SHOW CREATE TABLE "+of(schema, t.name)).Scan(&name, &create); err != nil {
		return outline{}, at(s.end, "read the definition of table "+of(schema, t.name), err)
	}
	return takeApart(t.name, t.engine, create), nil
}

// takeApart takes a statement of SHOW CREATE TABLE apart. It has one column, index or constraint a line.
func takeApart(name, engine, create string) outline {
	o := outline{name: name, create: create}
	lines := strings.Split(create, "\n")
	end := 1
	for end < len(lines) && strings.HasPrefix(lines[end], "  ") {
		end++
	}
	if engine != "InnoDB" || end == len(lines) || !strings.HasPrefix(lines[end], ")") {
		return o
	}
	body := lines[1:end]
	deferred := deferrable(body)
	var kept []string
	for _, line := range body {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "  "), ",")
		switch {
		case strings.HasPrefix(line, "CONSTRAINT `") && strings.Contains(line, "` FOREIGN KEY ("):
			o.foreign = append(o.foreign, line)
		case deferred && (strings.HasPrefix(line, "KEY `") || strings.HasPrefix(line, "UNIQUE KEY `")):
			o.indexes = append(o.indexes, line)
		case deferred && (strings.HasPrefix(line, "FULLTEXT KEY `") || strings.HasPrefix(line, "SPATIAL KEY `")):
			o.singles = append(o.singles, line)
		default:
			kept = append(kept, "  "+line)
		}
	}
	o.create = lines[0] + "\n" + strings.Join(kept, ",\n") + "\n" + strings.Join(lines[end:], "\n")
	return o
}

// deferrable says whether a table may do without its secondary indexes for a while: its rows are kept by a primary
// key, and that is what its counted column, if it has one, is counted by.
func deferrable(body []string) bool {
	counted, primary := "", ""
	for _, line := range body {
		line = strings.TrimPrefix(line, "  ")
		if strings.HasPrefix(line, "`") && strings.Contains(line, " AUTO_INCREMENT") {
			counted = line[:quotedEnd([]byte(line), 0)]
		}
		if rest, is := strings.CutPrefix(line, "PRIMARY KEY ("); is {
			primary = rest
		}
	}
	return primary != "" && strings.HasPrefix(primary, counted)
}

// make makes the table, without what comes later.
func (o outline) make(ctx context.Context, s *session, schema string) error {
	if err := s.exec(ctx, o.create); err != nil {
		return at(s.end, "make table "+of(schema, o.name), err)
	}
	return nil
}

// index adds the indexes.
func (o outline) index(ctx context.Context, s *session, schema string) error {
	var alterations [][]string
	if len(o.indexes) > 0 {
		alterations = append(alterations, o.indexes)
	}
	for _, single := range o.singles {
		alterations = append(alterations, []string{single})
	}
	for _, keys := range alterations {
		if err := s.exec(ctx, "ALTER TABLE "+of(schema, o.name)+" ADD "+strings.Join(keys, ", ADD ")); err != nil {
			return at(s.end, "make the indexes of "+of(schema, o.name), err)
		}
	}
	return nil
}

// constrain adds the foreign keys. That the rows meet them was seen to at the source.
func (o outline) constrain(ctx context.Context, s *session, schema string) error {
	if len(o.foreign) == 0 {
		return nil
	}
	if err := s.exec(ctx, "ALTER TABLE "+of(schema, o.name)+" ADD "+strings.Join(o.foreign, ", ADD ")); err != nil {
		return at(s.end, "make the foreign keys of "+of(schema, o.name), err)
	}
	return nil
}

// sequences makes the sequences. They know no instants: each is set as it is now, and one that is ahead does no harm.
func sequences(ctx context.Context, from, to *session, source, target string) error {
	names, err := from.column(ctx, `SELECT TABLE_NAME FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'SEQUENCE' ORDER BY TABLE_NAME`, source)
	if err != nil {
		return at(from.end, "list the sequences of "+source, err)
	}
	for _, name := range names {
		var table, create string
		var next, cycle int64
		err := from.conn.QueryRowContext(ctx, "SHOW CREATE SEQUENCE "+of(source, name)).Scan(&table, &create)
		if err == nil {
			err = from.conn.QueryRowContext(ctx, "SELECT next_not_cached_value, cycle_count FROM "+of(source, name)).Scan(&next, &cycle)
		}
		if err != nil {
			return at(from.end, "read sequence "+of(source, name), err)
		}
		if err = to.exec(ctx, create); err == nil {
			_, err = to.rows(ctx, fmt.Sprintf("SELECT COALESCE(SETVAL(%s, %d, 0, %d), 0)", of(target, name), next, cycle))
		}
		if err != nil {
			return at(to.end, "make sequence "+of(target, name), err)
		}
	}
	return nil
}
