package tdstest

import (
	"path/filepath"
	"testing"
)

// A backup really holds the rows, and a restore makes a database of them that goes its own way.
func TestABackupIsRestored(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE DATABASE [app]")
	app := open(t, s, sa, secret, "database", "app")
	execute(t, app, "CREATE TABLE dbo.customers (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, name nvarchar(50) NULL)")
	execute(t, app, "INSERT INTO dbo.customers (name) VALUES (N'Zoë'), (@p1)", "O'Brien")
	file := filepath.Join(s.BackupDir, "app.bak")
	execute(t, db, "BACKUP DATABASE [app] TO DISK = N'"+file+"' WITH COPY_ONLY, CHECKSUM, INIT, FORMAT, STATS = 5, COMPRESSION")
	execute(t, app, "INSERT INTO dbo.customers (name) VALUES (N'later')")
	execute(t, db, "RESTORE VERIFYONLY FROM DISK = N'"+file+"' WITH CHECKSUM")
	execute(t, db, restoreBatch(s, file, "app", "copy"))
	other := open(t, s, sa, secret, "database", "copy")
	if got := text(t, other, "SELECT COUNT(*) FROM dbo.customers"); got != "2" {
		t.Errorf("%s rows in the copy, want 2", got)
	}
	if got := text(t, other, "SELECT name FROM dbo.customers WHERE id = @p1", 2); got != "O'Brien" {
		t.Errorf("the second one is %q", got)
	}
	if got := text(t, app, "SELECT COUNT(*) FROM dbo.customers"); got != "3" {
		t.Errorf("%s rows in the source, want 3", got)
	}
	execute(t, db, "DBCC CHECKDB ([copy]) WITH NO_INFOMSGS, ALL_ERRORMSGS")
}
