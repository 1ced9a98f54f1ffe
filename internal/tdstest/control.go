package tdstest

import (
	"strconv"
	"strings"
	"time"
)

func (x *execution) beginTransaction(statement) error {
	if err := x.begin(x.ctx); err != nil {
		return err
	}
	return x.finish()
}

func (x *execution) commitTransaction(statement) error {
	if err := x.commit(x.ctx); err != nil {
		return err
	}
	return x.finish()
}

func (x *execution) rollbackTransaction(statement) error {
	if err := x.rollback(x.ctx); err != nil {
		return err
	}
	return x.finish()
}

// conditional is IF condition statement, without ELSE.
func (x *execution) conditional(st statement) error {
	depth := 0
	for i, l := range st {
		switch {
		case l.is("("):
			depth++
		case l.is(")"):
			depth--
		case i > 0 && depth == 0 && l.shape == word && entryOf(st[i:]) != nil && !l.is("SELECT"):
			if l.is("IF") {
				continue // IF EXISTS of a DROP comes after its words
			}
			return x.when(st[1:i], st[i:])
		}
	}
	return syntax("IF")
}

func (x *execution) when(condition, then statement) error {
	sc := x.scope()
	text, err := sc.translate(condition)
	if err != nil {
		return err
	}
	for view := range sc.views {
		if err := x.fill(view); err != nil {
			return err
		}
	}
	holds, err := x.number("SELECT CASE WHEN " + text + " THEN 1 ELSE 0 END")
	if err != nil {
		return err
	}
	if holds == 0 {
		return x.finish()
	}
	return entryOf(then).run(x, then)
}

// print tells a text at once.
func (x *execution) print(st statement) error {
	p := parser{rest: st[1:]}
	text := p.text(x.variables)
	if err := p.finished(); err != nil {
		return err
	}
	x.reply.info(Error{Number: 0, Text: text})
	x.reply.flush()
	return x.finish()
}

// raise is RAISERROR('text', severity, state) [WITH NOWAIT]; up to severity 10 it informs.
func (x *execution) raise(st statement) error {
	p := parser{rest: st[1:]}
	args, simple := x.scope().values(p.parenthesized())
	_ = p.accept("WITH", "NOWAIT")
	if err := p.finished(); err != nil {
		return err
	}
	if !simple || len(args) != 3 {
		return syntax("RAISERROR")
	}
	class, err := strconv.ParseUint(asText(args[1]), 10, 8)
	if err != nil {
		return syntax(asText(args[1]))
	}
	e := Error{Number: 50000, Class: byte(class), Text: asText(args[0])}
	if class > 10 {
		return &e
	}
	x.reply.info(e)
	x.reply.flush()
	return x.finish()
}

// wait is WAITFOR DELAY 'hh:mm:ss'.
func (x *execution) wait(st statement) error {
	p := parser{rest: st[2:]}
	text := p.text(x.variables)
	if err := p.finished(); err != nil {
		return err
	}
	t, err := asTime(text)
	if err != nil {
		return fault(148, 15, "Incorrect time syntax in time string '%s' used with WAITFOR.", text)
	}
	timer := time.NewTimer(sinceMidnight(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return x.finish()
	case <-x.ctx.Done():
		return x.ctx.Err()
	}
}

// kill ends a session.
func (x *execution) kill(st statement) error {
	p := parser{rest: st[1:]}
	text := p.text(x.variables)
	if err := p.finished(); err != nil {
		return err
	}
	id, err := strconv.Atoi(text)
	if err != nil {
		return syntax(text)
	}
	if !x.account.may("ALTER ANY CONNECTION") {
		return fault(6102, 14, "User does not have permission to use the KILL statement.")
	}
	if id == x.spid {
		return fault(6104, 16, "Cannot use KILL to kill your own process.")
	}
	x.server.mu.Lock()
	other := x.server.sessions[id]
	x.server.mu.Unlock()
	if other == nil {
		return fault(6106, 16, "Process ID %d is not an active process ID.", id)
	}
	other.end()
	return x.finish()
}

// set is SET of an option. Those that change nothing here are taken as they are.
func (x *execution) set(st statement) error {
	words := strings.ToUpper(st.String())
	switch {
	case words == "SET XACT_ABORT ON":
		x.xactAbort = true
		return x.finish()
	case words == "SET XACT_ABORT OFF":
		x.xactAbort = false
		return x.finish()
	}
	for _, known := range []string{
		"SET NOCOUNT ", "SET TRANSACTION ISOLATION LEVEL ", "SET LANGUAGE ", "SET TEXTSIZE ", "SET ANSI_",
		"SET QUOTED_IDENTIFIER ON", "SET CONCAT_NULL_YIELDS_NULL ON", "SET LOCK_TIMEOUT ",
	} {
		if strings.HasPrefix(words, known) {
			return x.finish()
		}
	}
	return syntax(st[1].text)
}

// use changes the current database.
func (x *execution) use(st statement) error {
	p := parser{rest: st[1:]}
	name := p.name()
	if err := p.finished(); err != nil {
		return err
	}
	if err := x.outside(226, "USE statement not allowed within multi-statement transaction."); err != nil {
		return err
	}
	before := x.databaseName()
	if err := x.enter(x.ctx, name); err != nil {
		return err
	}
	now := x.databaseName()
	x.reply.environment(envDatabase, now, before)
	x.reply.infoText(5701, 2, "Changed database context to '"+now+"'.")
	return x.finish()
}
