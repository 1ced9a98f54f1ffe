package sqlite

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

// TestChangesCountWhatWasAdded wants numbers where SQLite can tell them.
func TestChangesCountWhatWasAdded(t *testing.T) {
	tests := map[string]struct {
		script string
		want   []database.Change
	}{
		"nothing":             {"SELECT 1", nil},
		"rows at the end":     {"INSERT INTO moves (account, amount) VALUES (1, 1), (1, 2), (2, 3)", []database.Change{{Table: "moves", Rows: 3, What: "3 rows added"}}},
		"into an empty table": {"INSERT INTO empty VALUES (-7, 1)", []database.Change{{Table: "empty", Rows: 1, What: "1 rows added"}}},
		"a row in the middle": {"INSERT INTO customers VALUES (-1, 'early')", []database.Change{{Table: "customers", Rows: -1, What: "4 rows, 3 in the copy"}, {Table: "tally", Rows: -1, What: "1 rows, 1 in the copy"}}},
		"added and changed":   {"INSERT INTO till VALUES (2, 1); UPDATE till SET amount = 0 WHERE id = 1", []database.Change{{Table: "till", Rows: -1, What: "2 rows, 1 in the copy"}}},
		"two rows exchanged":  {"UPDATE accounts SET balance = CASE id WHEN 1 THEN 399990 ELSE 600000 END", []database.Change{{Table: "accounts", Rows: -1, What: "2 rows, 2 in the copy"}}},
		"written the same":    {"UPDATE accounts SET balance = balance; DELETE FROM rates WHERE zone = 'DE'; INSERT INTO rates VALUES ('DE', 0.1)", nil},
		"moved by a vacuum":   {"VACUUM", nil},
		"a new table":         {"CREATE TABLE fresh (a); INSERT INTO fresh VALUES (1), (2)", []database.Change{{Table: "fresh", Rows: 2, What: "a new table with 2 rows"}}},
		"a table gone":        {"DROP TABLE rates", []database.Change{{Table: "rates", Rows: 2, What: "the table is gone, with 2 rows"}}},
		"a table emptied":     {"DELETE FROM rates", []database.Change{{Table: "rates", Rows: -1, What: "0 rows, 2 in the copy"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, true, true)
			p := s.newPair(t, s.copies)
			company := strings.Replace(schema, "CHECK (id = 1), amount", ", amount", 1) + data + "CREATE TABLE empty (id INTEGER PRIMARY KEY, a);"
			if err := s.exec(t.Context(), p.Source, p.Source.Catalog, company); err != nil {
				t.Fatal(err)
			}
			snapshot, err := New().Copy(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.exec(t.Context(), p.Source, p.Source.Catalog, tt.script); err != nil {
				t.Fatal(err)
			}
			got, err := New().Changes(t.Context(), p.Source, snapshot)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}
