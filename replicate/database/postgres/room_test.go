package postgres

import (
	"strings"
	"testing"

	"failoverd/replicate/database"
)

// TestRoom: how much room a server of this host has is known to whoever may see where it keeps its data.
func TestRoom(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.pair(t)
	probe := func() database.Report {
		t.Helper()
		r, err := Engine{}.Probe(t.Context(), p)
		must(t, err)
		return r
	}
	if r := probe(); r.Target.Free != -1 || r.Target.Data != "" || !strings.Contains(r.Target.Unknown, `GRANT pg_read_all_settings TO "failoverd";`) {
		t.Errorf("without the right: %+v", r.Target)
	}
	must(t, s.administer(t.Context(), s.target, "postgres", "GRANT pg_read_all_settings TO failoverd"))
	directory, err := s.found(t.Context(), p.Target.DSN, "postgres", `SELECT setting FROM pg_settings WHERE name = 'data_directory'`)
	must(t, err)
	if r := probe(); r.Target.Free <= 0 || r.Target.Data != directory[0] || r.Target.Unknown != "" {
		t.Errorf("with the right: %+v", r.Target)
	}

	for _, script := range []string{
		"ALTER ROLE postgres SET allow_in_place_tablespaces = on", "CREATE TABLESPACE attic OWNER failoverd LOCATION ''",
		"ALTER ROLE failoverd SET default_tablespace = attic",
	} {
		_, err := ask(t.Context(), p.Target.DSN, administrator, "template1", script)
		must(t, err)
	}
	if r := probe(); r.Target.Free != -1 || !strings.Contains(r.Target.Unknown, "the tablespace attic") {
		t.Errorf("with a tablespace of its own: %+v", r.Target)
	}
}
