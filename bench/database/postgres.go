package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"failoverd/internal/dbserver"
	"failoverd/replicate/database"
	"failoverd/replicate/database/postgres"
)

func postgresKind() kind { return kind{name: "postgres", start: startPostgres} }

// postgresBed is two PostgreSQL servers with their defaults.
type postgresBed struct {
	dir            string
	source, target *dbserver.Postgres
}

func startPostgres(ctx context.Context, dir string) (bed, error) {
	b := &postgresBed{dir: dir}
	for _, server := range []struct {
		name string
		is   **dbserver.Postgres
	}{{"source", &b.source}, {"target", &b.target}} {
		started, err := dbserver.StartPostgres(ctx, filepath.Join(dir, server.name), dbserver.PostgresOptions{Durable: true})
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
		*server.is = started
	}
	return b, nil
}

func (b *postgresBed) Engine() database.Engine { return postgres.Engine{} }

func (b *postgresBed) Pair() database.Pair {
	return database.Pair{
		Source: database.End{Host: "source", DSN: b.source.DSN("postgres"), Catalog: "bench"},
		Target: database.End{Host: "target", DSN: b.target.DSN("postgres"), Catalog: "copy"},
		Names:  database.NamesOf("copy"), Run: "bench",
	}
}

// Fill makes tables as pgbench has them, for nine tenths of the size, and one of text that nothing compresses.
func (b *postgresBed) Fill(ctx context.Context, size int64) error {
	if err := execute(ctx, b.source.DSN("postgres"), "postgres", `CREATE DATABASE bench`); err != nil {
		return err
	}
	const scale, row = 16 << 20, 300 // bytes of pgbench's scale 1, and of a row of noise
	err := shell(ctx, `"$1"/pgbench --quiet -i -s "$2" -d "$3"`, b.source.Programs(), fmt.Sprint(max(1, size*9/10/scale)),
		catalogOf(b.source, "bench"))
	if err != nil {
		return err
	}
	return execute(ctx, b.source.DSN("postgres"), "bench",
		`CREATE TABLE noise (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, amount numeric NOT NULL, text text)`,
		fmt.Sprintf(`INSERT INTO noise (at, amount, text)
			SELECT timestamptz '2026-01-01' + n * interval '1 s', random() * 1000,
				(SELECT string_agg(md5(random()::text || n || k), '') FROM generate_series(1, 6) k)
			FROM generate_series(1, %d) n`, size/10/row),
		`CREATE INDEX noise_at ON noise (at)`,
		`CREATE VIEW noisy AS SELECT id, amount FROM noise WHERE amount > 500`,
		`VACUUM ANALYZE`)
}

// Peers are pg_dump's ways, into a database that is made anew.
func (b *postgresBed) Peers() []way {
	programs := b.source.Programs()
	staging := b.Pair().Names.Staging
	create := func(ctx context.Context) error {
		return execute(ctx, b.target.DSN("postgres"), "postgres", "CREATE DATABASE "+staging+" TEMPLATE template0")
	}
	from, to := catalogOf(b.source, "bench"), catalogOf(b.target, staging)
	dump := filepath.Join(b.dir, "dump")
	// What an administrator writes who wants to know whether everything has come: the rows of each table counted and
	// summed up, at both servers at once.
	sums := &check{name: "sums of both sides", do: func(ctx context.Context) error {
		return shell(ctx, `sums() { "$1"/psql -A -t -q -X -v ON_ERROR_STOP=1 "$2" <<'SQL'
			SELECT format('SELECT %L, count(*), sum(hashtextextended(t::text, 0)) FROM %s t', name, name)
			FROM (SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace) x
			ORDER BY 1 \gexec
SQL
			}
			both=$(sums "$1" "$2" & sums "$1" "$3"; wait); one=$(sort <<<"$both" | uniq -c)
			[[ $one && $(grep -vc "^ *2 " <<<"$one") == 0 ]] || { echo "$one"; false; } >&2`, programs, from, to)
	}}
	return []way{
		{name: "pg_dump, psql", check: sums, copy: func(ctx context.Context) error {
			if err := create(ctx); err != nil {
				return err
			}
			return shell(ctx, `"$1"/pg_dump "$2" | "$1"/psql -q -X -v ON_ERROR_STOP=1 -o /dev/null "$3"`, programs, from, to)
		}},
		{name: "pg_dump -Fd -j2, pg_restore -j2", check: sums, copy: func(ctx context.Context) (err error) {
			if err := create(ctx); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dump)) }()
			return shell(ctx, `"$1"/pg_dump -Fd -j2 -f "$4" "$2" && "$1"/pg_restore -e -j2 -d "$3" "$4"`, programs, from, to, dump)
		}},
	}
}

func (b *postgresBed) Settle(ctx context.Context) error {
	return errors.Join(execute(ctx, b.source.DSN("postgres"), "postgres", `CHECKPOINT`),
		execute(ctx, b.target.DSN("postgres"), "postgres", `CHECKPOINT`))
}

func (b *postgresBed) Close() error {
	var errs []error
	for _, server := range []*dbserver.Postgres{b.source, b.target} {
		if server != nil {
			errs = append(errs, server.Kill())
		}
	}
	return errors.Join(errs...)
}

// catalogOf is a catalog as the tools take it.
func catalogOf(server *dbserver.Postgres, catalog string) string {
	return "postgres://postgres@" + server.Address() + "/" + catalog
}

// execute runs statements, each on its own, in a connection that it closes again.
func execute(ctx context.Context, dsn, catalog string, statements ...string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	config.Database = catalog
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err = conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			break
		}
	}
	return errors.Join(err, conn.Close(ctx))
}
