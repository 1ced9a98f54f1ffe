package tdstest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The three ways of TLS in TDS 7.4: none, the login alone, everything; and the certificate that is shown.
func TestEncryption(t *testing.T) {
	s := Start(t, Options{})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, s.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, encrypt := range []string{"disable", "false", "true"} {
		t.Run(encrypt, func(t *testing.T) {
			db := open(t, s, sa, secret, "encrypt", encrypt, "certificate", ca)
			if got := text(t, db, "SELECT SERVERPROPERTY('MachineName')"); got != "SQL1" {
				t.Errorf("the server is %q", got)
			}
		})
	}
	stranger := open(t, s, sa, secret, "encrypt", "true")
	if err := stranger.PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a client that does not know the certificate: %v", err)
	}
}

func TestWhoIsNotLetIn(t *testing.T) {
	s := Start(t, Options{Accounts: []Account{{Name: sa, Password: secret}, {Name: "poor", Password: "p", Lacks: []string{"CONNECT"}}}})
	owner := open(t, s, sa, secret)
	execute(t, owner, "CREATE DATABASE [app]")
	wantNumbers(t, "a wrong password", open(t, s, sa, "wrong").PingContext(t.Context()), 18456)
	wantNumbers(t, "nobody", open(t, s, "nobody", secret).PingContext(t.Context()), 18456)
	wantNumbers(t, "no such database", open(t, s, sa, secret, "database", "nowhere").PingContext(t.Context()), 4060, 18456)
	wantNumbers(t, "no user in it", open(t, s, "poor", "p", "database", "app").PingContext(t.Context()), 4060, 18456)
	s.WelcomeOnly(1)
	if err := open(t, s, sa, secret).PingContext(t.Context()); err != nil {
		t.Errorf("the last login that is welcome: %v", err)
	}
	wantNumbers(t, "one more", open(t, s, sa, secret).PingContext(t.Context()), 18456)
	s.Mend()
	if err := open(t, s, sa, secret).PingContext(t.Context()); err != nil {
		t.Errorf("after all is mended: %v", err)
	}
}

func TestSeveralResultSets(t *testing.T) {
	s := Start(t, Options{})
	rows, err := open(t, s, sa, secret).QueryContext(t.Context(), "SELECT 1 AS a; SELECT N'two' AS b, NULL AS c; SELECT 3 AS d WHERE 1 = 0")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for more := true; more; more = rows.NextResultSet() {
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		got = append(got, fmt.Sprint(names, n))
	}
	if want := "[[a] 1 [b c] 1 [d] 0]"; fmt.Sprint(got) != want || rows.Err() != nil {
		t.Errorf("got %v, %v, want %v", got, rows.Err(), want)
	}
}

// Whatever is not in the contract is refused, and nothing of its batch is done.
func TestWhatIsNotInTheContract(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	fails(t, db, "CREATE DATABASE [made]; SHUTDOWN", 102)
	if got := text(t, db, "SELECT COUNT(*) FROM sys.databases WHERE name = N'made'"); got != "0" {
		t.Error("the statement before it was run")
	}
	fails(t, db, "SELECT * FROM sys.dm_nothing", 208)
	fails(t, db, "RESTORE DATABASE [x] FROM DISK = N'/y' WITH STOPAT = N'now'", 155)
	for _, e := range contract() {
		if e.doc == "" || entryOf(statementOf(t, e.words)).words != e.words {
			t.Errorf("%s: no documentation, or another entry comes before it", e.words)
		}
	}
}

