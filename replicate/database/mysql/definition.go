package mysql

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The kinds of what is kept as statements, by the words that SHOW CREATE and DROP have for them. A view may call
// functions, and a trigger whatever there is.
const (
	function    = "FUNCTION"
	procedure   = "PROCEDURE"
	packageHead = "PACKAGE"
	packageBody = "PACKAGE BODY"
	view        = "VIEW"
	trigger     = "TRIGGER"
	event       = "EVENT"
)

// definition is an object that is kept as the statement that makes it, and what the statement means what it means by.
type definition struct {
	Kind, Name string
	SQL        []byte // in the character set Client
	Mode       string
	Client     string
	Collation  string
	Catalog    string // the collation of the schema in which it was made
	Zone       string
}

const definitionsQuery = `
SELECT * FROM (
	SELECT IF(ROUTINE_TYPE LIKE 'PACKAGE%', 1, 2) AS turn, ROUTINE_TYPE AS kind, ROUTINE_NAME AS name, '' AS a, 0 AS b
	FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND ROUTINE_TYPE IN ('FUNCTION', 'PROCEDURE', 'PACKAGE', 'PACKAGE BODY')
	UNION ALL SELECT 3, 'VIEW', TABLE_NAME, '', 0 FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ?
	UNION ALL SELECT 4, 'TRIGGER', TRIGGER_NAME, CONCAT(EVENT_OBJECT_TABLE, '.', ACTION_TIMING, '.', EVENT_MANIPULATION), ACTION_ORDER
	FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?
	UNION ALL SELECT 5, 'EVENT', EVENT_NAME, '', 0 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?
) AS all_of_them ORDER BY turn, kind, a, b, name`

// definitions reads all of a schema, in an order in which they can be made, but for views that need one another.
func definitions(ctx context.Context, s *session, schema string) ([]definition, error) {
	names, err := s.rows(ctx, definitionsQuery, schema, schema, schema, schema)
	if err != nil {
		return nil, at(s.end, "list the views, routines, triggers and events of "+schema, err)
	}
	if len(names) == 0 {
		return nil, nil
	}
	// Names of the default schema are left out where that can be done.
	if err := s.exec(ctx, "USE "+ident(schema)); err != nil {
		return nil, at(s.end, "use "+schema, err)
	}
	var list []definition
	for _, n := range names {
		d := definition{Kind: n[1], Name: n[2]}
		if err := d.read(ctx, s, schema); err != nil {
			return nil, at(s.end, "read the definition of "+strings.ToLower(d.Kind)+" "+of(schema, d.Name), err)
		}
		list = append(list, d)
	}
	return list, nil
}

