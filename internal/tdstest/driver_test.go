package tdstest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-sql/sqlexp"
	mssql "github.com/microsoft/go-mssqldb"
)

// INFO comes while the statement still runs: the first percents of a slow backup are read before its end.
func TestProgressComesMeanwhile(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE DATABASE [app]")
	execute(t, db, "USE [app]; CREATE TABLE dbo.t (b varbinary(max)); INSERT INTO dbo.t VALUES (CRYPT_GEN_RANDOM(4000000)); USE [master]")
	s.Break(Fault{Match: "BACKUP DATABASE", Pace: 20 * time.Millisecond})
	retmsg := &sqlexp.ReturnMessage{}
	rows, err := db.QueryContext(t.Context(), "BACKUP DATABASE [app] TO DISK = N'app.bak' WITH INIT, CHECKSUM, STATS = 10", retmsg)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var numbers []int32
	running := ""
	for on := true; on; {
		switch m := retmsg.Message(t.Context()).(type) {
		case sqlexp.MsgNotice:
			var e mssql.Error
			if said, is := m.Message.(mssql.Error); is {
				e = said
			}
			numbers = append(numbers, e.Number)
			if running == "" {
				running = text(t, db, "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE command = N'BACKUP DATABASE'")
			}
		case sqlexp.MsgError:
			t.Fatal(m.Error)
		case sqlexp.MsgNext:
			for rows.Next() {
				t.Error("a row")
			}
		case sqlexp.MsgNextResultSet:
			on = rows.NextResultSet()
		}
	}
	if running != "1" {
		t.Errorf("at the first message %s backups ran, want 1", running)
	}
	got := fmt.Sprint(numbers)
	if strings.Count(got, "3211") < 8 || !strings.HasSuffix(got, "4035 4035 3014]") {
		t.Errorf("messages %s", got)
	}
}

// The driver's first defect: a connection that ends before the first byte of an answer puts nothing into the queue of
// messages, so that whoever waits there waits until the context ends. This test fails when it has been mended.
func TestDriverSaysNothingOfALostConnection(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret, "disableretry", "true")
	s.Break(Fault{Match: "PRINT", Cut: true})
	retmsg := &sqlexp.ReturnMessage{}
	rows, err := db.QueryContext(t.Context(), "PRINT N'never'", retmsg)
	if err != nil {
		t.Fatalf("mended? The query itself fails: %v", err)
	}
	defer rows.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if m := retmsg.Message(ctx); ctx.Err() == nil {
		t.Errorf("mended? The queue tells of it: %#v", m)
	}
}

// The driver's second defect: after a read that timed out in the mode of messages, the connection goes back into the
// pool with the old answer still to come, and the next statement takes it for its own. This test fails when it has
// been mended.
func TestDriverTakesAnOldAnswerForANewOne(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret, "connection timeout", "1", "disableretry", "true")
	db.SetMaxOpenConns(1)
	retmsg := &sqlexp.ReturnMessage{}
	rows, err := db.QueryContext(t.Context(), "WAITFOR DELAY '00:00:01.5'", retmsg)
	if err != nil {
		t.Fatalf("mended? The query itself fails: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
	defer cancel()
	retmsg.Message(ctx)
	_ = rows.Close() // tells of the time-out, and gives the connection back all the same
	if _, err := db.ExecContext(t.Context(), "DROP DATABASE [nobody]"); err != nil {
		t.Errorf("mended? The next statement has its own answer: %v", err)
	}
}
