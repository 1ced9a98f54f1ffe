package tdstest

import (
	"os"
	"strings"
)

// createDatabase makes an empty database.
func (x *execution) createDatabase(st statement) error {
	p := parser{rest: st[2:]}
	name := p.name()
	if err := p.finished(); err != nil {
		return err
	}
	if !x.account.may("CREATE ANY DATABASE") {
		return denied("CREATE DATABASE", "master")
	}
	if err := x.outside(226, "CREATE DATABASE statement not allowed within multi-statement transaction."); err != nil {
		return err
	}
	if _, err := x.server.create(x.ctx, name); err != nil {
		return err
	}
	return x.finish()
}

// alterDatabase is MODIFY NAME, and SET of the state of a database.
func (x *execution) alterDatabase(st statement) error {
	p := &parser{rest: st[2:]}
	name := p.name()
	if p.err != nil {
		return p.err
	}
	if err := x.outside(226, "ALTER DATABASE statement not allowed within multi-statement transaction."); err != nil {
		return err
	}
	d := x.server.lookup(name)
	if d == nil || !x.account.may("ALTER ANY DATABASE") {
		return fault(5011, 14, "User does not have permission to alter database '%s', the database does not exist, or the "+
			"database is not in a state that allows access checks.", name).then(alterFailed())
	}
	if p.accept("MODIFY", "NAME", "=") {
		to := p.name()
		if err := p.finished(); err != nil {
			return err
		}
		return x.rename(d, to)
	}
	p.expect("SET")
	return x.setState(p, d)
}

// rename gives a database another name, if nobody else is in it.
func (x *execution) rename(d *database, to string) error {
	s := x.server
	s.mu.Lock()
	var refused *Error
	other := s.find(to)
	switch {
	case other != nil && other != d:
		refused = fault(1801, 16, "Database '%s' already exists. Choose a different database name.", to)
	case d.state == "RESTORING":
		refused = fault(927, 14, "Database '%s' cannot be opened. It is in the middle of a restore.", d.name).then(alterFailed())
	case d.readOnly:
		refused = fault(3906, 16, "Failed to update database \"%s\" because the database is read-only.", d.name).then(alterFailed())
	case len(s.inside(d, x.session)) > 0:
		refused = fault(5030, 16, "The database could not be exclusively locked to perform the operation.")
	default:
		d.name = to
	}
	s.mu.Unlock()
	if refused != nil {
		return refused
	}
	x.reply.infoText(5021, 1, "The database name '"+to+"' has been set.")
	return x.finish()
}

// setState is ALTER DATABASE ... SET.
func (x *execution) setState(p *parser, d *database) error {
	option := strings.ToUpper(p.next().text)
	value := ""
	if option == "RECOVERY" {
		value = strings.ToUpper(p.name())
	}
	immediately := p.accept("WITH", "ROLLBACK", "IMMEDIATE")
	if err := p.finished(); err != nil {
		return err
	}
	if err := x.exclusive(d, option, immediately); err != nil {
		return err
	}
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	switch option {
	case "SINGLE_USER", "MULTI_USER":
		d.access = option
	case "READ_ONLY", "READ_WRITE":
		d.readOnly = option == "READ_ONLY"
	case "OFFLINE", "ONLINE":
		d.state = option
	case "RECOVERY":
		d.recovery = value
	default:
		return syntax(option).then(alterFailed())
	}
	return x.finish()
}

// exclusive refuses a change of the state while others are in the way, or throws them out.
func (x *execution) exclusive(d *database, option string, immediately bool) error {
	s := x.server
	s.mu.Lock()
	others := len(s.inside(d, x.session))
	single, restoring := d.access == "SINGLE_USER", d.state == "RESTORING"
	s.mu.Unlock()
	switch {
	case restoring:
		return fault(5052, 16, "ALTER DATABASE is not permitted while a database is in the Restoring state.").then(alterFailed())
	case others == 0 || option == "RECOVERY" || option == "MULTI_USER" && !single:
		return nil
	case single:
		return fault(5064, 16, "Changes to the state or options of database '%s' cannot be made at this time. The database "+
			"is in single-user mode, and a user is currently connected to it.", d.name).then(alterFailed())
	case !immediately:
		return fault(5061, 16, "ALTER DATABASE failed because a lock could not be placed on database '%s'. Try again later.",
			d.name).then(alterFailed())
	}
	// No newcomer is let in while those who are there go.
	if option == "SINGLE_USER" {
		s.mu.Lock()
		d.access = "SINGLE_USER"
		s.mu.Unlock()
	}
	return s.evict(x.ctx, d, x.session)
}

