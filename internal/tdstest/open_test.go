package tdstest

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// open connects by the driver, with a password and parameters beside those of DSN.
func open(t *testing.T, s *Server, user, password string, parameters ...string) *sql.DB {
	t.Helper()
	u, err := url.Parse(s.DSN(user))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	q := u.Query()
	for i := 0; i+1 < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	u.RawQuery = q.Encode()
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

const sa, secret = "sa", "Str0ng!pass"

func execute(t *testing.T, db *sql.DB, batch string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), batch, args...); err != nil {
		t.Fatalf("%s: %v", batch, err)
	}
}

// text asks for one value.
func text(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	var v any
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if b, is := v.([]byte); is {
		return string(b)
	}
	return fmt.Sprint(v)
}

// fails wants a batch to fail with messages, the reason first.
func fails(t *testing.T, db *sql.DB, batch string, want ...int32) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), batch)
	wantNumbers(t, batch, err, want...)
}

func wantNumbers(t *testing.T, doing string, err error, want ...int32) {
	t.Helper()
	var got mssql.Error
	if !errors.As(err, &got) {
		t.Errorf("%s: %v, want the errors %v", doing, err, want)
		return
	}
	var numbers []int32
	for _, e := range got.All {
		numbers = append(numbers, e.Number)
	}
	if fmt.Sprint(numbers) != fmt.Sprint(want) {
		t.Errorf("%s: the errors %v, want %v: %v", doing, numbers, want, err)
	}
}

// until asks until the answer is what is wanted.
func until(t *testing.T, db *sql.DB, query, want string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for got := text(t, db, query); got != want; got = text(t, db, query) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %q, want %q", query, got, want)
		}
	}
}

// restoreBatch restores a backup of a database by its first name under another one.
func restoreBatch(s *Server, file, from, to string) string {
	return fmt.Sprintf("RESTORE DATABASE [%s] FROM DISK = N'%s' WITH FILE = 1, MOVE N'%s' TO N'%s', MOVE N'%s_log' TO N'%s', CHECKSUM, RECOVERY, STATS = 5",
		to, file, from, filepath.Join(s.dataDir, to+".mdf"), from, filepath.Join(s.dataDir, to+".ldf"))
}
