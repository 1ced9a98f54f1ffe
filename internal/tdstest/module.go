package tdstest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// createView makes a view.
func (x *execution) createView(st statement) error {
	p := parser{rest: st[2:]}
	name := p.object()
	p.expect("AS")
	if p.err != nil {
		return p.err
	}
	text, err := x.scope().translate(p.rest)
	if err != nil {
		return err
	}
	return x.module(name, "V", 0, "CREATE VIEW "+identifier(name)+" AS "+text)
}

// module makes an object that is kept by its words.
func (x *execution) module(name, kind string, parent int64, make string) error {
	if err := x.writable(); err != nil {
		return err
	}
	if err := x.free(name); err != nil {
		return err
	}
	if make != "" {
		if _, err := x.exec(make); err != nil {
			return err
		}
	}
	if _, err := x.noteObject(name, kind, parent, x.batch); err != nil {
		return err
	}
	return x.finish()
}

// createTrigger makes a trigger that fires after each row.
func (x *execution) createTrigger(st statement) error {
	p := parser{rest: st[2:]}
	name := p.object()
	p.expect("ON")
	table := p.object()
	_ = p.accept("AFTER") || p.accept("FOR")
	event := p.next()
	p.expect("AS")
	if p.err != nil {
		return p.err
	}
	if !event.is("INSERT") && !event.is("UPDATE") && !event.is("DELETE") {
		return syntax(event.text)
	}
	id, err := x.number("SELECT object_id FROM [tds objects] WHERE name = ? AND type = 'U'", table)
	if err != nil {
		return fault(8197, 16, "The object '%s' does not exist or is invalid for this operation.", table)
	}
	sc := x.scope()
	sc.inserted = map[string]string{}
	if !event.is("DELETE") {
		sc.inserted["inserted"], err = x.rowOf(id, "NEW")
	}
	if err == nil && !event.is("INSERT") {
		sc.inserted["deleted"], err = x.rowOf(id, "OLD")
	}
	if err != nil {
		return err
	}
	var body []string
	for _, part := range cut(p.rest) {
		text, err := sc.translate(part)
		if err != nil {
			return err
		}
		body = append(body, text+";")
	}
	return x.module(name, "TR", id, fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH ROW BEGIN %s END",
		identifier(name), event.text, identifier(table), strings.Join(body, " ")))
}

// rowOf is a query of the one row that fires a trigger.
func (x *execution) rowOf(table int64, row string) (string, error) {
	rows, err := x.sql.QueryContext(x.ctx, "SELECT name FROM [tds columns] WHERE object_id = ? ORDER BY column_id", table)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var columns []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return "", err
		}
		columns = append(columns, row+"."+identifier(name)+" AS "+identifier(name))
	}
	return "(SELECT " + strings.Join(columns, ", ") + ")", rows.Err()
}

// createProcedure keeps a procedure's words; they are run when it is called.
func (x *execution) createProcedure(st statement) error {
	p := parser{rest: st[2:]}
	name := p.object()
	var parameters []string
	_ = p.accept("(")
	for p.err == nil && !p.peek().is("AS") && len(p.rest) > 0 {
		if l := p.next(); l.shape == variable {
			parameters = append(parameters, lower(l.text))
		}
	}
	p.expect("AS")
	if p.err != nil {
		return p.err
	}
	if err := x.module(name, "P", 0, ""); err != nil {
		return err
	}
	names, err := json.Marshal(parameters)
	if err != nil {
		return err
	}
	body := ""
	if len(p.rest) > 0 {
		body = x.batch[p.rest[0].at:]
	}
	_, err = x.exec("UPDATE [tds objects] SET parameters = ? WHERE name = ?",
		fmt.Sprintf("%s\n%s", names, body), name)
	return err
}

// createSequence makes a sequence.
func (x *execution) createSequence(st statement) error {
	p := parser{rest: st[2:]}
	name := p.object()
	start, step := "1", "1"
	if p.accept("AS") {
		p.name()
	}
	for len(p.rest) > 0 && p.err == nil {
		switch {
		case p.accept("START", "WITH"):
			start = p.text(nil)
		case p.accept("INCREMENT", "BY"):
			step = p.text(nil)
		default:
			p.fail()
		}
	}
	if p.err != nil {
		return p.err
	}
	if err := x.module(name, "SO", 0, ""); err != nil {
		return err
	}
	_, err := x.exec("INSERT INTO [tds sequences] SELECT object_id, ?, ? FROM [tds objects] WHERE name = ?", start, step, name)
	return err
}

// nextValue is NEXT VALUE FOR: one for the statement, where a SQL Server gives each row its own.
func (x *execution) nextValue(sequence string) (int64, error) {
	const of = " WHERE object_id = (SELECT object_id FROM [tds objects] WHERE name = ? AND type = 'SO')"
	n, err := x.number("SELECT next FROM [tds sequences]"+of, sequence)
	if err != nil {
		return 0, fault(208, 16, "Invalid object name '%s'.", sequence)
	}
	_, err = x.exec("UPDATE [tds sequences] SET next = next + step"+of, sequence)
	return n, err
}

// dropObject is DROP TABLE, DROP VIEW and their like.
func (x *execution) dropObject(st statement) error {
	if err := x.writable(); err != nil {
		return err
	}
	p := parser{rest: st[1:]}
	what := strings.ToUpper(p.next().text)
	anyway := p.accept("IF", "EXISTS")
	name := p.object()
	if err := p.finished(); err != nil {
		return err
	}
	kind := map[string]string{"TABLE": "U", "VIEW": "V", "TRIGGER": "TR", "PROCEDURE": "P", "SEQUENCE": "SO"}[what]
	id, err := x.number("SELECT object_id FROM [tds objects] WHERE name = ? AND type = ?", name, kind)
	switch {
	case err == nil:
	case ignoreNone(err) != nil:
		return err
	case anyway:
		return x.finish()
	default:
		return fault(3701, 11, "Cannot drop the %s '%s', because it does not exist or you do not have permission.", lower(what), name)
	}
	if kind == "U" || kind == "V" || kind == "TR" {
		if _, err := x.exec("DROP " + what + " " + identifier(name)); err != nil {
			return err
		}
	}
	for _, table := range []string{"columns", "indexes", "sequences", "objects"} {
		if _, err := x.exec("DELETE FROM [tds "+table+"] WHERE object_id = ?", id); err != nil {
			return err
		}
	}
	if _, err := x.exec("DELETE FROM [tds objects] WHERE parent = ?", id); err != nil {
		return err
	}
	return x.finish()
}
