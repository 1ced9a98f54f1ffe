package mysql

import (
	"bufio"
	"context"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	driverlib "github.com/go-sql-driver/mysql"
)

// TestUnderSysbench copies while sysbench writes to its own tables. A transaction moves an amount from one of them to
// another, so that at every instant the sum of all is the same.
func TestUnderSysbench(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	f := s.fixture()
	p := f.NewPair(t)
	at, err := driverlib.ParseDSN(p.Source.DSN)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(at.Addr)
	if err != nil {
		t.Fatal(err)
	}
	sysbench := func(script string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "sysbench", append([]string{
			script, "--db-driver=mysql", "--mysql-user=root", "--mysql-host=" + host, "--mysql-port=" + port,
			"--mysql-db=" + p.Source.Catalog,
		}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	if out, err := sysbench("oltp_read_write", "--tables=3", "--table-size=20000", "prepare").CombinedOutput(); err != nil {
		t.Fatalf("sysbench prepare: %v\n%s", err, out)
	}

	const sum = `SELECT (SELECT sum(k) FROM sbtest1) + (SELECT sum(k) FROM sbtest2) + (SELECT sum(k) FROM sbtest3)`
	const moved = `SELECT sum(k) FROM sbtest1`
	ask := func(catalog, query string) string {
		t.Helper()
		e := p.Target
		if catalog == p.Source.Catalog {
			e = p.Source
		}
		rows, err := f.Query(t.Context(), e, catalog, query)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%s: %q, %v", catalog, rows, err)
		}
		return rows[0][0]
	}
	want, before := ask(p.Source.Catalog, sum), ask(p.Source.Catalog, moved)

	load := sysbench("testdata/transfer.lua", "--threads=4", "--time=600", "--report-interval=1", "run")
	said, err := load.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = load.Process.Kill()
		_ = load.Wait() // It was killed.
	}()
	lines := bufio.NewScanner(said)
	report := func() { // It says once a second how many transactions there were.
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "[ ") {
				return
			}
		}
		t.Fatalf("sysbench has ended: %v", lines.Err())
	}
	report()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	snapshot, err := f.Engine.Copy(ctx, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	report()
	if _, err := f.Engine.Verify(ctx, p, snapshot); err != nil {
		t.Fatal(err)
	}
	if got := ask(p.Names.Staging, sum); got != want {
		t.Errorf("the sum is %s in the copy, want %s", got, want)
	}
	copied, after := ask(p.Names.Staging, moved), ask(p.Source.Catalog, moved)
	if copied == before || copied == after {
		t.Errorf("the first table has %s before, %s in the copy, %s afterwards: nobody wrote meanwhile", before, copied, after)
	}
}
