package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/internal/dbserver"
	"failoverd/replicate/database"
)

// byAdministrators lets failoverd be the superuser at both ends.
func (s servers) byAdministrators(p database.Pair) database.Pair {
	p.Source.DSN, p.Target.DSN = s.source.DSN(administrator), s.target.DSN(administrator)
	return p
}

// TestCopiesWhatOnlySuperusersMake copies extensions with rows of their own, event triggers, what the catalog itself
// has been given, and a large table in parts; and leaves out what belongs to the server.
func TestCopiesWhatOnlySuperusersMake(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.byAdministrators(s.pair(t))
	source := ident(p.Source.Catalog)
	must(t, s.administer(t.Context(), s.source, p.Source.Catalog, `
		CREATE SCHEMA app;
		CREATE EXTENSION citext SCHEMA app;
		CREATE EXTENSION hstore SCHEMA app;
		CREATE TABLE app.words (id integer PRIMARY KEY, word app.citext, more app.hstore, words app.citext[]);
		INSERT INTO app.words VALUES (1, 'Ärger', 'a=>"b;\"c"', '{x,Y}'), (2, NULL, NULL, NULL);
		CREATE FUNCTION app.no_drops() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
		CREATE EVENT TRIGGER drops ON sql_drop EXECUTE FUNCTION app.no_drops();
		DROP SCHEMA public;
		CREATE TABLE app.big (id bigint, filler text);
		ALTER TABLE app.big ALTER filler SET STORAGE PLAIN;
		INSERT INTO app.big SELECT n, repeat('x', 7000) FROM generate_series(1, 3000) n;
		DELETE FROM app.big WHERE id % 7 = 0;
		CREATE PUBLICATION everything FOR ALL TABLES;
		COMMENT ON DATABASE `+source+` IS 'the shop''s';
		ALTER DATABASE `+source+` SET search_path = app, "$user", "odd name";
		ALTER DATABASE `+source+` SET work_mem = '7MB';
		REVOKE ALL ON DATABASE `+source+` FROM PUBLIC;
		GRANT CONNECT, TEMPORARY ON DATABASE `+source+` TO reader;`))
	// An index that is not unique after all stays behind, invalid, and is no part of a copy.
	const broken = `CREATE UNIQUE INDEX CONCURRENTLY broken ON app.big (length(filler))`
	if err := s.administer(t.Context(), s.source, p.Source.Catalog, broken); err == nil {
		t.Fatal("the index is unique")
	}
	small := Engine{Pages: 500}
	snapshot, err := small.Copy(t.Context(), p, nil)
	must(t, err)
	_, err = small.Verify(t.Context(), p, snapshot)
	must(t, err)
	if i := slices.IndexFunc(snapshot.Tables, func(t database.Table) bool { return t.Name == "app.big" }); i < 0 || snapshot.Tables[i].Rows != 2572 {
		t.Errorf("tables: %+v", snapshot.Tables)
	}
	must(t, Engine{}.Swap(t.Context(), p, func(string) error { return nil }))
	for _, query := range []string{
		`SELECT id, word, more, words FROM app.words ORDER BY id`,
		`SELECT evtname, evtevent FROM pg_event_trigger`,
		`SELECT extname, extversion, extnamespace::regnamespace FROM pg_extension ORDER BY 1`,
		`SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database() AND setrole = 0`,
		`SELECT grantee::regrole, privilege_type FROM pg_database, aclexplode(datacl) WHERE datname = current_database() ORDER BY 1, 2`,
		`SHOW search_path`, `SELECT to_regnamespace('public')`, `SELECT count(*), sum(id), sum(length(filler)) FROM app.big`,
	} {
		want, err := ask(t.Context(), p.Source.DSN, administrator, p.Source.Catalog, query)
		must(t, err)
		got, err := ask(t.Context(), p.Target.DSN, administrator, p.Names.Live, query)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-source +copy):\n%s", query, diff)
		}
	}
	answers := func(query, want string) {
		t.Helper()
		got, err := s.found(t.Context(), p.Target.DSN, p.Names.Live, query)
		must(t, err)
		if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	answers(`SELECT pubname FROM pg_publication`, "")
	answers(`SELECT split_part(shobj_description(oid, 'pg_database'), E'\n', 1) FROM pg_database WHERE datname = current_database()`, "the shop's")
}

