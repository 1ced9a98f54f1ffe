package tdstest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A fault suffers the statement that it names, the one of its kind that it names, and no other.
func TestErrorsOnTheNth(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE DATABASE [app]")
	s.Break(Fault{Match: "BACKUP DATABASE", Nth: 2, Errors: []*Error{
		{Number: 3202, Class: 16, Text: "Write failed"}, {Number: 3013, Class: 16, Text: "BACKUP DATABASE is terminating abnormally."},
	}})
	const backup = "BACKUP DATABASE [app] TO DISK = N'app.bak' WITH INIT, CHECKSUM"
	execute(t, db, backup)
	fails(t, db, backup, 3202, 3013)
	execute(t, db, backup)
	s.Break(Fault{Match: "BACKUP DATABASE", Torn: true})
	execute(t, db, backup)
	fails(t, db, "RESTORE VERIFYONLY FROM DISK = N'app.bak'", 3203, 3013)
	s.Mend()
	execute(t, db, backup)
	execute(t, db, "RESTORE VERIFYONLY FROM DISK = N'app.bak' WITH CHECKSUM")
}

func TestTheConnectionIsCut(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret, "disableretry", "true")
	for _, after := range []int{0, 5} {
		s.Break(Fault{Match: "SELECT 1", Nth: 1, Cut: true, After: after})
		if _, err := db.ExecContext(t.Context(), "SELECT 1 AS a"); err == nil {
			t.Errorf("cut after %d bytes, the statement succeeded", after)
		}
		s.Mend()
		if got := text(t, db, "SELECT 1 AS a"); got != "1" {
			t.Errorf("afterwards: %s", got)
		}
	}
}

