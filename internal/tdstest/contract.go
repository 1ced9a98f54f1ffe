package tdstest

// entry is a statement that the stand-in answers.
type entry struct {
	words string // that it begins with
	doc   string // the page of Microsoft's documentation (docs/t-sql/...) that it follows
	run   func(x *execution, st statement) error
}

// contract is every statement that is answered. Anything else is error 102. Longer words come first.
func contract() []entry {
	return []entry{
		{"BACKUP DATABASE", "statements/backup-transact-sql.md", (*execution).backUp},
		{"RESTORE DATABASE", "statements/restore-statements-transact-sql.md", (*execution).restore},
		{"RESTORE FILELISTONLY", "statements/restore-statements-filelistonly-transact-sql.md", (*execution).fileList},
		{"RESTORE HEADERONLY", "statements/restore-statements-headeronly-transact-sql.md", (*execution).header},
		{"RESTORE LABELONLY", "statements/restore-statements-labelonly-transact-sql.md", (*execution).label},
		{"RESTORE VERIFYONLY", "statements/restore-statements-verifyonly-transact-sql.md", (*execution).verify},
		{"CREATE DATABASE", "statements/create-database-transact-sql.md", (*execution).createDatabase},
		{"ALTER DATABASE", "statements/alter-database-transact-sql-set-options.md", (*execution).alterDatabase},
		{"ALTER AUTHORIZATION ON DATABASE", "statements/alter-authorization-transact-sql.md", (*execution).authorize},
		{"DROP DATABASE", "statements/drop-database-transact-sql.md", (*execution).dropDatabase},
		{"DBCC CHECKDB", "database-console-commands/dbcc-checkdb-transact-sql.md", (*execution).checkDatabase},
		{"CREATE TABLE", "statements/create-table-transact-sql.md", (*execution).createTable},
		{"CREATE INDEX", "statements/create-index-transact-sql.md", (*execution).createIndex},
		{"CREATE UNIQUE INDEX", "statements/create-index-transact-sql.md", (*execution).createIndex},
		{"CREATE SEQUENCE", "statements/create-sequence-transact-sql.md", (*execution).createSequence},
		{"CREATE VIEW", "statements/create-view-transact-sql.md", (*execution).createView},
		{"CREATE TRIGGER", "statements/create-trigger-transact-sql.md", (*execution).createTrigger},
		{"CREATE PROCEDURE", "statements/create-procedure-transact-sql.md", (*execution).createProcedure},
		{"CREATE USER", "statements/create-user-transact-sql.md", (*execution).createUser},
		{"ALTER USER", "statements/alter-user-transact-sql.md", (*execution).alterUser},
		{"DROP USER", "statements/drop-user-transact-sql.md", (*execution).dropUser},
		{"CREATE LOGIN", "statements/create-login-transact-sql.md", (*execution).createLogin},
		{"DROP LOGIN", "statements/drop-login-transact-sql.md", (*execution).dropLogin},
		{"DROP TABLE", "statements/drop-table-transact-sql.md", (*execution).dropObject},
		{"DROP VIEW", "statements/drop-view-transact-sql.md", (*execution).dropObject},
		{"DROP TRIGGER", "statements/drop-trigger-transact-sql.md", (*execution).dropObject},
		{"DROP PROCEDURE", "statements/drop-procedure-transact-sql.md", (*execution).dropObject},
		{"DROP SEQUENCE", "statements/drop-sequence-transact-sql.md", (*execution).dropObject},
		{"DROP INDEX", "statements/drop-index-transact-sql.md", (*execution).dropIndex},
		{"SELECT", "queries/select-transact-sql.md", (*execution).query},
		{"WITH", "queries/with-common-table-expression-transact-sql.md", (*execution).query},
		{"INSERT", "statements/insert-transact-sql.md", (*execution).change},
		{"UPDATE", "queries/update-transact-sql.md", (*execution).change},
		{"DELETE", "statements/delete-transact-sql.md", (*execution).change},
		{"BEGIN TRANSACTION", "language-elements/begin-transaction-transact-sql.md", (*execution).beginTransaction},
		{"BEGIN TRAN", "language-elements/begin-transaction-transact-sql.md", (*execution).beginTransaction},
		{"COMMIT", "language-elements/commit-transaction-transact-sql.md", (*execution).commitTransaction},
		{"ROLLBACK", "language-elements/rollback-transaction-transact-sql.md", (*execution).rollbackTransaction},
		{"EXEC", "language-elements/execute-transact-sql.md", (*execution).execute},
		{"IF", "language-elements/if-else-transact-sql.md", (*execution).conditional},
		{"PRINT", "language-elements/print-transact-sql.md", (*execution).print},
		{"RAISERROR", "language-elements/raiserror-transact-sql.md", (*execution).raise},
		{"WAITFOR DELAY", "language-elements/waitfor-transact-sql.md", (*execution).wait},
		{"KILL", "language-elements/kill-transact-sql.md", (*execution).kill},
		{"SET", "statements/set-statements-transact-sql.md", (*execution).set},
		{"USE", "language-elements/use-transact-sql.md", (*execution).use},
	}
}

// entryOf finds a statement's entry, nil if there is none.
func entryOf(st statement) *entry {
	for _, e := range contract() {
		if st.begins(fields(e.words)...) {
			return &e
		}
	}
	return nil
}
