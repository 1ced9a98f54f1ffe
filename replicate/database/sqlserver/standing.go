package sqlserver

import (
	"context"
	"strings"

	"failoverd/replicate/database"
)

// state is one database of a server; the zero state is one that is not there.
type state struct {
	there    bool
	online   bool
	word     string // ONLINE, RESTORING, RECOVERY_PENDING, ...
	readOnly bool
	single   bool // SINGLE_USER or RESTRICTED_USER
}

// standing is what stands at a target under a pair's three names.
type standing struct{ live, staging, previous state }

// states asks for databases by their names.
func (s *session) states(ctx context.Context, names ...string) (map[string]state, error) {
	found := map[string]state{}
	for _, name := range names {
		list, err := s.query(ctx, "look for "+name,
			"SELECT name, state_desc, user_access_desc, is_read_only FROM sys.databases WHERE name = @p1", name)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			word := r.text("state_desc")
			found[name] = state{
				there: true, online: word == "ONLINE", word: word, readOnly: r.truth("is_read_only"),
				single: !strings.EqualFold(r.text("user_access_desc"), "MULTI_USER"),
			}
		}
	}
	return found, nil
}

func (s *session) standing(ctx context.Context, n database.Names) (standing, error) {
	found, err := s.states(ctx, n.Live, n.Staging, n.Previous)
	return standing{live: found[n.Live], staging: found[n.Staging], previous: found[n.Previous]}, err
}

// The statements that change a database as a whole.

func singleUser(catalog string) string {
	return "ALTER DATABASE " + ident(catalog) + " SET SINGLE_USER WITH ROLLBACK IMMEDIATE"
}

func multiUser(catalog string) string {
	return "ALTER DATABASE " + ident(catalog) + " SET MULTI_USER"
}

func readWrite(catalog string) string {
	return "ALTER DATABASE " + ident(catalog) + " SET READ_WRITE WITH ROLLBACK IMMEDIATE"
}

func readOnly(catalog string) string {
	return "ALTER DATABASE " + ident(catalog) + " SET READ_ONLY WITH ROLLBACK IMMEDIATE"
}

func rename(from, to string) string {
	return "ALTER DATABASE " + ident(from) + " MODIFY NAME = " + ident(to)
}