func statementOf(t *testing.T, words string) statement {
	t.Helper()
	tokens, err := lex(words)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// Every type comes back as it went in, at its limits too.
func TestTypes(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	execute(t, db, `CREATE TABLE dbo.kinds (big bigint, exact decimal(38, 10), cash money, real float, wide nvarchar(max), blob varbinary(max),
		day date, clock time(7), moment datetime, instant datetime2(7), zoned datetimeoffset(7), guid uniqueidentifier)`)
	execute(t, db, `INSERT INTO dbo.kinds VALUES (-9223372036854775808, -9999999999999999999999999999.9999999999, -922337203685477.5808,
		1.7976931348623157E+308, N'日本', 0x00FF, '9999-12-31', '23:59:59.9999999', '9999-12-31T23:59:59.997',
		'0001-01-01T00:00:00', '9999-12-31T23:59:59.9999999+02:00', '6F9619FF-8B86-D011-B42D-00C04FC964FF')`)
	for column, want := range map[string]string{
		"big": "-9223372036854775808", "exact": "-9999999999999999999999999999.9999999999", "cash": "-922337203685477.5808",
		"real": "1.7976931348623157e+308", "wide": "日本", "blob": "\x00\xff", "day": "9999-12-31 00:00:00 +0000 UTC",
		"clock": "0001-01-01 23:59:59.9999999 +0000 UTC", "moment": "9999-12-31 23:59:59.997 +0000 UTC",
		"instant": "0001-01-01 00:00:00 +0000 UTC", "zoned": "9999-12-31 23:59:59.9999999 +0200 +0200",
		"guid": "\xff\x19\x96o\x86\x8b\x11Ð\xb4-\x00ÀOÉdÿ",
	} {
		got := text(t, db, "SELECT "+column+" FROM dbo.kinds")
		if column == "guid" {
			got, want = fmt.Sprintf("%X", got), "FF19966F868B11D0B42D00C04FC964FF"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
}

// Parameters of every kind arrive with sp_executesql.
func TestParameters(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret, "packet size", "512")
	long := strings.Repeat("lange Wörter ", 1000)
	at := time.Date(2026, 3, 29, 1, 59, 59, 123456700, time.UTC)
	var n int64
	var gotText string
	var blob []byte
	var f float64
	var b bool
	var none sql.NullString
	err := db.QueryRowContext(t.Context(), "SELECT @p1, @p2, @p3, @p4, CONVERT(bit, @p5), @p6", int64(-5), long, []byte{0, 1, 255}, 0.1, true, nil).
		Scan(&n, &gotText, &blob, &f, &b, &none)
	if err != nil {
		t.Fatal(err)
	}
	if n != -5 || gotText != long || string(blob) != "\x00\x01\xff" || f != 0.1 || !b || none.Valid {
		t.Errorf("%v, %d characters, %x, %v, %v, %v", n, len(gotText), blob, f, b, none)
	}
	execute(t, db, "CREATE TABLE dbo.times (at datetimeoffset(7))")
	execute(t, db, "INSERT INTO dbo.times VALUES (@p1)", at)
	var came time.Time
	if err := db.QueryRowContext(t.Context(), "SELECT at FROM dbo.times").Scan(&came); err != nil || !came.Equal(at) {
		t.Errorf("%v, %v, want %v", came, err, at)
	}
}

func TestTransactions(t *testing.T) {
	s := Start(t, Options{})
	db := open(t, s, sa, secret)
	execute(t, db, "CREATE TABLE dbo.t (a int)")
	for _, commit := range []bool{false, true} {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO dbo.t VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		end, want := tx.Rollback, "0"
		if commit {
			end, want = tx.Commit, "1"
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if got := text(t, db, "SELECT COUNT(*) FROM dbo.t"); got != want {
			t.Errorf("commit %v: %s rows, want %s", commit, got, want)
		}
	}
	execute(t, db, "BEGIN TRANSACTION; INSERT INTO dbo.t VALUES (2); IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
	if got := text(t, db, "SELECT COUNT(*) FROM dbo.t"); got != "1" {
		t.Errorf("%s rows after a batch that rolls back, want 1", got)
	}
	fails(t, db, "SET XACT_ABORT ON; BEGIN TRANSACTION; INSERT INTO dbo.t VALUES (3); BACKUP DATABASE [master] TO DISK = N'x'; COMMIT TRANSACTION", 3021, 3013)
}

// An attention ends a statement at once, and the session goes on. (The driver itself gives up a connection whose
// context has met its deadline, because that error is a net.Error.)
func TestAttention(t *testing.T) {
	s := Start(t, Options{})
	db, observer := open(t, s, sa, secret), open(t, s, sa, secret)
	db.SetMaxOpenConns(1)
	before := text(t, db, "SELECT @@SPID")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() {
		_, err := db.ExecContext(ctx, "WAITFOR DELAY '00:10:00'")
		ended <- err
	}()
	until(t, observer, "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE command = N'WAITFOR DELAY'", "1")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled statement: %v", err)
	}
	if after := text(t, db, "SELECT @@SPID"); after != before {
		t.Errorf("the session is %s, and was %s", after, before)
	}
}

// A value that has not the length of its type ends the request, and not the server.
func TestValuesOfAWrongLength(t *testing.T) {
	for _, id := range []byte{typeIntN, typeBitN, typeFloatN, typeGUID, typeDateTimeN, typeDecimalN, typeDate, typeTime, typeDateTime2, typeOffset} {
		for _, lengths := range [][]byte{{1}, {3}, {5}, {7}, {18}, {255}} {
			for scale := range byte(10) {
				info := []byte{id}
				switch id {
				case typeDecimalN:
					info = append(info, 17, 38, scale)
				case typeTime, typeDateTime2, typeOffset:
					info = append(info, scale)
				case typeDate:
				default:
					info = append(info, 8)
				}
				r := &reader{b: append(append(info, lengths...), make([]byte, int(lengths[0]))...)}
				_, err := r.value()
				if n := int(lengths[0]); (err == nil) != fits(id, scale, n) {
					t.Errorf("type %#x of scale %d in %d bytes: %v", id, scale, n, err)
				}
			}
		}
	}
}

// FuzzRequests reads what anybody may send.
func FuzzRequests(f *testing.F) {
	f.Add([]byte{18, 1, 0, 14, 0, 0, 1, 0, 1, 0, 0, 0, 0, 255})
	f.Add(make([]byte, 120))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = readMessage(strings.NewReader(string(data)))
		_, _, _ = negotiate(data, [4]byte{16})
		if c, err := parseLogin(data); err == nil && len(c.user) > 3*len(data) {
			t.Errorf("a user of %d bytes of a login of %d", len(c.user), len(data))
		}
		_, _ = parseCall(data)
		if tokens, err := lex(string(data)); err == nil {
			for _, st := range cut(tokens) {
				if len(st) > 0 {
					entryOf(st)
				}
			}
		}
	})
}
