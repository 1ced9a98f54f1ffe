package postgres

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestUnderPgbench copies while pgbench writes, with its own transaction: it moves an amount in an account, a teller and
// a branch and notes it in a history, so that at every instant the four sums are the same. Nothing is left to be marked in the
// large table of the copy, unless its owner may not empty it.
func TestUnderPgbench(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.pair(t)
	at, err := pgconn.ParseConfig(p.Source.DSN)
	must(t, err)
	pgbench := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), filepath.Join(s.source.Programs(), "pgbench"), args...)
		cmd.Env = append(cmd.Environ(), "PGHOST="+at.Host, fmt.Sprintf("PGPORT=%d", at.Port),
			"PGUSER="+application, "PGPASSWORD="+password, "PGDATABASE="+p.Source.Catalog)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	out, err := pgbench("--initialize", "--scale=3", "--quiet").CombinedOutput()
	if err != nil {
		t.Fatalf("pgbench --initialize: %v\n%s", err, out)
	}

	must(t, s.administer(t.Context(), s.source, p.Source.Catalog, `
		CREATE TABLE kept AS SELECT n, repeat('x', 500) AS filler FROM generate_series(1, 3000) n;
		ALTER TABLE kept OWNER TO `+application+`;
		REVOKE TRUNCATE ON kept FROM `+application+`;`))

	load := pgbench("--client=4", "--time=600", "--progress=1")
	said, err := load.StderrPipe()
	must(t, err)
	must(t, load.Start())
	lines := bufio.NewScanner(said)
	report := func() { // It says once a second how many transactions there were.
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("pgbench has ended: %v", lines.Err())
		}
	}
	defer func() {
		_ = load.Process.Kill()
		_ = load.Wait() // It was killed.
	}()
	report()
	report()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	snapshot, err := Engine{}.Copy(ctx, p, nil)
	must(t, err)
	report()
	_, err = Engine{}.Verify(ctx, p, snapshot)
	must(t, err)

	const sums = `SELECT (SELECT count(*) FROM pgbench_history), (SELECT sum(delta) FROM pgbench_history),
		(SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(bbalance) FROM pgbench_branches)`
	moves := func(dsn, catalog string) int {
		t.Helper()
		rows, err := ask(ctx, dsn, administrator, catalog, sums)
		must(t, err)
		n, err := strconv.Atoi(rows[0][0])
		must(t, err)
		if n == 0 || len(slices.Compact(slices.Clone(rows[0][1:]))) != 1 {
			t.Errorf("%s has %d moves of %q", catalog, n, rows[0][1:])
		}
		return n
	}
	frozen, err := s.found(ctx, p.Target.DSN, p.Names.Staging, `SELECT relallvisible = relpages AND relpages > 100 FROM pg_class
		WHERE relname IN ('kept', 'pgbench_accounts') ORDER BY relname`)
	must(t, err)
	if !slices.Equal(frozen, []string{"f", "t"}) {
		t.Errorf("rows of kept and pgbench_accounts are frozen: %q", frozen)
	}
	copied, now := moves(p.Target.DSN, p.Names.Staging), moves(p.Source.DSN, p.Source.Catalog)
	if now <= copied {
		t.Errorf("%d moves in the copy, %d at the source afterwards: nobody wrote meanwhile", copied, now)
	}
	t.Logf("%d moves in the copy, %d at the source afterwards", copied, now)
}