// read reads the statement.
func (d *definition) read(ctx context.Context, s *session, schema string) error {
	rows, err := s.conn.QueryContext(ctx, "SHOW CREATE "+d.Kind+" "+of(schema, d.Name))
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([][]byte, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if !rows.Next() {
		return fmt.Errorf("it is not there any more: %w", rows.Err())
	}
	if err := rows.Scan(into...); err != nil {
		return err
	}
	for i, column := range columns {
		switch {
		case strings.HasPrefix(column, "Create ") || column == "SQL Original Statement":
			d.SQL = values[i]
		case column == "sql_mode":
			d.Mode = string(values[i])
		case column == "character_set_client":
			d.Client = string(values[i])
		case column == "collation_connection":
			d.Collation = string(values[i])
		case column == "Database Collation":
			d.Catalog = string(values[i])
		case column == "time_zone":
			d.Zone = string(values[i])
		}
	}
	if d.SQL == nil {
		return fmt.Errorf("%s may not read it", s.end.Host)
	}
	return rows.Err()
}

// terms are under what a schema's definitions are made at a server.
type terms struct {
	from     string          // the schema that they were read of
	accounts map[string]bool // that exist there, as they are quoted in statements; nil: ours alone may be named
}

var (
	definer = regexp.MustCompile("DEFINER=(`(?:[^`]|``)*`(?:@`(?:[^`]|``)*`)?) ")
	status  = regexp.MustCompile(`(ON COMPLETION (?:NOT )?PRESERVE )(ENABLE|DISABLE ON SLAVE|DISABLE ON REPLICA|DISABLE)`)
)

// make makes it in a schema, in the place of one that has its name. An event that runs at its source is made so that
// it would run if this server were the source, and does not: as a replica's.
func (d definition) make(ctx context.Context, s *session, schema string, t terms) error {
	if d.Kind == event {
		d.SQL = inactive(d.SQL, s.server.asleep())
	}
	return d.remake(ctx, s, schema, t)
}

// withoutDefiner is a statement that makes its object belong to whoever executes it.
func withoutDefiner(statement []byte) []byte {
	if found := definer.FindIndex(statement); found != nil {
		return slices.Concat(statement[:found[0]], statement[found[1]:])
	}
	return statement
}

// stands says whether a schema has it already as a statement would make it.
func (d definition) stands(ctx context.Context, s *session, schema string, statement []byte, mode string) bool {
	there := definition{Kind: d.Kind, Name: d.Name}
	if err := there.read(ctx, s, schema); err != nil {
		return false // If it cannot be made either, that says why.
	}
	if definer.Find(statement) == nil {
		there.SQL = withoutDefiner(there.SQL)
	}
	d.SQL, d.Mode = statement, mode
	return bytes.Equal(there.SQL, d.SQL) && there.Mode == d.Mode && there.Client == d.Client &&
		there.Collation == d.Collation && there.Catalog == d.Catalog && there.Zone == d.Zone
}

// remake makes it as it is.
func (d definition) remake(ctx context.Context, s *session, schema string, t terms) error {
	statement := d.SQL
	if found := definer.FindSubmatch(statement); found != nil && !t.accounts[string(found[1])] {
		statement = withoutDefiner(statement)
	}
	if t.from != schema {
		// The server writes views itself, and says there what is a schema; what people wrote is changed if it is clear.
		if changed, clear := requalified(statement, t.from, schema); clear || d.Kind == view {
			statement = changed
		}
	}
	settings := []string{"character_set_client = " + d.Client, "collation_connection = " + d.Collation}
	mode := d.Mode
	if d.Kind != view {
		if !s.server.mariadb {
			mode = strings.ReplaceAll(mode, "NO_AUTO_CREATE_USER", "") // MySQL 8 does not know it any more.
		}
		settings = append(settings, "sql_mode = "+quote(mode))
	}
	if d.Zone != "" {
		settings = append(settings, "time_zone = "+quote(d.Zone))
	}
	err := s.exec(ctx, "USE "+ident(schema))
	if err == nil && (!s.server.mariadb && d.Kind != view) {
		// MySQL replaces views alone: of what is the same nobody shall miss anything.
		if d.stands(ctx, s, schema, statement, mode) {
			return nil
		}
		err = s.exec(ctx, "DROP "+d.Kind+" IF EXISTS "+of(schema, d.Name))
	} else {
		statement = bytes.Replace(statement, []byte("CREATE "), []byte("CREATE OR REPLACE "), 1)
	}
	if err == nil {
		err = s.exec(ctx, "SET "+strings.Join(settings, ", "))
	}
	if err == nil {
		err = s.exec(ctx, string(statement))
	}
	if err != nil {
		err = at(s.end, "make "+strings.ToLower(d.Kind)+" "+of(schema, d.Name), err)
	}
	if settled := s.settle(ctx); err == nil && settled != nil {
		err = at(s.end, "prepare the session", settled)
	}
	return err
}

// inactive is an event's statement with a status in which it does not run, in the words of a server.
func inactive(statement []byte, asleep string) []byte { return withStatus(statement, "ENABLE", asleep) }

// active is an event's statement with the status that it has at its source.
func active(statement []byte) []byte { return withStatus(statement, "DISABLE ON ", "ENABLE") }

// withStatus changes a status of an event that begins like this for another one.
func withStatus(statement []byte, from, to string) []byte {
	found := status.FindSubmatchIndex(statement)
	if found == nil || !bytes.HasPrefix(statement[found[4]:found[5]], []byte(from)) {
		return statement
	}
	return slices.Concat(statement[:found[4]], []byte(to), statement[found[5]:])
}

// drop drops it from a schema.
func (d definition) drop(ctx context.Context, s *session, schema string) error {
	if err := s.exec(ctx, "DROP "+d.Kind+" IF EXISTS "+of(schema, d.Name)); err != nil {
		return at(s.end, "drop "+strings.ToLower(d.Kind)+" "+of(schema, d.Name), err)
	}
	return nil
}

// makeAll makes definitions in their order. A view that needs one that is not there yet waits for it.
func makeAll(ctx context.Context, s *session, schema string, list []definition, t terms) error {
	for len(list) > 0 {
		var later []definition
		var failed error
		for _, d := range list {
			err := d.make(ctx, s, schema, t)
			switch n := number(err); {
			case err == nil:
			case d.Kind == view && slices.Contains([]uint16{noSuchTable, noSuchRoutine, brokenView}, n):
				later, failed = append(later, d), err
			default:
				return err
			}
		}
		if len(later) == len(list) {
			return failed
		}
		list = later
	}
	return nil
}
