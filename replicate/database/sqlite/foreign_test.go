package sqlite

import (
	"os/exec"
	"strings"
	"testing"

	"failoverd/internal/sampledata"
	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// TestForeign copies the tables of a Zabbix proxy, made and dumped by SQLite's own program.
func TestForeign(t *testing.T) {
	s := newSite(t, true, false)
	run := func(t *testing.T, file, input string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sqlite3", append([]string{"-bail", file}, args...)...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("sqlite3: %v\n%.500s", err, out)
		}
		return string(out)
	}
	enginetest.RunForeign(t, s.fixture(t), enginetest.Foreign{
		AtLeast: 500,
		Load: func(t *testing.T, e database.End) {
			scripts, err := sampledata.Zabbix("sqlite")
			if err != nil {
				t.Fatal(err)
			}
			for _, script := range scripts {
				run(t, s.file(e, e.Catalog), script)
			}
		},
		Dump: func(t *testing.T, e database.End, catalog string) []string {
			return strings.Split(run(t, s.file(e, catalog), "", ".dump"), "\n")
		},
	})
}
