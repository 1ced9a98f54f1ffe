package mysql

import (
	"context"
	"strings"
)

// readAccounts lists who can be the definer of something at a server, as statements have it: the accounts that there
// are, if ours may name others than itself.
func readAccounts(ctx context.Context, s *session) (map[string]bool, error) {
	we, err := readAccount(ctx, s)
	if err != nil {
		return nil, at(s.end, "read our rights", err)
	}
	known := map[string]bool{we.name: true}
	if !we.may("SUPER", "*", "*") && !we.may(s.server.definerRight(), "*", "*") {
		return known, nil
	}
	rows, err := s.rows(ctx, `SELECT User, Host FROM mysql.user`)
	if number(err) == noTableAccess {
		return known, nil
	}
	if err != nil {
		return nil, at(s.end, "list the accounts", err)
	}
	for _, row := range rows {
		name := ident(row[0])
		if row[1] != "" { // A role has no host.
			name += "@" + ident(row[1])
		}
		known[name] = true
	}
	return known, nil
}

// strangers lists who made what, as statements have it, where it is not known.
func strangers(list []definition, known map[string]bool) []string {
	var unknown []string
	seen := map[string]bool{}
	for _, d := range list {
		found := definer.FindSubmatch(d.SQL)
		if found == nil || known[string(found[1])] || seen[string(found[1])] {
			continue
		}
		seen[string(found[1])] = true
		unknown = append(unknown, strings.ReplaceAll(string(found[1]), "\n", " "))
	}
	return unknown
}
