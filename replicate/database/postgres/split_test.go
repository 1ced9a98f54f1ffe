package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	tests := map[string]struct {
		script string
		want   []string
	}{
		"nothing":            {"", nil},
		"no statement":       {" ; -- none; \n /* ; */ ;", nil},
		"two":                {"SELECT 1;\nSELECT 2", []string{"SELECT 1", "SELECT 2"}},
		"text":               {"SELECT 'a;''b;'; SELECT 2;", []string{"SELECT 'a;''b;'", "SELECT 2"}},
		"escaped text":       {`SELECT E'\';'; SELECT e'\\'; x`, []string{`SELECT E'\';'`, `SELECT e'\\'`, "x"}},
		"no escape":          {`SELECT '\'; SELECT 2`, []string{`SELECT '\'`, "SELECT 2"}},
		"word before a text": {`SELECT type'a\'; x`, []string{`SELECT type'a\'`, "x"}},
		"name":               {`SELECT ";""" ; x`, []string{`SELECT ";"""`, "x"}},
		"line comment":       {"SELECT 1 -- ; '\n; x", []string{"SELECT 1 -- ; '", "x"}},
		"nested comment":     {"SELECT /* ; /* ' */ ; */ 1; x", []string{"SELECT /* ; /* ' */ ; */ 1", "x"}},
		"dollars":            {"DO $$ a; $x$ $$; DO $x1$ ; $$ ; $x1$; x", []string{"DO $$ a; $x$ $$", "DO $x1$ ; $$ ; $x1$", "x"}},
		"parameter":          {"SELECT $1; SELECT $2", []string{"SELECT $1", "SELECT $2"}},
		"dollar in a name":   {"SELECT a$b$; SELECT c$b$", []string{"SELECT a$b$", "SELECT c$b$"}},
		"routine in SQL": {
			"create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end; x",
			[]string{"create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end", "x"},
		},
		"transaction":      {"BEGIN; CREATE TABLE t (); END; x", []string{"BEGIN", "CREATE TABLE t ()", "END", "x"}},
		"unfinished quote": {"SELECT 'a; b", []string{"SELECT 'a; b"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, split(tt.script)); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzSplit holds that nothing of a script is lost but what is between statements, and that it always ends.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"a;b", "'", `"`, "$$", "/*", "--", "E'\\", "CREATE FUNCTION f BEGIN CASE END; END;", "ü$ü$;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, script string) {
		for _, statement := range split(script) {
			if again := split(statement); len(again) > 1 {
				t.Errorf("%q of %q is several: %q", statement, script, again)
			}
		}
	})
}
