package tdstest

import (
	"fmt"
	"strings"
)

// constraint is one of a table's.
type constraint struct{ name, kind string }

// tableDefinition is a CREATE TABLE as it is read, and written for SQLite.
type tableDefinition struct {
	name        string
	columns     []columnDefinition
	parts       []string // of SQLite's statement
	constraints []constraint
}

type columnDefinition struct {
	name, declared string
	identity       bool
}

// createTable makes a table, and notes what the system's views show of it.
func (x *execution) createTable(st statement) error {
	if err := x.writable(); err != nil {
		return err
	}
	p := parser{rest: st[2:]}
	t := &tableDefinition{name: p.object()}
	for _, part := range separated(p.parenthesized()) {
		if err := x.part(t, part); err != nil {
			return err
		}
	}
	if err := p.finished(); err != nil {
		return err
	}
	if err := x.free(t.name); err != nil {
		return err
	}
	if _, err := x.exec("CREATE TABLE " + identifier(t.name) + " (" + strings.Join(t.parts, ", ") + ")"); err != nil {
		return err
	}
	if err := x.keepDigits(t); err != nil {
		return err
	}
	id, err := x.noteObject(t.name, "U", 0, "")
	if err != nil {
		return err
	}
	for i, c := range t.columns {
		if _, err := x.exec("INSERT INTO [tds columns] VALUES (?, ?, ?, ?, ?)", id, i+1, c.name, c.declared, c.identity); err != nil {
			return err
		}
	}
	for _, c := range t.constraints {
		if _, err := x.noteObject(c.name, c.kind, id, ""); err != nil {
			return err
		}
		if c.kind == "PK" || c.kind == "UQ" {
			if err := x.noteIndex(id, c.name); err != nil {
				return err
			}
		}
	}
	return x.finish()
}

// keepDigits has the exact numbers of a table kept with as many digits as their types have, by triggers.
func (x *execution) keepDigits(t *tableDefinition) error {
	for _, c := range t.columns {
		k, _ := parseKind(c.declared)
		switch k.id {
		case typeNumericN:
		case typeMoneyN:
			k.scale = 4
		default:
			continue
		}
		name, exact := identifier(c.name), fmt.Sprintf("tsql_decimal(NEW.%s, %d)", identifier(c.name), k.scale)
		for _, event := range []string{"INSERT", "UPDATE"} {
			if _, err := x.exec(fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s WHEN NEW.%s <> %s BEGIN UPDATE %s SET %s = %s WHERE rowid = NEW.rowid; END",
				identifier("tds "+event+" "+t.name+" "+c.name), event, identifier(t.name), name, exact, identifier(t.name), name, exact)); err != nil {
				return err
			}
		}
	}
	return nil
}

// free refuses a name that another object has.
func (x *execution) free(name string) error {
	n, err := x.number("SELECT COUNT(*) FROM [tds objects] WHERE name = ?", name)
	if err == nil && n > 0 {
		return fault(2714, 16, "There is already an object named '%s' in the database.", name)
	}
	return err
}

