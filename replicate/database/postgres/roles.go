package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// roles are the accounts that a catalog speaks of. They belong to the server, and are not copied.
type roles struct {
	owners   []string // of the catalog and of what is in it
	granted  []string // have rights on what is in it
	policies []string // policies are for them; without them these cannot be made
	public   string   // owns the schema public; "" where there is none
}

// rolesQuery finds them by the server's list of what keeps a role from being dropped. The first superuser is not in
// that list, since he cannot be dropped. What PostgreSQL has made for another object belongs with that.
const rolesQuery = `
WITH me AS (SELECT oid, datdba, datacl FROM pg_database WHERE datname = current_database()),
spoken(kind, role) AS (
	SELECT deptype::text, refobjid FROM pg_shdepend s
	WHERE refclassid = 'pg_authid'::regclass AND (dbid = (SELECT oid FROM me)
		OR dbid = 0 AND classid = 'pg_database'::regclass AND objid = (SELECT oid FROM me))
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = s.classid AND d.objid = s.objid AND d.deptype IN ('e', 'i'))
	UNION
	SELECT 'o', datdba FROM me
	UNION
	SELECT 'o', owner FROM (
		SELECT oid, relowner FROM pg_class UNION ALL SELECT oid, proowner FROM pg_proc
		UNION ALL SELECT oid, nspowner FROM pg_namespace UNION ALL SELECT oid, typowner FROM pg_type) AS x(oid, owner)
	WHERE x.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = x.oid AND deptype IN ('e', 'i'))
		AND NOT EXISTS (SELECT FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
			WHERE t.oid = x.oid AND n.nspname ~ '^pg_')
)
SELECT DISTINCT kind, pg_get_userbyid(role) FROM spoken WHERE kind IN ('o', 'a', 'r') ORDER BY 1, 2`

// readRoles lists them.
func readRoles(ctx context.Context, conn *pgx.Conn) (roles, error) {
	rows, err := conn.Query(ctx, rolesQuery)
	if err != nil {
		return roles{}, fmt.Errorf("list the roles: %w", err)
	}
	var r roles
	var kind, name string
	_, err = pgx.ForEachRow(rows, []any{&kind, &name}, func() error {
		switch kind {
		case "o":
			r.owners = append(r.owners, name)
		case "a":
			r.granted = append(r.granted, name)
		case "r":
			r.policies = append(r.policies, name)
		}
		return nil
	})
	if err != nil {
		return roles{}, fmt.Errorf("list the roles: %w", err)
	}
	err = conn.QueryRow(ctx, `SELECT coalesce((SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'), '')`).Scan(&r.public)
	if err != nil {
		return roles{}, fmt.Errorf("read who owns the schema public: %w", err)
	}
	return r, nil
}
