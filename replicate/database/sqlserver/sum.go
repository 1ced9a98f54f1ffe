package sqlserver

import (
	"context"
	"fmt"
	"strings"

	"failoverd/replicate/database"
)

// measureStatement counts a table's rows and sums its contents whatever their order. A sum of checksums alone would let
// changes cancel each other out, an exclusive or would let pairs; their squares let neither.
func measureStatement(t table) string {
	return "SELECT COUNT_BIG(*) AS [rows], CHECKSUM_AGG(c) AS [either], SUM(CONVERT(bigint, c)) AS [sum], " +
		"SUM(CONVERT(bigint, c) * c % 2147483647) AS [squares] FROM (SELECT BINARY_CHECKSUM(" +
		strings.Join(t.columns, ", ") + ") AS c FROM " + ident(t.schema) + "." + ident(t.name) + ") AS r"
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
