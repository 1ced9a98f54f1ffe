package tdstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// execution is a batch on its way.
type execution struct {
	*session
	ctx       context.Context
	reply     *reply
	batch     string
	variables map[string]any
	fault     *Fault // what goes wrong with the statement that runs
	depth     int    // of procedures
}

func lower(s string) string { return strings.ToLower(s) }

// run runs the statements of the batch. Where one of them is none that the stand-in knows, none of them is run.
func (x *execution) run() {
	statements, err := x.parse()
	if err != nil {
		x.fail(err, 1)
		return
	}
	if len(statements) == 0 {
		x.reply.done(0, 0, 0)
	}
	for _, st := range statements {
		if !x.carryOut(st) {
			return
		}
	}
}

// parse cuts the batch and looks each statement up.
func (x *execution) parse() ([]statement, error) {
	tokens, err := lex(x.batch)
	if err != nil {
		return nil, err
	}
	statements := cut(tokens)
	for _, st := range statements {
		if entryOf(st) == nil {
			e := syntax(st[0].text)
			e.Line = st[0].line
			return nil, e
		}
	}
	return statements, nil
}

// carryOut runs one statement, and says whether the batch goes on.
func (x *execution) carryOut(st statement) (on bool) {
	words := st.String()
	x.fault = x.server.faultFor(words)
	x.note(&request{command: entryOf(st).words, started: time.Now().UTC()})
	defer x.note(nil)
	err := x.ctx.Err()
	if err == nil && x.fault != nil {
		err = x.suffer(x.fault)
	}
	if err == nil {
		err = entryOf(st).run(x, st)
	}
	if err != nil {
		return x.fail(err, st[0].line)
	}
	return x.reply.err == nil
}

// note has others see what the session does.
func (x *execution) note(r *request) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	x.session.request = r
}

// fail tells an error, and says whether the batch goes on: T-SQL does, after the errors of most statements, unless
// XACT_ABORT is on.
func (x *execution) fail(err error, line int) (on bool) {
	if x.ctx.Err() != nil { // cancelled: the acknowledgement ends the answer
		if x.xactAbort && x.inTransaction() {
			_ = x.rollback(x.ctx)
		}
		x.reply.done(doneError, 0, 0)
		return false
	}
	e := asError(err)
	x.tell(e.at(line))
	if (x.xactAbort || e.Number == 1205) && x.inTransaction() {
		_ = x.rollback(x.ctx)
	}
	x.reply.done(doneError, 0, 0)
	return !x.xactAbort && e.Number != 208 && e.Number != 102 && e.Number != 1205
}

// finish ends a statement that gives no rows.
func (x *execution) finish() error {
	x.reply.done(0, 0, 0)
	return nil
}

// scope is what the translation of a statement sees.
func (x *execution) scope() *scope {
	return &scope{variables: x.variables, call: x.function, next: x.nextValue, global: x.global, views: map[string]bool{}}
}

// global is a variable of the server.
func (x *execution) global(name string) (any, bool) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	switch name {
	case "@@SPID":
		return int64(x.spid), true
	case "@@TRANCOUNT":
		return int64(x.transactions), true
	case "@@SERVERNAME":
		return x.server.options.Name, true
	case "@@ROWCOUNT":
		return x.lastCount, true
	case "@@VERSION":
		return fmt.Sprintf("Microsoft SQL Server - %s (X64) %s, a stand-in", x.server.options.Version,
			x.server.options.Edition.name()), true
	}
	return nil, false
}

// function is a call that only the server can answer.
func (x *execution) function(name string, args []any) (value any, known bool, err error) {
	s := x.server
	first := ""
	if len(args) > 0 {
		first = asText(args[0])
	}
	switch name {
	case "SERVERPROPERTY":
		return s.property(first), true, nil
	case "SUSER_SNAME", "SUSER_NAME", "ORIGINAL_LOGIN":
		return x.account.Name, true, nil
	case "DB_NAME":
		if len(args) == 0 {
			return x.databaseName(), true, nil
		}
		return x.nameOf(args[0]), true, nil
	case "DB_ID":
		if len(args) == 0 {
			first = x.databaseName()
		}
		if d := s.lookup(first); d != nil {
			return int64(d.id), true, nil
		}
		return nil, true, nil
	case "OBJECT_ID":
		return x.objectID(first)
	case "HAS_PERMS_BY_NAME":
		if len(args) < 3 {
			return nil, false, syntax(name)
		}
		return boolean(x.account.may(asText(args[2]))), true, nil
	case "IS_SRVROLEMEMBER":
		return boolean(len(x.account.Lacks) == 0), true, nil
	}
	return nil, false, nil
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (x *execution) nameOf(id any) any {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	n, err := asInt(id)
	for _, d := range x.server.databases {
		if err == nil && int64(d.id) == n {
			return d.name
		}
	}
	return nil
}

// writable says why the current database takes no writes.
func (x *execution) writable() error {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	switch {
	case x.current.readOnly:
		return fault(3906, 16, "Failed to update database \"%s\" because the database is read-only.", x.current.name)
	case x.server.full[dataVolume] && x.current.id > 4: // The server's own have what they need.
		return noAllocation(x.current.name)
	}
	return nil
}

// outside says why a statement may not be run in a transaction.
func (x *execution) outside(number int32, text string) error {
	if x.inTransaction() {
		return fault(number, 16, "%s", text)
	}
	return nil
}

// exec runs a statement of SQLite's in the current database.
func (x *execution) exec(query string, args ...any) (int64, error) {
	res, err := x.sql.ExecContext(x.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// number asks for one number.
func (x *execution) number(query string, args ...any) (n int64, err error) {
	err = x.sql.QueryRowContext(x.ctx, query, args...).Scan(&n)
	return n, err
}

// objectID is OBJECT_ID.
func (x *execution) objectID(name string) (any, bool, error) {
	p := parser{}
	p.rest, p.err = lex(name)
	name = p.object()
	if p.err != nil {
		return nil, true, nil
	}
	n, err := x.number("SELECT object_id FROM [tds objects] WHERE name = ?", name)
	if err != nil {
		return nil, true, ignoreNone(err)
	}
	return n, true, nil
}

// ignoreNone leaves out that there is no row.
func ignoreNone(err error) error {
	if errors.Is(err, errNoRows) {
		return nil
	}
	return err
}
