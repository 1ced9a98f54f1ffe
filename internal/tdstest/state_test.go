package tdstest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A rename keeps the files, and whoever is in the database is in its way.
func TestRenameAndSingleUser(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE DATABASE [live]; CREATE DATABASE [live__new]")
	reader := open(t, s, sa, secret, "database", "live")
	execute(t, reader, "CREATE TABLE dbo.t (a int)")
	fails(t, db, "ALTER DATABASE [live] MODIFY NAME = [live__prev]", 5030)
	fails(t, db, "DROP DATABASE [live]", 3702)
	fails(t, db, "ALTER DATABASE [live] SET SINGLE_USER", 5061, 5069)
	execute(t, db, `ALTER DATABASE [live] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; ALTER DATABASE [live] MODIFY NAME = [live__prev];
		ALTER DATABASE [live__new] MODIFY NAME = [live]; ALTER DATABASE [live__prev] SET MULTI_USER`)
	if got := text(t, open(t, s, sa, secret, "database", "live__prev"), "SELECT COUNT(*) FROM sys.tables"); got != "1" {
		t.Errorf("%s tables in the previous one, want 1", got)
	}
	fails(t, db, "ALTER DATABASE [live] MODIFY NAME = [live__prev]", 1801)

	execute(t, db, "ALTER DATABASE [live] SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
	first := open(t, s, sa, secret, "database", "live")
	if err := first.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	fails(t, db, "USE [live]", 924)
	fails(t, db, "ALTER DATABASE [live] SET MULTI_USER", 5064, 5069)
}

func TestSealedAndOffline(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE DATABASE [app]")
	execute(t, db, "USE [app]; CREATE TABLE dbo.t (a int); USE [master]")
	execute(t, db, "ALTER DATABASE [app] SET READ_ONLY WITH ROLLBACK IMMEDIATE")
	fails(t, db, "USE [app]; INSERT INTO dbo.t VALUES (1); USE [master]", 3906)
	execute(t, db, "ALTER DATABASE [app] SET READ_WRITE WITH ROLLBACK IMMEDIATE; ALTER DATABASE [app] SET OFFLINE WITH ROLLBACK IMMEDIATE")
	fails(t, db, "USE [app]", 942)
	execute(t, db, "ALTER DATABASE [app] SET ONLINE; ALTER DATABASE [app] SET RECOVERY SIMPLE")
	if got := text(t, db, "SELECT recovery_model_desc FROM sys.databases WHERE name = @p1", "APP"); got != "SIMPLE" {
		t.Errorf("the recovery model is %s", got)
	}
	execute(t, db, "DROP DATABASE [app]; DROP DATABASE IF EXISTS [app]")
	fails(t, db, "DROP DATABASE [app]", 3701)
}

// What a RESTORE refuses, with the reasons in their order.
func TestWhatIsNotRestored(t *testing.T) {
	s, older := Start(t, Options{}), Start(t, Options{Version: "15.0.4415.2"})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE DATABASE [app]; CREATE DATABASE [other]")
	file, plain := filepath.Join(s.BackupDir, "app.bak"), filepath.Join(s.BackupDir, "plain.bak")
	execute(t, db, "BACKUP DATABASE [app] TO DISK = N'"+file+"' WITH CHECKSUM, INIT; BACKUP DATABASE [app] TO DISK = N'"+plain+"' WITH INIT")
	to := func(path string) string {
		return fmt.Sprintf("MOVE N'app' TO N'%s', MOVE N'app_log' TO N'%s.ldf'", path, path)
	}
	fresh := to(filepath.Join(s.dataDir, "fresh.mdf"))
	for _, c := range []struct {
		batch string
		want  []int32
	}{
		{"RESTORE DATABASE [x] FROM DISK = N'/nowhere.bak' WITH " + fresh, []int32{3201, 3013}},
		{"RESTORE DATABASE [x] FROM DISK = N'" + plain + "' WITH CHECKSUM, " + fresh, []int32{3187, 3013}},
		{"RESTORE DATABASE [x] FROM DISK = N'" + file + "' WITH FILE = 2, " + fresh, []int32{3250, 3013}},
		{"RESTORE DATABASE [x] FROM DISK = N'" + file + "'", []int32{1834, 3156, 3119, 3013}},
		{"RESTORE DATABASE [x] FROM DISK = N'" + file + "' WITH MOVE N'nobody' TO N'/tmp/x'", []int32{3234, 3013}},
		{"RESTORE DATABASE [x] FROM DISK = N'" + file + "' WITH " + to("/nowhere/x.mdf"), []int32{5133, 3156, 3119, 3013}},
		{"RESTORE DATABASE [other] FROM DISK = N'" + file + "' WITH " + fresh, []int32{3154, 3013}},
	} {
		fails(t, db, c.batch, c.want...)
	}
	fails(t, open(t, older, sa, secret), "RESTORE DATABASE [x] FROM DISK = N'"+file+"'", 3169, 3013)
	execute(t, db, "RESTORE DATABASE [other] FROM DISK = N'"+file+"' WITH REPLACE, NORECOVERY, "+fresh)
	fails(t, db, "USE [other]", 927)
	execute(t, db, "RESTORE DATABASE [other] WITH RECOVERY; USE [other]")

	damaged, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged[len(damaged)-100] ^= 1
	if err := os.WriteFile(file, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, db, "RESTORE VERIFYONLY FROM DISK = N'"+file+"' WITH CHECKSUM", 3189, 3013)
	if err := os.WriteFile(file, []byte("no backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, db, "RESTORE HEADERONLY FROM DISK = N'"+file+"'", 3241, 3013)
}

// A file without INIT holds one set after the other.
func TestBackupsAreAppended(t *testing.T) {
	s := Start(t, Options{Edition: Express})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE DATABASE [app]")
	for range 2 {
		execute(t, db, "BACKUP DATABASE [app] TO DISK = N'app.bak' WITH CHECKSUM")
	}
	rows, err := db.QueryContext(t.Context(), "RESTORE HEADERONLY FROM DISK = N'app.bak'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	sets := 0
	for rows.Next() {
		sets++
	}
	if sets != 2 || rows.Err() != nil {
		t.Errorf("%d sets, %v, want 2", sets, rows.Err())
	}
	for query, want := range map[string]string{
		"RESTORE LABELONLY FROM DISK = N'app.bak'":                             "<nil>",
		"SELECT COUNT(*) FROM msdb.dbo.backupset WHERE database_name = N'app'": "2",
	} {
		if got := firstValue(t, s, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	fails(t, db, "BACKUP DATABASE [app] TO DISK = N'app.bak' WITH COMPRESSION", 1844, 3013)
}

// firstValue is the first column of the first row.
func firstValue(t *testing.T, s *Server, query string) string {
	t.Helper()
	rows, err := open(t, s, sa, secret).QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("%s: %v, %v", query, err, rows.Err())
	}
	values := make([]any, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(values[0])
}

func TestRightsAndUsers(t *testing.T) {
	s := Start(t, Options{Accounts: []Account{
		{Name: sa, Password: secret},
		{Name: "poor", Password: "p", Lacks: []string{"BACKUP DATABASE", "CREATE ANY DATABASE", "VIEW SERVER STATE", "ALTER ANY CONNECTION"}},
	}})
	owner, poor := open(t, s, sa, secret), open(t, s, "poor", "p")
	execute(t, owner, "CREATE DATABASE [app]")
	fails(t, poor, "BACKUP DATABASE [app] TO DISK = N'x'", 262, 3013)
	fails(t, poor, "RESTORE DATABASE [y] FROM DISK = N'x'", 3110, 3013)
	fails(t, poor, "SELECT * FROM sys.dm_os_volume_stats(1, 1)", 300)
	fails(t, poor, "KILL 1", 6102)
	for query, want := range map[string]string{
		"SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE')":         "0",
		"SELECT HAS_PERMS_BY_NAME(N'[app]', 'DATABASE', N'VIEW DEFINITION')": "1",
		"SELECT COUNT(*) FROM sys.dm_exec_sessions":                          "1",
		"SELECT SUSER_SNAME()": "poor",
	} {
		if got := text(t, poor, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	app := open(t, s, sa, secret, "database", "app")
	const orphans = `SELECT COUNT(*) FROM sys.database_principals AS dp LEFT JOIN sys.server_principals AS sp ON sp.sid = dp.sid
		WHERE sp.sid IS NULL AND dp.type = 'S' AND dp.authentication_type_desc = 'INSTANCE' AND dp.principal_id > 4`
	execute(t, app, "CREATE LOGIN [clerk] WITH PASSWORD = N'x'; CREATE USER [clerk] FOR LOGIN [clerk]; DROP LOGIN [clerk]")
	if got := text(t, app, orphans); got != "1" {
		t.Errorf("%s orphans, want 1", got)
	}
	execute(t, app, "CREATE LOGIN [clerk] WITH PASSWORD = N'x'; ALTER USER [clerk] WITH LOGIN = [clerk]")
	if got := text(t, app, orphans); got != "0" {
		t.Errorf("%s orphans after the user was joined, want 0", got)
	}
	execute(t, app, "DROP USER [clerk]; ALTER AUTHORIZATION ON DATABASE::[app] TO [sa]")
}