// noteObject adds an object to sys.objects.
func (x *execution) noteObject(name, kind string, parent int64, definition string) (id int64, err error) {
	res, err := x.sql.ExecContext(x.ctx, "INSERT INTO [tds objects] (name, type, parent, definition) VALUES (?, ?, ?, ?)",
		name, kind, parent, definition)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func (x *execution) noteIndex(table int64, name string) error {
	_, err := x.exec("INSERT INTO [tds indexes] SELECT ?, COUNT(*) + 1, ? FROM [tds indexes] WHERE object_id = ?", table, name, table)
	return err
}

// part reads a column or a constraint of a table.
func (x *execution) part(t *tableDefinition, tokens []lexeme) error {
	p := &parser{rest: tokens}
	if p.peek().is("CONSTRAINT") || p.peek().is("PRIMARY") || p.peek().is("UNIQUE") || p.peek().is("FOREIGN") || p.peek().is("CHECK") {
		text, err := x.constraints(t, p, "", false)
		t.parts = append(t.parts, text)
		return err
	}
	c := columnDefinition{name: p.name()}
	declared := []lexeme{p.next()}
	if p.peek().is("(") {
		inside := p.parenthesized()
		declared = append(append(append(declared, lexeme{shape: sign, text: "("}), inside...), lexeme{shape: sign, text: ")"})
	}
	c.declared = lower(joined(declared))
	k, known := parseKind(c.declared)
	if !known {
		return fault(2715, 16, "Column, parameter, or variable #%d: Cannot find data type %s.", len(t.columns)+1, declared[0].text)
	}
	if p.accept("IDENTITY") {
		c.identity = true
		if p.peek().is("(") {
			p.parenthesized()
		}
	}
	text := identifier(c.name) + " " + affinity(c.declared, k)
	if c.identity {
		text = identifier(c.name) + " INTEGER"
	}
	rest, err := x.constraints(t, p, c.name, c.identity)
	if c.identity && !strings.Contains(rest, "PRIMARY KEY") {
		return fault(102, 15, "the stand-in counts only primary keys")
	}
	t.columns = append(t.columns, c)
	t.parts = append(t.parts, text+rest)
	return err
}

// affinity is a declared type, by which SQLite keeps as a text what would lose digits as a number.
func affinity(declared string, k kind) string {
	declared = strings.ReplaceAll(declared, "max", "-1") // SQLite knows no words there
	switch k.id {
	case typeIntN, typeBitN, typeFloatN, typeVarBinary:
		return declared
	}
	name, size, _ := strings.Cut(declared, "(")
	if size != "" {
		size = "(" + size
	}
	return name + "_text" + size
}

// constraints reads what is said of a column, or of the table where there is none.
func (x *execution) constraints(t *tableDefinition, p *parser, of string, identity bool) (string, error) {
	text := ""
	for len(p.rest) > 0 && p.err == nil {
		name := ""
		if p.accept("CONSTRAINT") {
			name = p.name()
		}
		note := func(kind, prefix string) {
			t.constraints = append(t.constraints, constraint{or(name, fmt.Sprintf("%s__%s__%d", prefix, t.name, len(t.constraints)+1)), kind})
		}
		switch {
		case p.accept("NOT", "NULL"):
			text += " NOT NULL"
		case p.accept("NULL"):
		case p.accept("PRIMARY", "KEY"):
			_ = p.accept("CLUSTERED") || p.accept("NONCLUSTERED")
			note("PK", "PK")
			text += " PRIMARY KEY" + x.keyColumns(p, of == "")
			if identity {
				text += " AUTOINCREMENT"
			}
		case p.accept("UNIQUE"):
			note("UQ", "UQ")
			text += " UNIQUE" + x.keyColumns(p, of == "")
		case p.accept("FOREIGN", "KEY"):
			text += " FOREIGN KEY" + x.keyColumns(p, true)
			p.expect("REFERENCES")
			note("F", "FK")
			text += " REFERENCES " + identifier(p.object()) + x.keyColumns(p, p.peek().is("("))
		case p.accept("REFERENCES"):
			note("F", "FK")
			text += " REFERENCES " + identifier(p.object()) + x.keyColumns(p, p.peek().is("("))
		case p.peek().is("CHECK"), p.peek().is("DEFAULT"):
			word := p.next()
			kind := "D"
			if word.is("CHECK") {
				kind = "C"
			}
			note(kind, kind+"F")
			inside := []lexeme{}
			if p.peek().is("(") {
				inside = p.parenthesized()
			} else {
				inside = append(inside, p.next())
				if p.peek().is("(") {
					p.parenthesized()
					inside = append(inside, lexeme{shape: sign, text: "("}, lexeme{shape: sign, text: ")"})
				}
			}
			expression, err := x.scope().translate(inside)
			if err != nil {
				return "", err
			}
			text += " " + word.text + " (" + expression + ")"
		default:
			p.fail()
		}
	}
	return text, p.err
}

// keyColumns reads the columns of a key.
func (x *execution) keyColumns(p *parser, there bool) string {
	if !there {
		return ""
	}
	var names []string
	for _, c := range separated(p.parenthesized()) {
		names = append(names, identifier(c[0].text))
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// createIndex makes an index.
func (x *execution) createIndex(st statement) error {
	if err := x.writable(); err != nil {
		return err
	}
	p := parser{rest: st[1:]}
	unique := ""
	if p.accept("UNIQUE") {
		unique = "UNIQUE "
	}
	p.expect("INDEX")
	name := p.name()
	p.expect("ON")
	table := p.object()
	columns := x.keyColumns(&p, true)
	if err := p.finished(); err != nil {
		return err
	}
	id, err := x.number("SELECT object_id FROM [tds objects] WHERE name = ? AND type = 'U'", table)
	if err != nil {
		return fault(1088, 16, "Cannot find the object \"%s\" because it does not exist or you do not have permissions.", table)
	}
	if _, err := x.exec("CREATE " + unique + "INDEX " + identifier(table+"."+name) + " ON " + identifier(table) + columns); err != nil {
		return err
	}
	if err := x.noteIndex(id, name); err != nil {
		return err
	}
	return x.finish()
}

// dropIndex is DROP INDEX name ON table.
func (x *execution) dropIndex(st statement) error {
	if err := x.writable(); err != nil {
		return err
	}
	p := parser{rest: st[2:]}
	name := p.name()
	p.expect("ON")
	table := p.object()
	if err := p.finished(); err != nil {
		return err
	}
	if _, err := x.exec("DROP INDEX " + identifier(table+"."+name)); err != nil {
		return fault(3701, 11, "Cannot drop the index '%s.%s', because it does not exist or you do not have permission.", table, name)
	}
	if _, err := x.exec(`DELETE FROM [tds indexes] WHERE name = ? AND object_id =
		(SELECT object_id FROM [tds objects] WHERE name = ?)`, name, table); err != nil {
		return err
	}
	return x.finish()
}
