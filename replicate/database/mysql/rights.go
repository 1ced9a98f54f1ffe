package mysql

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"failoverd/replicate/database"
)

// grant is what one line of SHOW GRANTS gives, or takes away from what others give.
type grant struct {
	revoked bool
	rights  []string
	schema  string // a pattern of LIKE; "*" is every schema
	table   string // "*" is every table
}

// account is who we are at a server, and what we may do there.
type account struct {
	name   string // quoted: `failoverd`@`%`
	grants []grant
}

var grantLine = regexp.MustCompile("^(GRANT|REVOKE) (.+) ON (?:(?:TABLE )?)(\\*|`(?:[^`]|``)*`)\\.(\\*|`(?:[^`]|``)*`) (?:TO|FROM) ")

// readAccount asks who we are.
func readAccount(ctx context.Context, s *session) (account, error) {
	var a account
	var name string
	if err := s.conn.QueryRowContext(ctx, `SELECT CURRENT_USER()`).Scan(&name); err != nil {
		return a, err
	}
	at := strings.LastIndex(name, "@")
	a.name = ident(name[:max(at, 0)]) + "@" + ident(name[at+1:])
	lines, err := s.column(ctx, `SHOW GRANTS`)
	a.grants = parseGrants(lines)
	return a, err
}

// parseGrants reads what SHOW GRANTS answers. Lines about anything but schemas and tables give nothing.
func parseGrants(lines []string) []grant {
	var list []grant
	for _, line := range lines {
		found := grantLine.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		// MySQL has no blanks between the rights that it calls dynamic.
		rights := strings.Split(strings.ReplaceAll(found[2], ", ", ","), ",")
		list = append(list, grant{revoked: found[1] == "REVOKE", rights: rights, schema: unquoted(found[3]), table: unquoted(found[4])})
	}
	return list
}

func unquoted(name string) string {
	if name == "*" {
		return name
	}
	return strings.ReplaceAll(name[1:len(name)-1], "``", "`")
}

// may says whether the account has a right on a table of a schema; "*" is all of them.
func (a account) may(right, schema, table string) bool {
	var given bool
	for _, g := range a.grants {
		switch {
		case !slices.Contains(g.rights, right) && !slices.Contains(g.rights, "ALL PRIVILEGES"):
		case g.revoked && g.schema == schema: // from a right on all schemas
			return false
		case !g.revoked && (g.schema == "*" || schema != "*" && like(g.schema, schema)) && (g.table == "*" || g.table == table):
			given = true
		}
	}
	return given
}

// like says whether a pattern of LIKE fits all of a text.
func like(pattern, text string) bool {
	if pattern == "" {
		return text == ""
	}
	switch c, rest := pattern[0], pattern[1:]; {
	case c == '%':
		return like(rest, text) || text != "" && like(pattern, text[1:])
	case text == "":
		return false
	case c == '\\' && rest != "":
		return rest[0] == text[0] && like(rest[1:], text[1:])
	default:
		return (c == '_' || c == text[0]) && like(rest, text[1:])
	}
}

// need is a right that the work cannot do without.
type need struct{ right, schema, table string }

// readNeeds are what a complete copy needs at its source. Without them objects are not refused but not seen.
func readNeeds(s server, catalog string) []need {
	list := []need{
		{"SELECT", catalog, "*"}, {"SHOW VIEW", catalog, "*"}, {"TRIGGER", catalog, "*"}, {"EVENT", catalog, "*"},
	}
	switch {
	case s.mariadb && s.before(11, 3):
		return append(list, need{"SELECT", "mysql", "proc"})
	case s.mariadb:
		return append(list, need{"SHOW CREATE ROUTINE", catalog, "*"})
	case s.before(8, 0) || s.major == 8 && s.minor == 0 && s.patch < 20:
		return append(list, need{"SELECT", "*", "*"})
	}
	return append(list, need{"SHOW_ROUTINE", "*", "*"})
}

// writeNeeds are what making and swapping a schema needs at its target.
func writeNeeds(schemas ...string) []need {
	var list []need
	for _, schema := range schemas {
		for _, right := range []string{
			"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES",
			"CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE", "TRIGGER", "EVENT",
		} {
			list = append(list, need{right, schema, "*"})
		}
	}
	return list
}

// lacks are the problems that come of needs that are not met, one for each schema.
func (a account) lacks(end database.End, needs []need) []database.Problem {
	var list []database.Problem
	for len(needs) > 0 {
		first := needs[0]
		var missing []string
		for _, n := range needs {
			if n.schema == first.schema && n.table == first.table && !a.may(n.right, n.schema, n.table) {
				missing = append(missing, n.right)
			}
		}
		needs = slices.DeleteFunc(slices.Clone(needs), func(n need) bool { return n.schema == first.schema && n.table == first.table })
		if len(missing) == 0 {
			continue
		}
		list = append(list, database.Problem{
			Code: "missing-right", Blocks: true,
			Text: fmt.Sprintf("%s: %s lacks rights without which the copy would not be complete, and nobody would notice: %s on %s",
				end.Host, a.name, strings.Join(missing, ", "), first.on()),
			Remedy: fmt.Sprintf("GRANT %s ON %s TO %s;", strings.Join(missing, ", "), first.on(), a.name),
		})
	}
	return list
}

// on is what a right is on, as GRANT has it: the name of a schema is a pattern there.
func (n need) on() string {
	on := "*"
	if n.schema != "*" {
		on = ident(strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(n.schema))
		if n.table != "*" {
			on = ident(n.schema)
		}
	}
	if n.table != "*" {
		return on + "." + ident(n.table)
	}
	return on + ".*"
}
