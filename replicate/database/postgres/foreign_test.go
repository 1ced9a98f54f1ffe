package postgres

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"failoverd/internal/sampledata"
	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// TestForeign copies a Zabbix server's database, made by psql and dumped by pg_dump.
func TestForeign(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	run := func(t *testing.T, e database.End, catalog, input, program string, args ...string) string {
		t.Helper()
		at, err := pgconn.ParseConfig(e.DSN)
		must(t, err)
		cmd := exec.CommandContext(t.Context(), filepath.Join(s.source.Programs(), program), args...)
		cmd.Env = append(cmd.Environ(), "PGHOST="+at.Host, fmt.Sprintf("PGPORT=%d", at.Port),
			"PGUSER="+application, "PGPASSWORD="+password, "PGDATABASE="+catalog)
		cmd.Stdin = strings.NewReader(input)
		var out, complaints bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &complaints
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%.500s", program, err, complaints.String())
		}
		return out.String()
	}
	enginetest.RunForeign(t, s.fixture(), enginetest.Foreign{
		AtLeast: 50_000,
		Load: func(t *testing.T, e database.End) {
			scripts, err := sampledata.Zabbix("postgres")
			must(t, err)
			for _, script := range scripts {
				run(t, e, e.Catalog, script, "psql", "-qX1", "-v", "ON_ERROR_STOP=1")
			}
		},
		// The rows of a table come in any order, and \restrict has another key in each dump.
		Dump: func(t *testing.T, e database.End, catalog string) []string {
			lines := strings.Split(run(t, e, catalog, "", "pg_dump"), "\n")
			lines = slices.DeleteFunc(lines, func(l string) bool {
				return strings.HasPrefix(l, `\restrict `) || strings.HasPrefix(l, `\unrestrict `)
			})
			slices.Sort(lines)
			return lines
		},
	})
}