// dropDatabase drops databases with their files.
func (x *execution) dropDatabase(st statement) error {
	p := parser{rest: st[2:]}
	anyway := p.accept("IF", "EXISTS")
	name := p.name()
	if err := p.finished(); err != nil {
		return err
	}
	if err := x.outside(226, "DROP DATABASE statement not allowed within multi-statement transaction."); err != nil {
		return err
	}
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(name)
	switch {
	case d == nil && anyway:
		return x.finish()
	case d == nil || !x.account.may("ALTER ANY DATABASE"):
		return fault(3701, 11, "Cannot drop the database '%s', because it does not exist or you do not have permission.", name)
	case d.id <= 4:
		return fault(3708, 16, "Cannot drop the database '%s' because it is a system database.", name)
	case len(s.inside(d, nil)) > 0:
		return fault(3702, 16, "Cannot drop database \"%s\" because it is currently in use.", d.name)
	}
	for i, other := range s.databases {
		if other == d {
			s.databases = append(s.databases[:i], s.databases[i+1:]...)
			break
		}
	}
	if d.state != "OFFLINE" { // the files of a database that is offline stay
		d.removeFiles()
	}
	return x.finish()
}

// workedOn tells whether a session works on a database from outside. The mutex is held.
func (s *Server) workedOn(d *database) bool {
	for _, c := range s.sessions {
		if c.request != nil && c.request.target == d {
			return true
		}
	}
	return false
}

// authorize gives a database to another owner. Nothing here asks for owners.
func (x *execution) authorize(st statement) error {
	p := parser{rest: st[4:]}
	p.expect("::")
	name := p.name()
	p.expect("TO")
	p.name()
	if err := p.finished(); err != nil {
		return err
	}
	if x.server.lookup(name) == nil {
		return fault(15151, 16, "Cannot find the database '%s', because it does not exist or you do not have permission.", name)
	}
	return x.finish()
}

// checkDatabase is DBCC CHECKDB: what SQLite finds wrong with the file, and foreign keys that lead nowhere.
func (x *execution) checkDatabase(st statement) error {
	p := parser{rest: st[2:]}
	inside := p.parenthesized()
	if p.err != nil || len(inside) != 1 {
		return syntax("CHECKDB")
	}
	silent := false
	if p.accept("WITH") {
		for _, option := range separated(p.rest) {
			silent = silent || option[0].is("NO_INFOMSGS")
		}
	}
	name := inside[0].text
	x.server.mu.Lock()
	d := x.server.find(name)
	online := d != nil && d.state == "ONLINE"
	x.server.mu.Unlock()
	if d == nil {
		return fault(2501, 16, "Cannot find a table or object with the name \"%s\".", name)
	}
	if !online {
		return fault(927, 14, "Database '%s' cannot be opened. It is in the middle of a restore.", name)
	}
	if _, err := os.Stat(d.data()); err != nil {
		return fault(5120, 16, "Unable to open the physical file \"%s\". Operating system error 2.", d.data())
	}
	if x.server.isFull(dataVolume) { // It checks a snapshot of the database, and sorts in tempdb.
		return noAllocation("tempdb").then(fault(8921, 16, "Check terminated. A failure was detected while collecting facts. "+
			"Possibly tempdb out of space or a system table is inconsistent. Check previous errors."))
	}
	x.aim(d)
	db := x.server.openFile(d.data())
	defer db.Close()
	var found string
	if err := db.QueryRowContext(x.ctx, "PRAGMA integrity_check(1)").Scan(&found); err != nil {
		if x.ctx.Err() != nil {
			return err
		}
		found = err.Error()
	}
	if found != "ok" {
		return fault(8928, 16, "Object ID 1, index ID 1: Page (1:1) could not be processed. See other errors for details: %s", found)
	}
	if !silent {
		x.reply.infoText(8989, 1, "CHECKDB found 0 allocation errors and 0 consistency errors in database '"+name+"'.")
	}
	return x.finish()
}

// aim notes which database a statement works on from outside.
func (x *execution) aim(d *database) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	x.session.request.target = d
}
