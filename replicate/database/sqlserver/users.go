package sqlserver

import (
	"context"
	"slices"
	"strings"
)

// orphans are users of the session's catalog whose login has another identity at this server, or none: whoever logs in
// there is not let into the catalog.
func (s *session) orphans(ctx context.Context) ([]string, error) {
	list, err := s.query(ctx, "look for orphaned users", `SELECT dp.name FROM sys.database_principals AS dp
LEFT JOIN sys.server_principals AS sp ON sp.sid = dp.sid
WHERE sp.sid IS NULL AND dp.type = 'S' AND dp.authentication_type_desc = 'INSTANCE' AND dp.principal_id > 4`)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range list {
		names = append(names, r.text("name"))
	}
	return names, nil
}

// logins are the SQL logins of the session's server that the account may see.
func (s *session) logins(ctx context.Context) ([]string, error) {
	list, err := s.query(ctx, "list logins", "SELECT name FROM sys.server_principals WHERE type = 'S'")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range list {
		names = append(names, r.text("name"))
	}
	return names, nil
}

// joinUsers gives the orphaned users of the session's catalog to the logins of their names, where there are some. For
// the others Probe tells what to do.
func (s *session) joinUsers(ctx context.Context) error {
	orphans, err := s.orphans(ctx)
	if err != nil || len(orphans) == 0 {
		return err
	}
	logins, err := s.logins(ctx)
	if err != nil {
		return err
	}
	for _, user := range orphans {
		i := slices.IndexFunc(logins, func(login string) bool { return strings.EqualFold(login, user) })
		if i < 0 {
			continue
		}
		if err := s.exec(ctx, "join the user "+user+" to its login", "ALTER USER "+ident(user)+" WITH LOGIN = "+ident(logins[i])); err != nil {
			return err
		}
	}
	return nil
}
