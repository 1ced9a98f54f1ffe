package sqlite

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	tests := map[string]struct {
		script string
		want   []string
	}{
		"nothing":           {"", nil},
		"blanks":            {" \n;; ;", nil},
		"only a comment":    {"-- a;b\n/* c; */", nil},
		"one":               {"SELECT 1", []string{"SELECT 1"}},
		"two":               {"SELECT 1; SELECT 2;", []string{"SELECT 1;", "SELECT 2;"}},
		"quotes":            {`SELECT ';', ";", [;], ` + "`;`" + `; SELECT 2`, []string{`SELECT ';', ";", [;], ` + "`;`;", "SELECT 2"}},
		"doubled quotes":    {`SELECT 'a'';b'; SELECT 2`, []string{`SELECT 'a'';b';`, "SELECT 2"}},
		"comments":          {"SELECT 1 -- ; '\n; SELECT /* ; ' */ 2", []string{"SELECT 1 -- ; '\n;", "SELECT /* ; ' */ 2"}},
		"minus":             {"SELECT 1 - 2; SELECT 4 / 2", []string{"SELECT 1 - 2;", "SELECT 4 / 2"}},
		"trigger":           {"CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; SELECT 2; END; SELECT 3", []string{"CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; SELECT 2; END;", "SELECT 3"}},
		"trigger with case": {"create temp trigger a after insert on b begin select case when 1 then 2 end; end; select 3", []string{"create temp trigger a after insert on b begin select case when 1 then 2 end; end;", "select 3"}},
		"begin":             {"BEGIN; SELECT 1; END; SELECT 2", []string{"BEGIN;", "SELECT 1;", "END;", "SELECT 2"}},
		"table":             {"CREATE TABLE trigger_log (a); SELECT 1", []string{"CREATE TABLE trigger_log (a);", "SELECT 1"}},
		"open quote":        {"SELECT 1; SELECT 'a; b", []string{"SELECT 1;", "SELECT 'a; b"}},
		"beyond ASCII":      {"SELECT Größe; SELECT '漢;'", []string{"SELECT Größe;", "SELECT '漢;'"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, split(tt.script)); diff != "" {
				t.Errorf("split (-want +got):\n%s", diff)
			}
		})
	}
}
