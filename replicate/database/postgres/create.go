package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// mold is what a catalog is besides what it holds: the form in which another one is made.
type mold struct {
	encoding, collate, ctype string
	provider, locale, rules  string // 15 and later; of ICU, and from 17 on of PostgreSQL itself
	owner                    string
	comment                  string   // what people wrote
	settings                 []string // "name=value"
	public, plpgsql          bool     // what every new catalog has is still there
	grants                   []grant  // nil: as every new catalog has them
}

// grant is a right on the catalog itself.
type grant struct {
	right, to string // "" is everybody
	option    bool
}

// moldQuery reads pg_database by the names of its columns, which differ between versions.
const moldQuery = `
WITH d AS (SELECT oid, datdba, encoding, datacl, to_jsonb(pg_database) AS j FROM pg_database WHERE datname = current_database())
SELECT pg_encoding_to_char(encoding), j->>'datcollate', j->>'datctype', coalesce(j->>'datlocprovider', 'c'),
	coalesce(j->>'datlocale', j->>'daticulocale', ''), coalesce(j->>'daticurules', ''),
	pg_get_userbyid(datdba), coalesce(shobj_description(oid, 'pg_database'), ''),
	coalesce((SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid AND setrole = 0), '{}'),
	to_regnamespace('public') IS NOT NULL, EXISTS (SELECT FROM pg_extension WHERE extname = 'plpgsql'),
	ARRAY(SELECT privilege_type FROM aclexplode(datacl) ORDER BY grantee, privilege_type),
	ARRAY(SELECT CASE grantee WHEN 0 THEN '' ELSE pg_get_userbyid(grantee) END FROM aclexplode(datacl) ORDER BY grantee, privilege_type),
	ARRAY(SELECT is_grantable FROM aclexplode(datacl) ORDER BY grantee, privilege_type)
FROM d`

// readMold reads it from the catalog of a connection.
func readMold(ctx context.Context, conn *pgx.Conn) (mold, error) {
	var m mold
	var rights, to []string
	var options []bool
	err := conn.QueryRow(ctx, moldQuery).Scan(&m.encoding, &m.collate, &m.ctype, &m.provider, &m.locale, &m.rules,
		&m.owner, &m.comment, &m.settings, &m.public, &m.plpgsql, &rights, &to, &options)
	if err != nil {
		return m, fmt.Errorf("read what the catalog is: %w", err)
	}
	m.comment, _ = splitComment(m.comment)
	for i, right := range rights {
		m.grants = append(m.grants, grant{right: right, to: to[i], option: options[i]})
	}
	return m, nil
}

// create is the statement that makes a catalog of this mold.
func (m mold) create(name string, t terms) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE DATABASE %s TEMPLATE template0 ENCODING %s LC_COLLATE %s LC_CTYPE %s",
		ident(name), quote(m.encoding), quote(m.collate), quote(m.ctype))
	switch m.provider {
	case "i":
		fmt.Fprintf(&b, " LOCALE_PROVIDER icu ICU_LOCALE %s", quote(m.locale))
		if m.rules != "" {
			fmt.Fprintf(&b, " ICU_RULES %s", quote(m.rules))
		}
	case "b":
		fmt.Fprintf(&b, " LOCALE_PROVIDER builtin BUILTIN_LOCALE %s", quote(m.locale))
	}
	if t.owners {
		fmt.Fprintf(&b, " OWNER %s", ident(m.owner))
	}
	return b.String()
}

// make makes an empty catalog with our mark.
func (m mold) make(ctx context.Context, server *pgx.Conn, end database.End, name, run string, t terms) error {
	if _, err := server.Exec(ctx, m.create(name, t)); err != nil {
		return at(end, "create "+name, err)
	}
	if err := m.dress(ctx, server, name, run, t); err != nil {
		return at(end, "prepare "+name, err)
	}
	if m.public && m.plpgsql {
		return nil
	}
	conn, err := dial(ctx, end, name)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	if err := m.strip(ctx, conn); err != nil {
		return at(end, "prepare "+name, err)
	}
	return nil
}

// dress gives a new catalog what pg_dump leaves out because it belongs to the server.
func (m mold) dress(ctx context.Context, server *pgx.Conn, name, run string, t terms) error {
	marked, err := setMark(name, m.comment, mark{Run: run})
	if err != nil {
		return err
	}
	statements := []string{marked}
	if t.grants && m.grants != nil {
		statements = append(statements, "REVOKE ALL ON DATABASE "+ident(name)+" FROM PUBLIC")
		for _, g := range m.grants {
			statements = append(statements, g.statement(name))
		}
	}
	for _, statement := range statements {
		if _, err := server.Exec(ctx, statement); err != nil {
			return err
		}
	}
	for _, setting := range m.settings {
		key, value, _ := strings.Cut(setting, "=")
		if key == seal || strings.HasPrefix(key, program+".") {
			continue // It is ours, and about the other catalog.
		}
		if err := set(ctx, server, name, key, value); err != nil {
			return err
		}
	}
	return nil
}

// strip takes from a new catalog what the other one does not have.
func (m mold) strip(ctx context.Context, conn *pgx.Conn) error {
	if !m.public {
		if _, err := conn.Exec(ctx, `DROP SCHEMA public`); err != nil {
			return err
		}
	}
	if !m.plpgsql {
		if _, err := conn.Exec(ctx, `DROP EXTENSION plpgsql`); err != nil {
			return err
		}
	}
	return nil
}

// set sets a catalog's own setting. It is made in a session first and taken over from there, so that a list of names
// stays one. What only a superuser may set is left out: the superuser of this server has not set it.
func set(ctx context.Context, conn *pgx.Conn, name, key, value string) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config($1, $2, true)`, key, value); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "ALTER DATABASE "+ident(name)+" SET "+parameter(key)+" FROM CURRENT")
		return err
	})
	if sqlState(err) == noRight {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", key, err)
	}
	return nil
}

// parameter quotes a parameter's name, which may have a prefix.
func parameter(key string) string {
	return pgx.Identifier(strings.Split(key, ".")).Sanitize()
}

func (g grant) statement(name string) string {
	to, option := "PUBLIC", ""
	if g.to != "" {
		to = ident(g.to)
	}
	if g.option {
		option = " WITH GRANT OPTION"
	}
	return "GRANT " + g.right + " ON DATABASE " + ident(name) + " TO " + to + option
}
