package postgres

import (
	"testing"

	"failoverd/replicate/database"
)

// TestAutovacuumIsAtWork: whoever may end the sessions of others may not end the server's own processes, nor see what
// they are. The server ends them itself for a catalog that is renamed.
func TestAutovacuumIsAtWork(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	for _, setting := range []string{
		"autovacuum_naptime = '1s'", "autovacuum_vacuum_insert_threshold = 1", "autovacuum_vacuum_insert_scale_factor = 0",
		"autovacuum_vacuum_cost_limit = 1", "autovacuum_vacuum_cost_delay = '100ms'",
	} {
		must(t, s.administer(t.Context(), s.target, "postgres", "ALTER SYSTEM SET "+setting))
	}
	must(t, s.administer(t.Context(), s.target, "postgres", "SELECT pg_reload_conf()"))
	p := s.pair(t)
	s.app(t, p.Source, p.Source.Catalog, "CREATE TABLE large AS SELECT n, repeat('x', 500) AS text FROM generate_series(1, 20000) n")
	s.stage(t, p)
	s.waitFor(t, s.target, "SELECT least(count(*), 1) FROM pg_stat_activity WHERE usesysid IS NULL AND datname = "+quote(p.Names.Staging), "1")
	if list, err := (Engine{}).Sessions(t.Context(), database.End{DSN: p.Target.DSN, Password: p.Target.Password, Catalog: p.Names.Staging}); err != nil || len(list) > 0 {
		t.Errorf("sessions: %+v, %v", list, err)
	}
	must(t, Engine{}.Swap(t.Context(), p, func(string) error { return nil }))
	if got := s.app(t, p.Target, p.Names.Live, "SELECT count(*) FROM large"); got[0][0] != "20000" {
		t.Errorf("the copy in service has %v rows", got)
	}
}
