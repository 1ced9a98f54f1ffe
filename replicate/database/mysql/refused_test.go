package mysql

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// refusal is a catalog that cannot be copied as it is, or not to that target.
type refusal struct {
	name           string
	source, target string // scripts
	undo           string // of what was done to the target
	code, says     string // of the one problem
	copies         bool   // Copy finds it out by itself
}

// refusals are those of the product that is installed.
func (s servers) refusals() []refusal {
	if s.mariadb() {
		return []refusal{
			{
				name: "history", source: "CREATE TABLE kept (id int PRIMARY KEY) WITH SYSTEM VERSIONING",
				code: "history", says: "kept", copies: true,
			},
			{
				name: "a default of a sequence", source: "CREATE SEQUENCE s; CREATE TABLE bound (id int PRIMARY KEY, n int DEFAULT nextval(s))",
				code: "bound-default", says: "bound.n",
			},
		}
	}
	return []refusal{
		{
			name: "libraries", source: "CREATE LIBRARY sums LANGUAGE JAVASCRIPT AS $$ export function f(n) { return n } $$",
			code: "libraries", says: "sums", copies: true,
		},
		{
			name: "a target that refuses tables without keys", source: "CREATE TABLE loose (a int)",
			target: "SET GLOBAL sql_require_primary_key = ON", undo: "SET GLOBAL sql_require_primary_key = OFF",
			code: "no-key-refused", says: "loose", copies: true,
		},
		{
			name: "a target that adds keys", source: "CREATE TABLE loose (a int)",
			target: "SET GLOBAL sql_generate_invisible_primary_key = ON", undo: "SET GLOBAL sql_generate_invisible_primary_key = OFF",
			code: "no-key-refused", says: "loose",
		},
	}
}

// TestRefused probes what is refused, and copies it all the same where that must not come to an end.
func TestRefused(t *testing.T) {
	s := startServers(t)
	for _, r := range s.refusals() {
		t.Run(r.name, func(t *testing.T) {
			p := s.pair(t)
			for dsn, script := range map[string]string{s.source.DSN("root"): r.source, s.target.DSN("root"): r.target} {
				catalog := ""
				if script == r.source {
					catalog = p.Source.Catalog
				}
				if script == "" {
					continue
				}
				if _, err := ask(t.Context(), dsn, catalog, script); err != nil {
					t.Fatal(err)
				}
			}
			report, probed := Engine{}.Probe(t.Context(), p)
			_, copied := Engine{}.Copy(t.Context(), p, nil)
			if err := (Engine{}).Discard(t.Context(), p); err != nil {
				t.Error(err)
			}
			if r.undo != "" {
				if _, err := ask(t.Context(), s.target.DSN("root"), "", r.undo); err != nil {
					t.Fatal(err)
				}
			}
			if probed != nil {
				t.Fatal(probed)
			}
			var codes []string
			for _, problem := range report.Blocking() {
				codes = append(codes, problem.Code)
				if !strings.Contains(problem.Text, r.says) {
					t.Errorf("%s does not say %s", problem.Text, r.says)
				}
			}
			if diff := cmp.Diff([]string{r.code}, codes); diff != "" {
				t.Errorf("blocking problems (-want +got):\n%s", diff)
			}
			if r.copies && copied == nil {
				t.Error("it was copied")
			}
		})
	}
}

// TestKeptAsTheyAre swaps copies in which a routine is the same, is another one, and has come or gone.
func TestKeptAsTheyAre(t *testing.T) {
	s := startServers(t)
	st := &story{t: t, s: s, p: s.pair(t)}
	const made = `SELECT GROUP_CONCAT(ROUTINE_NAME, ':', ROUTINE_DEFINITION, ':', DEFINER ORDER BY ROUTINE_NAME SEPARATOR ' | ')
		FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()`
	want := func(script, routines string) {
		t.Helper()
		st.exec(script)
		st.copy()
		st.swap()
		rows, err := ask(t.Context(), st.p.Target.DSN, st.p.Names.Live, made)
		if err != nil || !slices.Equal(slices.Concat(rows...), []string{routines}) {
			t.Errorf("after %s: %q, %v; want %s", script, rows, err, routines)
		}
	}
	want("CREATE TABLE t (id int PRIMARY KEY); CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1", "f:RETURN 1:root@127.0.0.1")
	want("CREATE FUNCTION g() RETURNS int DETERMINISTIC RETURN 2", "f:RETURN 1:root@127.0.0.1 | g:RETURN 2:root@127.0.0.1")
	want("DROP FUNCTION f; CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 3", "f:RETURN 3:root@127.0.0.1 | g:RETURN 2:root@127.0.0.1")
	want("DROP FUNCTION g; CREATE DEFINER = nobody@nowhere FUNCTION g() RETURNS int DETERMINISTIC RETURN 2",
		"f:RETURN 3:root@127.0.0.1 | g:RETURN 2:failoverd@127.0.0.1")
	want("DROP FUNCTION f", "g:RETURN 2:failoverd@127.0.0.1")
	if _, err := ask(t.Context(), st.p.Target.DSN, st.p.Names.Live, "SELECT f()"); number(err) != noSuchRoutine {
		t.Errorf("a function that is gone: %v", errors.Unwrap(err))
	}
}
