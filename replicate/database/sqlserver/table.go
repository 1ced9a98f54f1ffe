package sqlserver

import "context"

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
		return "CONVERT(varchar(max), " + ident(column) + ")"
	case "ntext", "xml", "json":
		return "CONVERT(nvarchar(max), " + ident(column) + ")"
	case "image", "":
		return "CONVERT(varbinary(max), " + ident(column) + ")"
	}
	return ident(column)
}

// rows counts a table.
func (s *session) rows(ctx context.Context, t table) (int64, error) {
	r, err := s.one(ctx, "count "+t.String(), "SELECT COUNT_BIG(*) AS [rows] FROM "+ident(t.schema)+"."+ident(t.name))
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