func TestSilence(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	s.Break(Fault{Match: "DBCC CHECKDB", Silent: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() {
		_, err := db.ExecContext(ctx, "DBCC CHECKDB ([master])")
		ended <- err
	}()
	until(t, open(t, s, sa, secret), "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE command = N'DBCC CHECKDB'", "1")
	select {
	case err := <-ended:
		t.Errorf("a silent server answered: %v", err)
	default:
	}
	cancel() // the driver waits 5 s for the acknowledgement, which does not come either
	if err := <-ended; err == nil {
		t.Error("the statement succeeded")
	}
}

// A restore whose client goes away leaves its database RESTORING, and percent_complete moves meanwhile.
func TestAClientThatGoesAway(t *testing.T) {
	s := Start(t, Options{})
	observer := open(t, s, sa, secret)
	execute(t, observer, "CREATE DATABASE [app]")
	execute(t, observer, "USE [app]; CREATE TABLE dbo.t (b varbinary(max)); INSERT INTO dbo.t VALUES (CRYPT_GEN_RANDOM(4000000)); USE [master]")
	file := filepath.Join(s.BackupDir, "app.bak")
	execute(t, observer, "BACKUP DATABASE [app] TO DISK = N'"+file+"' WITH INIT, CHECKSUM")
	s.Break(Fault{Match: "RESTORE DATABASE", Pace: 200 * time.Millisecond})
	client := open(t, s, sa, secret, "app name", "goes away")
	ended := make(chan error)
	go func() {
		_, err := client.ExecContext(t.Context(), restoreBatch(s, file, "app", "copy"))
		ended <- err
	}()
	until(t, observer, "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE command = N'RESTORE DATABASE' AND percent_complete > 0 AND percent_complete < 100", "1")
	if got := text(t, observer, "SELECT state_desc FROM sys.databases WHERE name = N'copy'"); got != "RESTORING" {
		t.Errorf("it is %s while it is restored", got)
	}
	fails(t, observer, "DROP DATABASE [copy]", 3702)
	execute(t, observer, "KILL "+text(t, observer, "SELECT session_id FROM sys.dm_exec_sessions WHERE program_name = N'goes away'"))
	if err := <-ended; err == nil {
		t.Error("the restore succeeded")
	}
	until(t, observer, "SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE program_name = N'goes away'", "0")
	if got := text(t, observer, "SELECT state_desc FROM sys.databases WHERE name = N'copy'"); got != "RESTORING" {
		t.Errorf("it is %s afterwards", got)
	}
	execute(t, observer, "DROP DATABASE [copy]")
}

func TestDisksThatAreTooSmall(t *testing.T) {
	s := Start(t, Options{BackupSpace: 1 << 20, DataSpace: 16 << 20})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE DATABASE [app]")
	small := filepath.Join(t.TempDir(), "small.bak")
	execute(t, db, "BACKUP DATABASE [app] TO DISK = N'"+small+"' WITH INIT, CHECKSUM")
	execute(t, db, "USE [app]; CREATE TABLE dbo.t (b varbinary(max)); INSERT INTO dbo.t VALUES (CRYPT_GEN_RANDOM(8000000)); USE [master]")
	fails(t, db, "BACKUP DATABASE [app] TO DISK = N'big.bak' WITH INIT, CHECKSUM", 3202, 3013)
	if _, err := os.Stat(filepath.Join(s.BackupDir, "big.bak")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the backup that failed: %v", err)
	}
	execute(t, db, restoreBatch(s, small, "app", "copy"))
	roomy := Start(t, Options{})
	other := open(t, roomy, sa, secret)
	execute(t, other, "CREATE DATABASE [large]")
	execute(t, other, "USE [large]; CREATE TABLE dbo.t (b varbinary(max)); INSERT INTO dbo.t VALUES (CRYPT_GEN_RANDOM(16000000)); USE [master]")
	execute(t, other, "BACKUP DATABASE [large] TO DISK = N'large.bak' WITH INIT, CHECKSUM")
	fails(t, db, restoreBatch(s, filepath.Join(roomy.BackupDir, "large.bak"), "large", "x"), 3257, 3119, 3013)
}

// A volume that was filled takes nothing more, and what needs none of it is done all the same.
func TestVolumesThatAreFull(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE DATABASE [app]")
	execute(t, db, "USE [app]; CREATE TABLE dbo.t (n int); INSERT INTO dbo.t VALUES (1); USE [master]")
	file := filepath.Join(s.BackupDir, "app.bak")
	execute(t, db, "BACKUP DATABASE [app] TO DISK = N'"+file+"' WITH INIT, CHECKSUM")

	free := s.FillBackups()
	fails(t, db, "BACKUP DATABASE [app] TO DISK = N'more.bak' WITH INIT, CHECKSUM", 3202, 3013)
	free()
	execute(t, db, "BACKUP DATABASE [app] TO DISK = N'more.bak' WITH INIT, CHECKSUM")

	free = s.FillData()
	fails(t, db, restoreBatch(s, file, "app", "copy"), 3257, 3119, 3013)
	fails(t, db, "USE [app]; INSERT INTO dbo.t VALUES (2)", 1105)
	fails(t, db, "USE [app]; EXEC sys.sp_addextendedproperty @name = N'a', @value = N'b'", 1105)
	execute(t, db, "USE [master]")
	fails(t, db, "DBCC CHECKDB ([app]) WITH NO_INFOMSGS", 1105, 8921)
	if got := text(t, db, "SELECT available_bytes FROM sys.dm_os_volume_stats(1, 1)"); got != "0" {
		t.Errorf("%s bytes are free", got)
	}
	execute(t, db, "ALTER DATABASE [app] MODIFY NAME = [other]")
	free()
	execute(t, db, "USE [other]; INSERT INTO dbo.t VALUES (2); USE [master]")
	execute(t, db, "DBCC CHECKDB ([other]) WITH NO_INFOMSGS")
	execute(t, db, restoreBatch(s, file, "app", "copy"))
}

// A login that is not answered, or refused with another error.
func TestFaultsOfLogins(t *testing.T) {
	s := Start(t, Options{})
	s.Break(Fault{Match: "LOGIN", Errors: []*Error{{Number: 17142, Class: 14, Text: "SQL Server service has been paused."}}})
	wantNumbers(t, "a paused server", open(t, s, sa, secret).PingContext(t.Context()), 17142)
}
