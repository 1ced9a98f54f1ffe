// Package tdstest is a stand-in for a SQL Server: it speaks TDS 7.4, keeps databases that really hold rows, writes
// backup files, makes databases of them again, renames, and fails as it is told.
//
// It is no SQL Server, and proves only what its client does. What it answers is the table of contract.go, each entry
// beside the documentation that it follows; everything else is error 102, so that a test notices. Each database is a
// SQLite file behind a translation of the T-SQL that the tests speak: statements end with a semicolon, a trigger fires
// once for each row, the only schema is dbo, nobody waits for a reader, and one writer at a time is let in.
package tdstest
