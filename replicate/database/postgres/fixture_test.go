package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/internal/dbserver"
	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// TestEngine proves the contract on two servers, by an account without any right that it does not need.
func TestEngine(t *testing.T) {
	t.Parallel()
	enginetest.Run(t, startServers(t).fixture())
}

// fixture is the engine on these servers.
func (s servers) fixture() enginetest.Fixture {
	d := dialect()
	var older func(t *testing.T) database.Pair
	if s.oneWay {
		// Each version prints definitions in its own way, and has rights that earlier ones have not.
		d.Answers = slices.DeleteFunc(d.Answers, func(query string) bool { return slices.Contains(definitions(), query) })
		older = servers{source: s.target, target: s.source}.pair
	}
	return enginetest.Fixture{
		Engine: Engine{}, Dialect: d, Gap: Gap, OneWay: s.oneWay, Older: older,
		NewPair: s.pair,
		Exec: func(ctx context.Context, e database.End, catalog, script string) error {
			_, err := ask(ctx, e.DSN, application, catalog, script)
			return err
		},
		Query: func(ctx context.Context, e database.End, catalog, query string) ([][]string, error) {
			return ask(ctx, e.DSN, application, catalog, query)
		},
		QueryAll: func(ctx context.Context, e database.End, catalog string, queries []string) ([][][]string, error) {
			return askAll(ctx, e.DSN, application, catalog, queries)
		},
		Catalogs: func(ctx context.Context, e database.End) ([]string, error) {
			return s.found(ctx, e.DSN, "postgres", `SELECT datname FROM pg_database`)
		},
		Recreate: func(ctx context.Context, e database.End) error {
			for _, statement := range []string{
				"DROP DATABASE " + ident(e.Catalog) + " WITH (FORCE)", "CREATE DATABASE " + ident(e.Catalog) + " OWNER app",
			} {
				if _, err := s.superuser(ctx, e.DSN, "postgres", statement); err != nil {
					return err
				}
			}
			return nil
		},
		Hold:   holdOpen,
		Traces: s.traces,
		Unreachable: func(e database.End) database.End {
			e.DSN = "postgres://failoverd@127.0.0.1:1/?sslmode=disable"
			return e
		},
		Sever: func(ctx context.Context, e database.End) error {
			_, err := s.found(ctx, e.DSN, "postgres",
				`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'failoverd'`)
			return err
		},
		Poor:     s.poor,
		FullDisk: fullDisk(s), Fill: s.fill,
	}
}

// pair makes an empty catalog of the application, and says where its copy goes.
func (s servers) pair(t *testing.T) database.Pair {
	t.Helper()
	catalog := fmt.Sprintf("%s %08x", `Com"pany`, rand.Uint32())
	p := database.Pair{
		Source: end("the source", s.source, catalog),
		Names:  database.NamesOf(database.CopyOf("pbx", catalog)),
		Run:    fmt.Sprintf("run-%08x", rand.Uint32()),
	}
	p.Target = end("the target", s.target, p.Names.Live)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		for _, e := range []database.End{p.Source, p.Target} {
			for _, name := range []string{e.Catalog, e.Catalog + "__new", e.Catalog + "__prev"} {
				if _, err := s.superuser(ctx, e.DSN, "postgres", "DROP DATABASE IF EXISTS "+ident(name)+" WITH (FORCE)"); err != nil {
					t.Error(err)
				}
			}
		}
	})
	must(t, s.administer(t.Context(), s.source, "postgres", "CREATE DATABASE "+ident(catalog)+" OWNER app"))
	return p
}

// holdOpen leaves a transaction of the application open.
func holdOpen(ctx context.Context, e database.End, catalog, script string) (func(), error) {
	conn, err := session(ctx, e.DSN, application, catalog)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "BEGIN; "+script).ReadAll(); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = conn.Exec(ctx, "ROLLBACK").ReadAll() // The server may have ended it.
		_ = conn.Close(ctx)
	}, nil
}

// traces lists failoverd's sessions at both servers, and catalogs with names that are none of the pair's.
func (s servers) traces(ctx context.Context, p database.Pair) ([]string, error) {
	var left []string
	for _, server := range []*dbserver.Postgres{s.source, s.target} {
		sessions, err := s.running(ctx, server)
		if err != nil {
			return nil, err
		}
		left = append(left, sessions...)
	}
	all, err := s.found(ctx, s.target.DSN(engineer), "postgres", `SELECT datname FROM pg_database`)
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		known := []string{p.Names.Live, p.Names.Staging, p.Names.Previous}
		if strings.HasPrefix(name, p.Names.Live) && !slices.Contains(known, name) {
			left = append(left, name)
		}
	}
	return left, nil
}

// poor is an account at the source that may read nothing.
func (s servers) poor(t *testing.T, p database.Pair) (database.Pair, string) {
	t.Helper()
	must(t, s.administer(t.Context(), s.source, "postgres", "CREATE ROLE poor LOGIN PASSWORD "+quote(password)))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.administer(ctx, s.source, "postgres", "DROP ROLE poor"); err != nil {
			t.Error(err)
		}
	})
	p.Source.DSN = strings.Replace(p.Source.DSN, url.User(engineer).String()+"@", "poor@", 1)
	if !readsAll(t, s.source) {
		return p, `GRANT SELECT ON ALL TABLES IN SCHEMA s TO "poor"`
	}
	return p, `GRANT pg_read_all_data TO "poor"`
}