// TestProbeNamesWhatIsMissing asks for copies that the target cannot hold, or not as they are.
func TestProbeNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.pair(t)
	must(t, s.administer(t.Context(), s.source, p.Source.Catalog, `
		CREATE ROLE stranger;
		CREATE EXTENSION postgres_fdw;
		CREATE TABLE theirs (id integer);
		ALTER TABLE theirs OWNER TO stranger;
		CREATE TABLE hidden (id integer PRIMARY KEY);
		ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
		CREATE POLICY few ON hidden TO stranger USING (id > 1);
		SELECT lo_from_bytea(0, 'x');`))
	must(t, s.administer(t.Context(), s.target, "postgres", `ALTER ROLE failoverd NOCREATEDB; REVOKE pg_signal_backend FROM failoverd`))
	report, err := Engine{}.Probe(t.Context(), p)
	must(t, err)
	var got []string
	for _, problem := range report.Problems {
		line := problem.Code + ": " + problem.Remedy
		if problem.Blocks {
			line = "blocks: " + line
		}
		got = append(got, line)
	}
	want := []string{
		`blocks: missing-right: ALTER ROLE "failoverd" CREATEDB;`,
		`blocks: missing-right: GRANT pg_signal_backend TO "failoverd";`,
		`blocks: missing-right: ALTER ROLE "failoverd" BYPASSRLS;`,
		`blocks: missing-right: GRANT SELECT ON LARGE OBJECT ... TO "failoverd"; for each, or ALTER ROLE "failoverd" SUPERUSER;`,
		`blocks: missing-role: CREATE ROLE "stranger";`,
		`missing-role: CREATE ROLE "stranger"; GRANT "postgres" TO "failoverd"; GRANT "stranger" TO "failoverd";`,
		`blocks: missing-right: ALTER ROLE "failoverd" SUPERUSER;`,
		`no-key: give them a primary key if they are to be replicated as they change`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	p.Names = database.NamesOf(strings.Repeat("x", 60))
	if report, err = (Engine{}).Probe(t.Context(), p); err != nil || !slices.ContainsFunc(report.Blocking(), func(p database.Problem) bool { return p.Code == "long-name" }) {
		t.Errorf("a name of 66 bytes: %+v, %v", report.Problems, err)
	}
	if report, err = (Engine{Programs: t.TempDir()}).Probe(t.Context(), p); err != nil || !slices.ContainsFunc(report.Blocking(), func(p database.Problem) bool {
		return p.Code == "no-programs" && strings.Contains(p.Remedy, fmt.Sprintf("postgresql-client-%d", versionOf(t, s.target)))
	}) {
		t.Errorf("without pg_dump: %+v, %v", report.Problems, err)
	}
}

// TestATableThatIsAddedMeanwhile is not in the copy, which shows the instant at which it began; one that is altered
// waits.
func TestATableThatIsAddedMeanwhile(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.pair(t)
	s.app(t, p.Source, p.Source.Catalog, schema+data)
	altered := make(chan error, 1)
	begun := false
	snapshot, err := Engine{}.Copy(t.Context(), p, func(at database.Progress) {
		if at.Phase != "data" || begun {
			return
		}
		begun = true
		s.app(t, p.Source, p.Source.Catalog, `CREATE TABLE added AS SELECT 1 AS id; INSERT INTO notes VALUES ('late', 1)`)
		go func() {
			_, err := ask(t.Context(), p.Source.DSN, application, p.Source.Catalog, `ALTER TABLE bookings ADD note text`)
			altered <- err
		}()
		s.waitFor(t, s.source, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE bookings%'`, "1")
	})
	must(t, err)
	must(t, <-altered)
	_, err = Engine{}.Verify(t.Context(), p, snapshot)
	must(t, err)
	if got := s.app(t, p.Target, p.Names.Staging, `SELECT to_regclass('added'), (SELECT count(*) FROM notes WHERE line = 'late')`); got[0][0] != "NULL" || got[0][1] != "0" {
		t.Errorf("the copy has %q, want nothing of what came later", got)
	}
}

// waitFor waits until a query at a server has an answer.
func (s servers) waitFor(t *testing.T, p *dbserver.Postgres, query, want string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := s.found(t.Context(), p.DSN(engineer), "postgres", query)
		must(t, err)
		if strings.Join(got, ",") == want {
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("waited in vain for %s of %s", want, query)
		}
	}
}
