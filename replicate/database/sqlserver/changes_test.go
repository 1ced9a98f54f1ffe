package sqlserver

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

func TestDifferences(t *testing.T) {
	then := []database.Table{{Name: "dbo.same", Rows: 3, Sum: "s"}, {Name: "dbo.grown", Rows: 3, Sum: "s"}, {Name: "dbo.shrunk", Rows: 3, Sum: "s"}, {Name: "dbo.other", Rows: 3, Sum: "s"}, {Name: "dbo.gone", Rows: 3, Sum: "s"}, {Name: "dbo.locked", Rows: 3, Sum: "s"}, {Name: "dbo.dark", Rows: 3}}
	now := []database.Table{{Name: "dbo.same", Rows: 3, Sum: "s"}, {Name: "dbo.grown", Rows: 5, Sum: "t"}, {Name: "dbo.shrunk", Rows: 1, Sum: "t"}, {Name: "dbo.other", Rows: 3, Sum: "t"}, {Name: "dbo.locked", Rows: -1}, {Name: "dbo.dark", Rows: 3}, {Name: "dbo.new", Rows: 9, Sum: "n"}}
	want := []database.Change{
		{Table: "dbo.grown", Rows: -1, What: "2 rows more, and others may have changed"},
		{Table: "dbo.shrunk", Rows: -1, What: "2 rows fewer, and others may have changed"},
		{Table: "dbo.other", Rows: -1, What: "as many rows, 3, with other contents"},
		{Table: "dbo.locked", Rows: -1, What: "it cannot be read: SELECT denied"},
		{Table: "dbo.dark", Rows: -1, What: "as many rows, 3, whose contents cannot be summed"},
		{Table: "dbo.new", Rows: 9, What: "a new table of 9 rows"},
		{Table: "dbo.gone", Rows: 3, What: "the table is gone, and its 3 rows"},
	}
	got := differences(then, now, map[string]error{"dbo.locked": errors.New("SELECT denied")})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if got := differences(then[:5], then[:5], nil); len(got) > 0 {
		t.Errorf("differences of nothing: %+v", got)
	}
}

// A column whose type BINARY_CHECKSUM passes over would hide its changes.
func TestEveryColumnIsSummed(t *testing.T) {
	for systemType, want := range map[string]string{
		"int": "[a b]", "nvarchar": "[a b]", "text": "CONVERT(varchar(max), [a b])", "ntext": "CONVERT(nvarchar(max), [a b])",
		"xml": "CONVERT(nvarchar(max), [a b])", "image": "CONVERT(varbinary(max), [a b])", "": "CONVERT(varbinary(max), [a b])",
	} {
		if got := comparable("a b", systemType); got != want {
			t.Errorf("%s: %s, want %s", systemType, got, want)
		}
	}
	const want = "SELECT COUNT_BIG(*) AS [rows], CHECKSUM_AGG(c) AS [either], SUM(CONVERT(bigint, c)) AS [sum], " +
		"SUM(CONVERT(bigint, c) * c % 2147483647) AS [squares] FROM (SELECT BINARY_CHECKSUM([a], [b]) AS c FROM [s].[t]]x]) AS r"
	if got := measureStatement(table{"s", "t]x", []string{"[a]", "[b]"}}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
