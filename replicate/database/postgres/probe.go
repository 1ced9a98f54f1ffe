package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"failoverd/replicate/database"
)

// Probe looks at both ends.
func (e Engine) Probe(ctx context.Context, p database.Pair) (database.Report, error) {
	r, err := e.probe(ctx, p)
	return r, cause(ctx, err)
}

func (e Engine) probe(ctx context.Context, p database.Pair) (database.Report, error) {
	var r database.Report
	var source, target *pgx.Conn
	var found []programs
	var lost error // why the source's catalog is not reached, which is no reason not to look at the target
	err := together(ctx,
		func(ctx context.Context) (err error) {
			target, err = dialServer(ctx, p.Target)
			return err
		},
		func(ctx context.Context) error {
			source, lost = dial(ctx, p.Source, p.Source.Catalog)
			return nil
		},
		func(ctx context.Context) error {
			found = e.installed(ctx)
			return nil
		},
	)
	defer hangUp(target)
	defer hangUp(source)
	if err != nil {
		return r, err
	}
	r.Target = describe(target)
	catalogs, err := lookUp(ctx, target, p.Target, p.Names.Live, p.Names.Staging, p.Names.Previous)
	if err != nil {
		return r, err
	}
	live, serving := catalogs[p.Names.Live]
	_, r.Standing.Staging = catalogs[p.Names.Staging]
	_, r.Standing.Previous = catalogs[p.Names.Previous]
	r.Standing.Live, r.Standing.Writable = serving, serving && !live.sealed
	we, err := readAccount(ctx, target)
	if err != nil {
		return r, at(p.Target, "probe", err)
	}
	r.Problems = append(longNames(p), we.lacks(p, catalogs)...)

	if sqlState(lost) == noCatalog {
		r.Problems = append(r.Problems, database.Problem{
			Code: "no-catalog", Blocks: true,
			Text:   fmt.Sprintf("%s has no database %s", p.Source.Host, p.Source.Catalog),
			Remedy: "correct the catalog's name, or create the database",
		})
		server, err := dialServer(ctx, p.Source)
		if err != nil {
			return r, err
		}
		defer hangUp(server)
		r.Source = describe(server)
		return r, nil
	}
	if lost != nil {
		return r, lost
	}
	r.Source = describe(source)
	if err := look(ctx, p, source, target, found, we, &r); err != nil {
		return r, at(p.Source, "probe "+p.Source.Catalog, err)
	}
	freed, err := measure(ctx, target, p.Names.Staging, we, &r.Target)
	if err != nil {
		return r, at(p.Target, "ask for the room", err)
	}
	r.Problems = append(r.Problems, r.Room(p, freed)...)
	return r, nil
}

// roomQuery asks where new catalogs go, which is hidden from an account without pg_read_all_settings, and what a catalog
// takes.
const roomQuery = `SELECT coalesce((SELECT setting FROM pg_settings WHERE name = 'data_directory'), ''),
	current_setting('default_tablespace'),
	coalesce((SELECT CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) END FROM pg_database WHERE datname = $1), 0)`

// measure tells how much room a server has, if it runs on this host: PostgreSQL itself does not know. What a staging of an
// earlier run takes is freed before the next one is made.
func measure(ctx context.Context, conn *pgx.Conn, staging string, we account, s *database.Server) (freed int64, err error) {
	var tablespace string
	if err := conn.QueryRow(ctx, roomQuery, staging).Scan(&s.Data, &tablespace, &freed); err != nil {
		return 0, err
	}
	switch {
	case s.Data == "":
		s.Unknown = "the account may not see where the server keeps its data: GRANT pg_read_all_settings TO " + ident(we.name) + ";"
	case tablespace != "" && tablespace != "pg_default":
		s.Unknown = "the server keeps its tables in the tablespace " + tablespace
	default:
		// What is behind the directory base, if anything else is, counts for who may look into the one above.
		s.Free, err = database.LocalRoom(conn.PgConn().Conn(), s.Data+"/base", s.Data)
		if err != nil {
			s.Unknown = err.Error()
		}
	}
	return freed, nil
}

// describe names a server.
func describe(conn *pgx.Conn) database.Server {
	version, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), " ")
	return database.Server{Product: "PostgreSQL", Version: version, Free: -1}
}

