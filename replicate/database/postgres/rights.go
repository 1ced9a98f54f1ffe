package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// account is who failoverd is at a server.
type account struct {
	name                            string
	super, creates, signals, bypass bool
	known                           []string // every role of the server
	usable                          []string // those whose things it may make
}

// readAccount reads it.
func readAccount(ctx context.Context, conn *pgx.Conn) (account, error) {
	var a account
	err := conn.QueryRow(ctx, `SELECT rolname, rolsuper, rolcreatedb OR rolsuper, rolbypassrls OR rolsuper,
		pg_has_role('pg_signal_backend', 'USAGE'),
		ARRAY(SELECT rolname FROM pg_roles ORDER BY 1),
		ARRAY(SELECT rolname FROM pg_roles WHERE pg_has_role(oid, 'USAGE') ORDER BY 1)
		FROM pg_roles WHERE rolname = current_user`).
		Scan(&a.name, &a.super, &a.creates, &a.bypass, &a.signals, &a.known, &a.usable)
	if err != nil {
		return a, fmt.Errorf("read the account's rights: %w", err)
	}
	return a, nil
}

// missing are those of some roles that are not among others.
func missing(want, have []string) []string {
	var list []string
	for _, role := range want {
		if !slices.Contains(have, role) {
			list = append(list, role)
		}
	}
	return list
}

// terms are what an account can keep of owners and grants: all of them or none, so that it can be said in a sentence.
func (a account) terms(r roles) terms {
	return terms{
		owners: len(missing(r.owners, a.usable)) == 0,
		// Up to PostgreSQL 14 the first superuser owns it, and from 15 on whoever owns the catalog; a dump from before
		// would give it to a superuser again.
		public: slices.Contains(a.usable, r.public),
		grants: len(missing(r.granted, a.known)) == 0 && len(missing(r.owners, a.usable)) == 0,
	}
}

// lacks says which rights our account at the target has not.
func (a account) lacks(p database.Pair, found map[string]standing) []database.Problem {
	var list []database.Problem
	lack := func(text, remedy string) {
		list = append(list, database.Problem{
			Code: "missing-right", Blocks: true,
			Text: p.Target.Host + ": " + a.name + " " + text, Remedy: remedy,
		})
	}
	if !a.creates {
		lack("may not create databases", "ALTER ROLE "+ident(a.name)+" CREATEDB;")
	}
	if !a.super && !a.signals {
		lack("may not end the sessions of others, which a swap has to do", "GRANT pg_signal_backend TO "+ident(a.name)+";")
	}
	for _, name := range []string{p.Names.Live, p.Names.Staging, p.Names.Previous} {
		if s, exists := found[name]; exists && !s.owned {
			lack("does not own the database "+name, "ALTER DATABASE "+ident(name)+" OWNER TO "+ident(a.name)+";")
		}
	}
	return list
}

// strangers says which roles the copy would have to do without.
func (a account) strangers(p database.Pair, spoken roles) []database.Problem {
	var list []database.Problem
	if roles := missing(spoken.policies, a.known); len(roles) > 0 {
		list = append(list, database.Problem{
			Code: "missing-role", Blocks: true,
			Text:   fmt.Sprintf("policies of %s are for roles that %s does not have: %s", p.Source.Catalog, p.Target.Host, strings.Join(roles, ", ")),
			Remedy: createRoles(roles),
		})
	}
	if roles := missing(spoken.owners, a.usable); len(roles) > 0 {
		remedy := createRoles(missing(roles, a.known))
		for _, role := range roles {
			remedy += fmt.Sprintf(" GRANT %s TO %s;", ident(role), ident(a.name))
		}
		list = append(list, database.Problem{
			Code: "missing-role",
			Text: fmt.Sprintf("everything in the copy will belong to %s, and nobody else will have rights on it, since %s cannot make "+
				"what belongs to %s at %s", a.name, a.name, strings.Join(roles, ", "), p.Target.Host),
			Remedy: strings.TrimSpace(remedy),
		})
	} else if roles := missing(spoken.granted, a.known); len(roles) > 0 {
		list = append(list, database.Problem{
			Code: "missing-role",
			Text: fmt.Sprintf("the copy will have no rights for anybody but the owners, since %s has no role %s",
				p.Target.Host, strings.Join(roles, ", ")),
			Remedy: createRoles(roles),
		})
	}
	return list
}

func createRoles(roles []string) string {
	var b strings.Builder
	for _, role := range roles {
		fmt.Fprintf(&b, "CREATE ROLE %s; ", ident(role))
	}
	return strings.TrimSpace(b.String())
}

// rightsQuery tells what of the catalog our account cannot read: tables and sequences without the right, tables whose
// policies hide rows from it, large objects.
const rightsQuery = `
WITH ours AS (
	SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, n.oid AS schema
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT current_user,
	ARRAY(SELECT name FROM ours WHERE NOT has_schema_privilege(schema, 'USAGE') OR NOT has_table_privilege(oid, 'SELECT') ORDER BY 1),
	ARRAY(SELECT name FROM ours WHERE row_security_active(oid) ORDER BY 1),
	(SELECT count(*) FROM pg_largeobject_metadata WHERE NOT pg_has_role(lomowner, 'USAGE')
		AND NOT EXISTS (SELECT FROM aclexplode(lomacl) a WHERE a.privilege_type = 'SELECT'
			AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE'))))`

// readRights says which rights our account at the source has not.
func readRights(ctx context.Context, source *pgx.Conn, p database.Pair) ([]database.Problem, error) {
	var who string
	var tables, secret []string
	var large int
	if err := source.QueryRow(ctx, rightsQuery).Scan(&who, &tables, &secret, &large); err != nil {
		return nil, fmt.Errorf("read the account's rights: %w", err)
	}
	var list []database.Problem
	lack := func(text, remedy string) {
		list = append(list, database.Problem{
			Code: "missing-right", Blocks: true,
			Text: p.Source.Host + ": " + who + " " + text, Remedy: remedy,
		})
	}
	if len(tables) > 0 {
		remedy := "GRANT pg_read_all_data TO " + ident(who) + ";"
		if major(source) < 14 {
			remedy = "in " + p.Source.Catalog + ", for each schema: GRANT USAGE ON SCHEMA s TO " + ident(who) +
				"; GRANT SELECT ON ALL TABLES IN SCHEMA s TO " + ident(who) + "; GRANT SELECT ON ALL SEQUENCES IN SCHEMA s TO " + ident(who) + ";"
		}
		lack(fmt.Sprintf("may not read %s and %d others", tables[0], len(tables)-1), remedy)
	}
	if len(secret) > 0 {
		lack(fmt.Sprintf("does not see every row, because of policies of %s", strings.Join(secret, ", ")),
			"ALTER ROLE "+ident(who)+" BYPASSRLS;")
	}
	if large > 0 {
		lack(fmt.Sprintf("may not read %d large objects", large),
			"GRANT SELECT ON LARGE OBJECT ... TO "+ident(who)+"; for each, or ALTER ROLE "+ident(who)+" SUPERUSER;")
	}
	return list, nil
}
