package dbserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// answerOf gives the one answer of a query, by a connection of its own.
func answerOf(t *testing.T, m *Instance, user, query string) (string, error) {
	t.Helper()
	db, err := sql.Open("mysql", m.DSN(user))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer string
	err = db.QueryRowContext(t.Context(), query).Scan(&answer)
	return answer, err
}

func do(t *testing.T, m *Instance, statements ...string) {
	t.Helper()
	db, err := sql.Open("mysql", m.DSN("root"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// TestInstanceLives goes through a server's whole life: started, stopped, started again with its data, killed, started
// again.
func TestInstanceLives(t *testing.T) {
	// A long path, which a socket could not have.
	dir := filepath.Join(Dir(t), "a-directory-whose-name-is-so-long-that-no-unix-socket-could-have-it-as-its-path-0123456789")
	m, err := StartInstalled(t.Context(), dir, InstanceOptions{Durable: true, Settings: []string{"max_connections=37"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Kill(); err != nil {
			t.Error(err)
		}
	})
	do(t, m, "CREATE DATABASE a", "CREATE TABLE a.t (i INT)", "INSERT INTO a.t VALUES (42)")
	address := m.Address()

	for _, end := range []struct {
		name string
		do   func() error
	}{
		{"nothing", func() error { return nil }},
		{"stop", func() error { return m.Stop(t.Context()) }},
		{"kill", m.Kill},
	} {
		if err := end.do(); err != nil {
			t.Fatalf("%s: %v", end.name, err)
		}
		if end.name != "nothing" {
			if pid := m.PID(); pid != 0 {
				t.Errorf("after %s it is running as %d", end.name, pid)
			}
			if _, err := answerOf(t, m, "root", "SELECT 1"); err == nil {
				t.Errorf("after %s it answers", end.name)
			}
			if err := m.Start(t.Context()); err != nil {
				t.Fatalf("start after %s: %v", end.name, err)
			}
		}
		for query, want := range map[string]string{
			"SELECT i FROM a.t":                       "42",
			"SELECT @@max_connections":                "37",
			"SELECT @@innodb_flush_log_at_trx_commit": "1",
			"SELECT CURRENT_USER()":                   "root@127.0.0.1",
		} {
			if got, err := answerOf(t, m, "root", query); err != nil || got != want {
				t.Errorf("after %s: %s: %q, %v; want %q", end.name, query, got, err, want)
			}
		}
	}
	if diff := cmp.Diff(address, m.Address()); diff != "" {
		t.Errorf("the address changed (-want +got):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(m.PID())))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner == 0 {
		t.Error("it runs as root")
	}
	if err := m.Start(t.Context()); err == nil {
		t.Error("it was started twice")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := m.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := m.Stop(ctx); err != nil {
		t.Errorf("stop of a stopped server: %v", err)
	}
}

// TestInstanceEndsWithItsStarter kills the process that started a server.
func TestInstanceEndsWithItsStarter(t *testing.T) {
	starter := exec.Command(os.Args[0], "-test.run=^$")
	starter.Env = append(os.Environ(), starterDirectory+"="+Dir(t))
	starter.Stderr = os.Stderr
	output, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, err = fmt.Fscanln(output, &pid)
	if killErr := starter.Process.Kill(); killErr != nil {
		t.Fatal(killErr)
	}
	if err != nil {
		t.Fatalf("read the server's process: %v", err)
	}
	server, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return // already gone
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(server)
	_ = starter.Wait() // killed
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(server), Events: unix.POLLIN}}, 10_000); n != 1 {
		t.Errorf("the server %d lives on (%v)", pid, err)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestInstanceSaysWhyItDoesNotStart gives it a setting that there is not.
func TestInstanceSaysWhyItDoesNotStart(t *testing.T) {
	m, err := StartInstalled(t.Context(), Dir(t), InstanceOptions{Settings: []string{"no_such_setting=1"}})
	if err == nil {
		t.Fatalf("it started; kill: %v", m.Kill())
	}
	if want := "no_such_setting"; !strings.Contains(err.Error(), want) {
		t.Errorf("the error does not name %s: %v", want, err)
	}
}
