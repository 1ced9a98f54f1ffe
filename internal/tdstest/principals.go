package tdstest

// createUser is CREATE USER name FOR LOGIN login.
func (x *execution) createUser(st statement) error {
	p := parser{rest: st[2:]}
	name := p.name()
	of := name
	if p.accept("FOR", "LOGIN") || p.accept("FROM", "LOGIN") {
		of = p.name()
	}
	if err := p.finished(); err != nil {
		return err
	}
	l, known := x.server.login(of)
	if !known {
		return fault(15007, 16, "'%s' is not a valid login or you do not have permission.", of)
	}
	if err := x.writable(); err != nil {
		return err
	}
	if _, err := x.exec("INSERT INTO [tds principals] SELECT ?, COUNT(*) + 4, ?, 'S' FROM [tds principals]", name, l.sid); err != nil {
		return fault(15023, 16, "User, group, or role '%s' already exists in the current database.", name)
	}
	return x.finish()
}

// alterUser is ALTER USER name WITH LOGIN = login.
func (x *execution) alterUser(st statement) error {
	p := parser{rest: st[2:]}
	name := p.name()
	p.expect("WITH", "LOGIN", "=")
	of := p.name()
	if err := p.finished(); err != nil {
		return err
	}
	l, known := x.server.login(of)
	if !known {
		return fault(15007, 16, "'%s' is not a valid login or you do not have permission.", of)
	}
	if err := x.writable(); err != nil {
		return err
	}
	n, err := x.exec("UPDATE [tds principals] SET sid = ? WHERE name = ?", l.sid, name)
	if err != nil {
		return err
	}
	if n == 0 {
		return noUser(name)
	}
	return x.finish()
}

func noUser(name string) *Error {
	return fault(15151, 16, "Cannot find the user '%s', because it does not exist or you do not have permission.", name)
}

func (x *execution) dropUser(st statement) error {
	p := parser{rest: st[2:]}
	name := p.name()
	if err := p.finished(); err != nil {
		return err
	}
	if err := x.writable(); err != nil {
		return err
	}
	n, err := x.exec("DELETE FROM [tds principals] WHERE name = ?", name)
	if err != nil {
		return err
	}
	if n == 0 {
		return noUser(name)
	}
	return x.finish()
}

// login finds a login by its name.
func (s *Server) login(name string) (login, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.logins {
		if lower(l.name) == lower(name) {
			return l, true
		}
	}
	return login{}, false
}

func (s *Server) passwordOf(name string) string {
	l, _ := s.login(name)
	return l.password
}

// createLogin is CREATE LOGIN name WITH PASSWORD = ..., SID = .... An account has to be among the options to log in.
func (x *execution) createLogin(st statement) error {
	p := parser{rest: st[2:]}
	l := login{name: p.name(), sid: guid()}
	p.expect("WITH", "PASSWORD", "=")
	l.password = p.next().text
	_ = p.accept("HASHED")
	if p.accept(",", "SID", "=") {
		l.sid = p.next().text
	}
	if err := p.finished(); err != nil {
		return err
	}
	if _, known := x.server.login(l.name); known {
		return fault(15025, 16, "The server principal '%s' already exists.", l.name)
	}
	x.server.mu.Lock()
	x.server.logins = append(x.server.logins, l)
	x.server.mu.Unlock()
	return x.finish()
}

func (x *execution) dropLogin(st statement) error {
	p := parser{rest: st[2:]}
	name := p.name()
	if err := p.finished(); err != nil {
		return err
	}
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	for i, l := range x.server.logins {
		if lower(l.name) == lower(name) {
			x.server.logins = append(x.server.logins[:i], x.server.logins[i+1:]...)
			return x.finish()
		}
	}
	return fault(15151, 16, "Cannot drop the login '%s', because it does not exist or you do not have permission.", name)
}
