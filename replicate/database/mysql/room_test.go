package mysql

import (
	"strings"
	"testing"

	"failoverd/replicate/database"
)

// TestRoom: how much room a server of this host has is known, unless it keeps everything in one file.
func TestRoom(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.pair(t)
	probe := func() database.Report {
		t.Helper()
		r, err := Engine{}.Probe(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := probe(); r.Target.Free <= 0 || !strings.HasSuffix(r.Target.Data, "/data/") || r.Target.Unknown != "" {
		t.Errorf("the target: %+v", r.Target)
	}
	if _, err := ask(t.Context(), p.Target.DSN, "", "SET GLOBAL innodb_file_per_table = OFF"); err != nil {
		t.Fatal(err)
	}
	if r := probe(); r.Target.Free != -1 || !strings.Contains(r.Target.Unknown, "innodb_file_per_table") {
		t.Errorf("with everything in one file: %+v", r.Target)
	}
}
