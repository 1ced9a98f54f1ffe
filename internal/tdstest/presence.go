package tdstest

import (
	"context"
	"fmt"
)

func (c *session) databaseName() string {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.current.name
}

func (c *session) enter(ctx context.Context, name string) error {
	s := c.server
	s.mu.Lock()
	d := s.find(name)
	var refused *Error
	switch {
	case d == nil:
		refused = noDatabase(name)
	case d.state == "RESTORING":
		refused = fault(927, 14, "Database '%s' cannot be opened. It is in the middle of a restore.", d.name)
	case d.state == "OFFLINE":
		refused = fault(942, 14, "Database '%s' cannot be opened because it is offline.", d.name)
	case d.state != "ONLINE":
		refused = fault(922, 14, "Database '%s' is being recovered. Waiting until recovery is finished.", d.name)
	case d.id > 4 && !c.account.may("CONNECT"):
		refused = fault(916, 14, "The server principal \"%s\" is not able to access the database \"%s\" under the current "+
			"security context.", c.account.Name, d.name)
	case d.access == "SINGLE_USER" && len(s.inside(d, c)) > 0:
		refused = fault(924, 14, "Database '%s' is already open and can only have one user at a time.", d.name)
	}
	if refused != nil {
		s.mu.Unlock()
		return refused
	}
	left := c.current
	c.current = d
	// Whoever is being thrown out of it sees the session only when it is listed.
	s.sessions[c.spid] = c
	s.mu.Unlock()
	if left == d {
		return nil
	}
	c.closeSQL()
	c.db = s.openFile(d.data())
	var err error
	if c.sql, err = c.db.Conn(ctx); err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	return nil
}

func (c *session) closeSQL() {
	if c.sql != nil {
		_ = c.sql.Close()
		c.sql = nil
	}
	if c.db != nil {
		_ = c.db.Close()
		c.db = nil
	}
}

func (c *session) leave() {
	c.closeSQL()
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.current = nil
	delete(c.server.sessions, c.spid)
}

func (s *Server) inside(d *database, other *session) []*session {
	var found []*session
	for _, c := range s.sessions {
		if c != other && (c.current == d || c.request != nil && c.request.target == d) {
			found = append(found, c)
		}
	}
	return found
}

func (s *Server) evict(ctx context.Context, d *database, other *session) error {
	s.mu.Lock()
	all := s.inside(d, other)
	s.mu.Unlock()
	for _, c := range all {
		c.end()
	}
	for _, c := range all {
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
