package main

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"failoverd/internal/tdstest"
)

const trialPassword = "Tr1al!password"

// trialServer starts a stand-in for a SQL Server.
func trialServer(t *testing.T, name string) *tdstest.Server {
	t.Helper()
	return tdstest.Start(t, tdstest.Options{Name: name, Accounts: []tdstest.Account{{Name: "fo", Password: trialPassword}}})
}

// leftAt lists what a self-test has left at a server: databases and files.
func leftAt(t *testing.T, s *tdstest.Server) []string {
	t.Helper()
	u, err := url.Parse(s.DSN("fo"))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("fo", trialPassword)
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM sys.databases")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var left []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(name, "selftest") {
			left = append(left, name)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(s.BackupDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		left = append(left, f.Name())
	}
	return left
}

// secretFile is a file that holds the password.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSelftestSQLServer(t *testing.T) {
	t.Parallel()
	source, target := trialServer(t, "PBX"), trialServer(t, "STANDBY")
	got := invokeAt(t, "", "selftest", "sqlserver", "--json",
		"--source", source.DSN("fo"), "--source-backups", source.BackupDir, "--source-password-file", secretFile(t, trialPassword+"\n"),
		"--target", target.DSN("fo"), "--target-backups", target.BackupDir, "--target-password-file", secretFile(t, trialPassword))
	if got.exit != exitDone {
		t.Errorf("exit %d\n%s%s", got.exit, got.stdout, got.stderr)
	}
	doc := documents(t, got.stdout)[0]
	steps, _ := doc["steps"].([]any)
	if doc["ok"] != true || len(steps) != 11 {
		t.Errorf("%d steps: %s", len(steps), got.stdout)
	}
	for _, s := range steps {
		if step, _ := s.(map[string]any); step["ok"] != true || step["error"] != "" || step["name"] == "" {
			t.Errorf("step %v", s)
		}
	}
	for _, s := range []*tdstest.Server{source, target} {
		if left := leftAt(t, s); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
	if strings.Contains(got.stdout+got.stderr, trialPassword) {
		t.Error("the password was said")
	}
}

// One server may play both parts.
func TestSelftestSQLServerAlone(t *testing.T) {
	t.Parallel()
	s := trialServer(t, "ALONE")
	p, stdout, stderr := here("")
	p.env = environment("FAILOVERD_SOURCE_PASSWORD", trialPassword)
	exit := p.run(t.Context(), []string{"selftest", "sqlserver", "--source", s.DSN("fo"), "--source-backups", s.BackupDir + "=" + s.BackupDir})
	if exit != exitDone || !strings.Contains(stdout.String(), "Everything works") || !strings.Contains(stdout.String(), "ok      copy back") {
		t.Errorf("exit %d\n%s%s", exit, stdout, stderr)
	}
	if left := leftAt(t, s); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// Whatever fails, it says so, and drops what it has made.
func TestSelftestSQLServerThatFails(t *testing.T) {
	t.Parallel()
	source := tdstest.Start(t, tdstest.Options{Name: "PBX", Version: "16.0.4105.2", Accounts: []tdstest.Account{{Name: "fo", Password: trialPassword}}})
	target := tdstest.Start(t, tdstest.Options{Name: "OLD", Version: "15.0.4415.2", Accounts: []tdstest.Account{{Name: "fo", Password: trialPassword}}})
	p, stdout, stderr := here("")
	p.env = environment("FAILOVERD_SOURCE_PASSWORD", trialPassword, "FAILOVERD_TARGET_PASSWORD", trialPassword)
	exit := p.run(t.Context(), []string{
		"selftest", "sqlserver", "--source", source.DSN("fo"), "--source-backups", source.BackupDir,
		"--target", target.DSN("fo"), "--target-backups", target.BackupDir,
	})
	if exit != exitFailed || !strings.Contains(stdout.String(), "FAILED  look at both ends") || !strings.Contains(stderr.String(), "older than") {
		t.Errorf("exit %d\n%s%s", exit, stdout, stderr)
	}
	if !strings.Contains(stdout.String(), "ok      drop everything") {
		t.Errorf("it does not say that it dropped what it made:\n%s", stdout)
	}
	for _, s := range []*tdstest.Server{source, target} {
		if left := leftAt(t, s); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}
