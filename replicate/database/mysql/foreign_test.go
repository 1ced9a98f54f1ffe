package mysql

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	driverlib "github.com/go-sql-driver/mysql"

	"failoverd/internal/sampledata"
	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// TestForeign copies a Zabbix server's database, made and dumped by the servers' own programs.
func TestForeign(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	run := func(t *testing.T, e database.End, input, program string, args ...string) string {
		t.Helper()
		at, err := driverlib.ParseDSN(e.DSN)
		if err != nil {
			t.Fatal(err)
		}
		host, port, err := net.SplitHostPort(at.Addr)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program,
			append([]string{"--no-defaults", "--user=root", "--host=" + host, "--port=" + port}, args...)...)
		cmd.Stdin = strings.NewReader(input)
		var out, complaints bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &complaints
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%.500s", program, err, complaints.String())
		}
		return out.String()
	}
	client, dump := "mariadb", []string{"mariadb-dump"}
	if !s.mariadb() {
		client, dump = "mysql", []string{"mysqldump", "--set-gtid-purged=OFF"}
	}
	f := s.fixture()
	enginetest.RunForeign(t, f, enginetest.Foreign{
		AtLeast: 10_000,
		Load: func(t *testing.T, e database.End) {
			if err := f.Exec(context.Background(), e, e.Catalog, "ALTER DATABASE "+ident(e.Catalog)+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
				t.Fatal(err)
			}
			scripts, err := sampledata.Zabbix("mysql")
			if err != nil {
				t.Fatal(err)
			}
			for _, script := range scripts {
				run(t, e, "SET GLOBAL log_bin_trust_function_creators = 1; "+script, client, "--default-character-set=utf8mb4", e.Catalog)
			}
		},
		// The dump program writes a line for each row then; rows of a table without a key come in any order.
		Dump: func(t *testing.T, e database.End, catalog string) []string {
			lines := strings.Split(run(t, e, "", dump[0], append(dump[1:], "--skip-comments", "--skip-extended-insert", "--routines",
				"--triggers", "--events", "--hex-blob", catalog)...), "\n")
			for i := range lines { // MySQL writes the character set where the collation was said, which says it already.
				lines[i] = strings.ReplaceAll(lines[i], "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "COLLATE utf8mb4_bin")
			}
			slices.Sort(lines)
			return lines
		},
	})
}
