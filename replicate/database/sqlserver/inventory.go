package sqlserver

import (
	"context"
	"fmt"
	"strings"

	"failoverd/replicate/database"
)

// kinds are the words for the types of sys.objects that an application makes.
var kinds = map[string]string{
	"U": "table", "V": "view", "TR": "trigger", "TA": "trigger", "SO": "sequence", "SN": "synonym",
	"P": "routine", "PC": "routine", "FN": "routine", "IF": "routine", "TF": "routine", "FS": "routine", "FT": "routine",
	"AF": "routine",
	"PK": "constraint", "UQ": "constraint", "F": "constraint", "C": "constraint", "D": "constraint",
}

// objects counts what the catalog of the session holds, by kind.
func (s *session) objects(ctx context.Context) (map[string]int, error) {
	list, err := s.query(ctx, "count objects",
		"SELECT type, COUNT(*) AS [count] FROM sys.objects WHERE is_ms_shipped = 0 GROUP BY type")
	if err != nil {
		return nil, err
	}
	found := map[string]int{}
	for _, r := range list {
		if kind, known := kinds[r.text("type")]; known {
			found[kind] += int(r.number("count"))
		}
	}
	indexes, err := s.one(ctx, "count indexes", `SELECT COUNT(*) AS [count] FROM sys.indexes AS i
JOIN sys.tables AS t ON t.object_id = i.object_id WHERE t.is_ms_shipped = 0 AND i.index_id > 0`)
	if err != nil {
		return nil, err
	}
	if n := int(indexes.number("count")); n > 0 {
		found["index"] = n
	}
	return found, nil
}

// table is a table and its columns.
type table struct {
	schema, name string
	columns      []string // each as an expression that BINARY_CHECKSUM sees
}

// String is the table's name in a Snapshot.
func (t table) String() string { return t.schema + "." + t.name }

// tables lists the tables of the session's catalog.
func (s *session) tables(ctx context.Context) ([]table, error) {
	list, err := s.query(ctx, "list tables", `SELECT t.object_id, s.name AS [schema], t.name AS [table] FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE t.is_ms_shipped = 0 ORDER BY s.name, t.name`)
	if err != nil {
		return nil, err
	}
	columns, err := s.query(ctx, "list columns", `SELECT c.object_id, c.name AS [column], TYPE_NAME(c.system_type_id) AS [type]
FROM sys.columns AS c JOIN sys.tables AS t ON t.object_id = c.object_id WHERE t.is_ms_shipped = 0
ORDER BY c.object_id, c.column_id`)
	if err != nil {
		return nil, err
	}
	of := map[int64][]string{}
	for _, c := range columns {
		of[c.number("object_id")] = append(of[c.number("object_id")], comparable(c.text("column"), c.text("type")))
	}
	var found []table
	for _, r := range list {
		found = append(found, table{schema: r.text("schema"), name: r.text("table"), columns: of[r.number("object_id")]})
	}
	return found, nil
}

// comparable is a column as BINARY_CHECKSUM sees it: it passes over the types that cannot be compared, so that a change
// in one of them would not be noticed. The types of the CLR (geometry, hierarchyid) have no name of a system type.
func comparable(column, systemType string) string {
	switch systemType {
	case "text":
		return "CONVERT(varchar(max), " + name(column) + ")"
	case "ntext", "xml", "json":
		return "CONVERT(nvarchar(max), " + name(column) + ")"
	case "image", "":
		return "CONVERT(varbinary(max), " + name(column) + ")"
	}
	return name(column)
}

// measureStatement counts a table's rows and sums its contents whatever their order. A sum of checksums alone would let
// changes cancel each other out, an exclusive or would let pairs; their squares let neither.
func measureStatement(t table) string {
	return "SELECT COUNT_BIG(*) AS [rows], CHECKSUM_AGG(c) AS [either], SUM(CONVERT(bigint, c)) AS [sum], " +
		"SUM(CONVERT(bigint, c) * c % 2147483647) AS [squares] FROM (SELECT BINARY_CHECKSUM(" +
		strings.Join(t.columns, ", ") + ") AS c FROM " + name(t.schema) + "." + name(t.name) + ") AS r"
}

// measure counts and sums a table. One that the server cannot sum, such as one with encrypted columns, is only counted.
func (s *session) measure(ctx context.Context, t table) (database.Table, error) {
	r, err := s.one(ctx, "count "+t.String(), measureStatement(t))
	if answered(err) {
		rows, err := s.rows(ctx, t)
		return database.Table{Name: t.String(), Rows: rows}, err
	}
	if err != nil {
		return database.Table{}, err
	}
	sum := fmt.Sprintf("%s/%s/%s", r.text("either"), r.text("sum"), r.text("squares"))
	return database.Table{Name: t.String(), Rows: r.number("rows"), Sum: sum}, nil
}

// rows counts a table.
func (s *session) rows(ctx context.Context, t table) (int64, error) {
	r, err := s.one(ctx, "count "+t.String(), "SELECT COUNT_BIG(*) AS [rows] FROM "+name(t.schema)+"."+name(t.name))
	if err != nil {
		return 0, err
	}
	return r.number("rows"), nil
}

// dirty has the session read without waiting for locks and without holding any: what somebody is about to write may be
// seen or not.
func (s *session) dirty(ctx context.Context) error {
	return s.exec(ctx, "read without locks", "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
}
