package tdstest

import (
	"errors"
	"fmt"
	"strings"
)

// Error is a message of the server, as ERROR and INFO carry it.
type Error struct {
	Number      int32
	State       byte // 1 if it is 0
	Class       byte // severity: up to 10 it informs
	Text        string
	Line        int
	Explanation *Error // another message that comes after it, as 3013 does
}

func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Number, e.Text) }

// fault is an error with the text of the documentation (sql-docs, relational-databases/errors-events).
func fault(number int32, class byte, format string, args ...any) *Error {
	return &Error{Number: number, Class: class, Text: fmt.Sprintf(format, args...)}
}

// then adds the message that comes last.
func (e *Error) then(last *Error) *Error {
	out := *e
	if out.Explanation != nil {
		out.Explanation = out.Explanation.then(last)
	} else {
		out.Explanation = last
	}
	return &out
}

// at is the error with the line of its statement, where it has none.
func (e *Error) at(line int) *Error {
	if e == nil {
		return nil
	}
	out := *e
	if out.Line == 0 {
		out.Line = line
	}
	out.Explanation = e.Explanation.at(line)
	return &out
}

func abnormally(statement string) *Error {
	return fault(3013, 16, "%s is terminating abnormally.", statement)
}

func alterFailed() *Error { return fault(5069, 16, "ALTER DATABASE statement failed.") }

func denied(right, catalog string) *Error {
	return fault(262, 14, "%s permission denied in database '%s'.", right, catalog)
}

func noDatabase(name string) *Error {
	return fault(911, 16, "Database '%s' does not exist. Make sure that the name is entered correctly.", name)
}

// noAllocation is what a statement fails with that needs another page of a file that cannot grow.
func noAllocation(database string) *Error {
	return fault(1105, 17, "Could not allocate space for object 'dbo.t' in database '%s' because the 'PRIMARY' filegroup is full. "+
		"Create disk space by deleting unneeded files, dropping objects in the filegroup, adding additional files to the "+
		"filegroup, or setting autogrowth on for existing files in the filegroup.", database)
}

func syntax(near string) *Error { return fault(102, 15, "Incorrect syntax near '%s'.", near) }

// asError is what a client is told of whatever went wrong: of SQLite's errors, what a SQL Server says of the same.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	text := err.Error()
	after := func(s string) string {
		_, rest, _ := strings.Cut(text, s)
		rest, _, _ = strings.Cut(rest, " (")
		return strings.TrimSpace(rest)
	}
	switch {
	case strings.Contains(text, "no such table: "):
		return fault(208, 16, "Invalid object name '%s'.", after("no such table: "))
	case strings.Contains(text, "no such column: "):
		return fault(207, 16, "Invalid column name '%s'.", after("no such column: "))
	case strings.Contains(text, "has no column named "):
		return fault(207, 16, "Invalid column name '%s'.", after("has no column named "))
	case strings.Contains(text, "UNIQUE constraint failed"):
		return fault(2627, 14, "Violation of PRIMARY KEY constraint. Cannot insert duplicate key in object 'dbo.%s'.",
			after("UNIQUE constraint failed: "))
	case strings.Contains(text, "NOT NULL constraint failed"):
		return fault(515, 16, "Cannot insert the value NULL into column '%s'; column does not allow nulls.",
			after("NOT NULL constraint failed: "))
	case strings.Contains(text, "constraint failed"):
		return fault(547, 16, "The statement conflicted with a constraint: %s.", text)
	case strings.Contains(text, "SQLITE_BUSY"), strings.Contains(text, "database is locked"):
		return fault(1205, 13, "Transaction was deadlocked on lock resources with another process and has been chosen "+
			"as the deadlock victim. Rerun the transaction.")
	}
	return fault(102, 15, "Incorrect syntax: %s", text)
}
