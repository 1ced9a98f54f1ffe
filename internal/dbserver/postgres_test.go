package dbserver

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// askPostgres connects as a user, with a password if there is one, runs a statement and gives its one text, "" if it has none.
func askPostgres(ctx context.Context, p *Postgres, user, password, query string) (string, error) {
	config, err := pgx.ParseConfig(p.DSN(user))
	if err != nil {
		return "", err
	}
	config.Password = password
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return "", err
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return strings.Join(texts, "\n"), err
}

// TestPostgres follows one server through its life: what was written is there after a stop and after a kill, at the
// same port, and only with the password.
func TestPostgres(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := StartPostgres(ctx, t.TempDir(), PostgresOptions{Password: "of the test", Settings: map[string]string{"work_mem": "5MB"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	must := func(query, want string) {
		t.Helper()
		got, err := askPostgres(ctx, p, "postgres", "of the test", query)
		if err != nil {
			t.Fatalf("%s: %v\n%s", query, err, p.Log())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	must(`SHOW work_mem`, "5MB")
	must(`SELECT datcollate || ' ' || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'template0'`, "C.UTF-8 UTF8")
	if _, err := askPostgres(ctx, p, "postgres", "another", `SELECT 'in'`); err == nil {
		t.Error("the server takes any password")
	}
	must(`CREATE TABLE kept AS SELECT 'stopped' AS how`, "")
	address := p.Address()
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := askPostgres(ctx, p, "postgres", "of the test", `SELECT 'in'`); err == nil {
		t.Error("the server answers after Stop")
	}
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	must(`SELECT how FROM kept`, "stopped")
	must(`UPDATE kept SET how = 'killed'`, "")
	children, err := childrenOf(p.running.cmd.Process.Pid)
	if err != nil || len(children) < 3 {
		t.Fatalf("the server's processes: %v, %v", children, err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	must(`SELECT how FROM kept`, "killed")
	if diff := cmp.Diff(address, p.Address()); diff != "" {
		t.Errorf("address after two starts (-want +got):\n%s", diff)
	}
	if !strings.Contains(p.Log(), "was not properly shut down") {
		t.Errorf("the log does not tell of the kill:\n%s", p.Log())
	}
}

func TestPostgresSaysWhyItDoesNotStart(t *testing.T) {
	_, err := StartPostgres(t.Context(), t.TempDir(), PostgresOptions{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v, want an error that names the setting", err)
	}
}