// look reads the source's catalog and compares it with what the target can take.
func look(ctx context.Context, p database.Pair, source, target *pgx.Conn, found []programs, we account, r *database.Report) error {
	var err error
	if r.Objects, err = objects(ctx, source); err != nil {
		return err
	}
	r.NoKey = []string{}
	if err = source.QueryRow(ctx, catalogQuery).Scan(&r.Bytes, &r.NoKey); err != nil {
		return err
	}
	if major(target) < major(source) {
		r.Problems = append(r.Problems, database.Problem{
			Code: "older-target", Blocks: true,
			Text: fmt.Sprintf("%s has PostgreSQL %s, older than the %s of %s, and cannot take its catalogs",
				p.Target.Host, r.Target.Version, r.Source.Version, p.Source.Host),
			Remedy: fmt.Sprintf("install PostgreSQL %d or later on %s", major(source), p.Target.Host),
		})
	}
	var none *noProgramsError
	if _, err := choose(found, major(source), major(target)); errors.As(err, &none) {
		r.Problems = append(r.Problems, database.Problem{
			Code: "no-programs", Blocks: true, Text: none.Error(),
			Remedy: fmt.Sprintf("apt install postgresql-client-%d, on the host of failoverd", none.major),
		})
	}
	unreadable, err := readRights(ctx, source, p)
	if err != nil {
		return err
	}
	r.Problems = append(r.Problems, unreadable...)
	spoken, err := readRoles(ctx, source)
	if err != nil {
		return err
	}
	r.Problems = append(r.Problems, we.strangers(p, spoken)...)
	absent, err := extensions(ctx, source, target, p, we)
	if err != nil {
		return err
	}
	r.Problems = append(r.Problems, absent...)
	if r.Objects["event trigger"] > 0 && !we.super {
		r.Problems = append(r.Problems, database.Problem{
			Code: "missing-right", Blocks: true,
			Text:   fmt.Sprintf("%s has event triggers, which only a superuser can make at %s", p.Source.Catalog, p.Target.Host),
			Remedy: "ALTER ROLE " + ident(we.name) + " SUPERUSER;",
		})
	}
	if len(r.NoKey) > 0 {
		r.Problems = append(r.Problems, database.Problem{
			Code:   "no-key",
			Text:   "tables without a primary key are copied, but their rows cannot be followed one by one: " + strings.Join(r.NoKey, ", "),
			Remedy: "give them a primary key if they are to be replicated as they change",
		})
	}
	return nil
}

// catalogQuery tells the catalog's size and its tables without a primary key.
const catalogQuery = `SELECT pg_database_size(current_database()), ARRAY(
	SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
		AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
		AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
		AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)
	ORDER BY 1)`

// longNames are names that PostgreSQL would cut off.
func longNames(p database.Pair) []database.Problem {
	const most = 63
	if len(p.Names.Previous) <= most && len(p.Names.Staging) <= most {
		return nil
	}
	return []database.Problem{{
		Code: "long-name", Blocks: true,
		Text:   fmt.Sprintf("the name %s is longer than the %d bytes that PostgreSQL keeps", p.Names.Previous, most),
		Remedy: "give the server a shorter name in failoverd's configuration",
	}}
}

// extensions says which extensions the target cannot make.
func extensions(ctx context.Context, source, target *pgx.Conn, p database.Pair, we account) ([]database.Problem, error) {
	var wanted []string
	if err := source.QueryRow(ctx, `SELECT ARRAY(SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1)`).Scan(&wanted); err != nil {
		return nil, fmt.Errorf("list the extensions: %w", err)
	}
	var have, trusted []string
	err := target.QueryRow(ctx, `SELECT ARRAY(SELECT name::text FROM pg_available_extensions),
		ARRAY(SELECT name::text FROM pg_available_extension_versions WHERE trusted OR NOT superuser)`).Scan(&have, &trusted)
	if err != nil {
		return nil, fmt.Errorf("list the target's extensions: %w", err)
	}
	var list []database.Problem
	if absent := missing(wanted, have); len(absent) > 0 {
		list = append(list, database.Problem{
			Code: "missing-extension", Blocks: true,
			Text:   fmt.Sprintf("%s does not have the extensions %s of %s", p.Target.Host, strings.Join(absent, ", "), p.Source.Catalog),
			Remedy: fmt.Sprintf("install the packages that have them for PostgreSQL %d on %s", major(target), p.Target.Host),
		})
	}
	if forbidden := missing(missing(wanted, trusted), missing(wanted, have)); len(forbidden) > 0 && !we.super {
		list = append(list, database.Problem{
			Code: "missing-right", Blocks: true,
			Text:   fmt.Sprintf("%s: only a superuser can make the extensions %s", p.Target.Host, strings.Join(forbidden, ", ")),
			Remedy: "ALTER ROLE " + ident(we.name) + " SUPERUSER;",
		})
	}
	return list, nil
}
