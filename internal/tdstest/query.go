package tdstest

import (
	"database/sql"
	"strings"
)

var errNoRows = sql.ErrNoRows

func fields(s string) []string { return strings.Fields(s) }

// query answers a SELECT.
func (x *execution) query(st statement) error {
	if i := into(st); i >= 0 {
		return syntax("INTO")
	}
	sc := x.scope()
	text, err := sc.translate(st)
	if err != nil {
		return err
	}
	for view := range sc.views {
		if err := x.fill(view); err != nil {
			return err
		}
	}
	columns, rows, err := x.rows(text)
	if err != nil {
		return err
	}
	return x.send(columns, rows)
}

// into is where a SELECT makes a table, which the stand-in does not.
func into(st statement) int {
	for i, l := range st {
		if l.is("INTO") {
			return i
		}
	}
	return -1
}

// rows asks SQLite. The type of a column is the one that its table declares; of an expression, that of its values.
func (x *execution) rows(text string) ([]column, [][]any, error) {
	found, err := x.sql.QueryContext(x.ctx, text)
	if err != nil {
		return nil, nil, err
	}
	defer found.Close()
	types, err := found.ColumnTypes()
	if err != nil {
		return nil, nil, err
	}
	var rows [][]any
	for found.Next() {
		values, targets := make([]any, len(types)), make([]any, len(types))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := found.Scan(targets...); err != nil {
			return nil, nil, err
		}
		rows = append(rows, values)
	}
	columns := make([]column, len(types))
	for i, t := range types {
		declared, known := parseKind(t.DatabaseTypeName())
		if !known {
			declared = kindOfAll(rows, i)
		}
		columns[i] = column{t.Name(), declared}
		if !known && !isName(t.Name()) { // SQLite calls an expression by its words, a SQL Server not at all
			columns[i].name = ""
		}
	}
	return columns, rows, found.Err()
}

func isName(s string) bool {
	return s != "" && span(s, 0, func(r rune) bool { return named(r) || r == ' ' }) == len(s) && s[:1] > "9" && len(s) <= 128
}

// kindOfAll is a type that holds the values of an expression.
func kindOfAll(rows [][]any, i int) kind {
	var all []kind
	for _, r := range rows {
		if r[i] != nil {
			if k := kindOf(r[i]); len(all) == 0 || all[len(all)-1] != k {
				all = append(all, k)
			}
		}
	}
	switch len(all) {
	case 0:
		return kindOf(int64(0))
	case 1:
		return all[0]
	}
	for _, k := range all {
		if k.id != typeIntN && k.id != typeFloatN {
			return kindOf("")
		}
	}
	return kindOf(float64(0))
}

// send gives a set of rows to the client.
func (x *execution) send(columns []column, rows [][]any) error {
	x.reply.columns(columns)
	for _, r := range rows {
		if err := x.reply.row(columns, r); err != nil {
			return err
		}
	}
	x.lastCount = int64(len(rows))
	x.reply.done(doneCount, commandSelect, int64(len(rows)))
	return nil
}

// change carries out an INSERT, an UPDATE or a DELETE.
func (x *execution) change(st statement) error {
	if err := x.writable(); err != nil {
		return err
	}
	p := parser{rest: st[1:]}
	if st[0].is("INSERT") {
		p.accept("INTO")
		if err := x.identityStays(p); err != nil {
			return err
		}
	}
	sc := x.scope()
	tokens := st
	switch {
	case st[0].is("INSERT") && !st[1].is("INTO"):
		tokens = append(statement{st[0], {shape: word, text: "INTO"}}, st[1:]...)
	case st[0].is("DELETE") && !st[1].is("FROM"):
		tokens = append(statement{st[0], {shape: word, text: "FROM"}}, st[1:]...)
	}
	text, err := sc.translate(tokens)
	if err != nil {
		return err
	}
	for view := range sc.views {
		if err := x.fill(view); err != nil {
			return err
		}
	}
	n, err := x.exec(text)
	if err != nil {
		return err
	}
	x.lastCount = n
	x.reply.done(doneCount, 0, n)
	return nil
}

// identityStays refuses a value for a column that the server counts.
func (x *execution) identityStays(p parser) error {
	table := p.object()
	if !p.peek().is("(") {
		return p.err
	}
	for _, c := range separated(p.parenthesized()) {
		n, err := x.number(`SELECT COUNT(*) FROM [tds columns] AS c JOIN [tds objects] AS o USING (object_id)
			WHERE o.name = ? AND c.name = ? AND c.is_identity`, table, c[0].text)
		if err != nil {
			return err
		}
		if n > 0 {
			return fault(544, 16, "Cannot insert explicit value for identity column in table '%s' when IDENTITY_INSERT is set to OFF.", table)
		}
	}
	return p.err
}
