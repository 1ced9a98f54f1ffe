package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

// copied makes a company whose copy is in service, and a source that has gone on since.
func (s servers) copied(t *testing.T) database.Pair {
	t.Helper()
	p := s.pair(t)
	s.app(t, p.Source, p.Source.Catalog, schema+data)
	s.stage(t, p)
	must(t, Engine{}.Swap(t.Context(), p, func(string) error { return nil }))
	s.app(t, p.Source, p.Source.Catalog, dialect().Move)
	p.Run += "-2"
	return p
}

// stage copies and verifies.
func (s servers) stage(t *testing.T, p database.Pair) database.Snapshot {
	t.Helper()
	snapshot, err := Engine{}.Copy(t.Context(), p, nil)
	must(t, err)
	_, err = Engine{}.Verify(t.Context(), p, snapshot)
	must(t, err)
	return snapshot
}

// app runs a script as the application.
func (s servers) app(t *testing.T, e database.End, catalog, script string) [][]string {
	t.Helper()
	rows, err := ask(t.Context(), e.DSN, application, catalog, script)
	must(t, err)
	return rows
}

// moves is how many moves a catalog of the target has, which tells the copies apart.
func (s servers) moves(t *testing.T, p database.Pair, catalog string) string {
	t.Helper()
	return s.app(t, p.Target, catalog, `SELECT count(*) FROM moves`)[0][0]
}

// gone waits until nothing of a killed failoverd is left at the servers.
func (s servers) gone(t *testing.T, p database.Pair) {
	t.Helper()
	left, err := s.traces(t.Context(), p)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left at the servers: %q", left)
	}
}

// standing lists the pair's catalogs at the target.
func (s servers) standing(t *testing.T, p database.Pair) []string {
	t.Helper()
	all, err := s.found(t.Context(), p.Target.DSN, "postgres", `SELECT datname FROM pg_database ORDER BY 1`)
	must(t, err)
	return slices.DeleteFunc(all, func(name string) bool {
		return name != p.Names.Live && name != p.Names.Staging && name != p.Names.Previous
	})
}

// TestKilledWhileItCopies kills failoverd with SIGKILL in every phase of a copy, and while a program makes an index for it:
// nothing of it works on at the servers, the copy in service is untouched, and the next run succeeds.
func TestKilledWhileItCopies(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.copied(t)
	s.app(t, p.Source, p.Source.Catalog, dialect().Bulk(50_000))
	for _, phase := range []string{"schema", "data", "indexes", "large objects", "materialized views", "statistics"} {
		startVictim(t, p, "copy", phase, true)()
		s.gone(t, p)
		if got := s.moves(t, p, p.Names.Live); got != "0" {
			t.Errorf("killed in %s: the copy in service has %s moves", phase, got)
		}
	}
	// A program that makes an index in the staging which takes for ever.
	s.app(t, p.Source, p.Source.Catalog, `CREATE FUNCTION slow(n bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN
			IF current_database() LIKE '%\_\_new' THEN PERFORM pg_sleep(600); END IF;
			RETURN n;
		END $$;
		CREATE INDEX slow_index ON accounts (slow(id))`)
	kill := startVictim(t, p, "copy", "indexes", false)
	s.waitFor(t, s.target, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CREATE INDEX slow_index %'", "1")
	kill()
	s.gone(t, p)
	s.app(t, p.Source, p.Source.Catalog, "DROP FUNCTION slow(bigint) CASCADE")
	must(t, Engine{}.Discard(t.Context(), p))
	if diff := cmp.Diff([]string{p.Names.Live}, s.standing(t, p)); diff != "" {
		t.Errorf("after Discard stand (-want +got):\n%s", diff)
	}
	startVictim(t, p, "copy", "data", true)()
	s.stage(t, p)
}

// TestKilledWhileItSwaps kills failoverd before each statement of a swap, between two of the names, and at some instants of the
// transaction that renames: there is always a whole copy in service, and the swap is finished by the next call.
func TestKilledWhileItSwaps(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.copied(t)
	must(t, swapped(t, s, p))
	want := []string{p.Names.Live, p.Names.Previous}
	for i := range 9 {
		s.app(t, p.Source, p.Source.Catalog, dialect().Move)
		before := s.moves(t, p, p.Names.Live)
		p.Run += "x"
		s.stage(t, p)
		staged := s.moves(t, p, p.Names.Staging)
		switch i {
		case 0:
			startVictim(t, p, "swap", "drop", true)()
		case 1:
			startVictim(t, p, "swap", "rename", true)()
		case 2:
			release := s.claim(t, p.Names.Live)
			kill := startVictim(t, p, "swap", "rename", false)
			s.waitFor(t, s.target, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER DATABASE%'`, "1")
			kill()
			release()
		default:
			kill := startVictim(t, p, "swap", "rename", false)
			instant := time.NewTimer(time.Duration(i-3) * 4 * time.Millisecond)
			<-instant.C
			kill()
		}
		s.gone(t, p) // The server may still be at the statement it was given, which sends away who is in the catalogs.
		if got := s.moves(t, p, p.Names.Live); got != before && got != staged {
			t.Fatalf("kill %d: %s moves are in service, which is neither the copy before, %s, nor the new one, %s", i, got, before, staged)
		}
		must(t, Engine{}.Swap(t.Context(), p, func(string) error { return nil }))
		if got := s.moves(t, p, p.Names.Live); got != staged {
			t.Errorf("kill %d: %s moves are in service after the swap was finished, want %s", i, got, staged)
		}
		if got := s.moves(t, p, p.Names.Previous); got != before {
			t.Errorf("kill %d: %s moves are in the previous copy, want %s", i, got, before)
		}
		if diff := cmp.Diff(want, s.standing(t, p)); diff != "" {
			t.Errorf("kill %d: stand (-want +got):\n%s", i, diff)
		}
		s.gone(t, p)
	}
}

// claim keeps everybody from changing the name of a catalog of the target until release is called.
func (s servers) claim(t *testing.T, name string) (release func()) {
	t.Helper()
	conn, err := session(t.Context(), s.target.DSN(engineer), administrator, "postgres")
	must(t, err)
	if _, err := conn.Exec(t.Context(), "BEGIN; COMMENT ON DATABASE "+ident(name)+" IS NULL").ReadAll(); err != nil {
		_ = conn.Close(t.Context())
		t.Fatal(err)
	}
	return func() { must(t, conn.Close(t.Context())) } // which takes it back
}

func swapped(t *testing.T, s servers, p database.Pair) error {
	t.Helper()
	s.stage(t, p)
	return Engine{}.Swap(t.Context(), p, func(string) error { return nil })
}

// TestKilledWhileItRollsBack kills failoverd before each statement of a rollback: it is finished by the next call, and
// the one after that changes nothing.
func TestKilledWhileItRollsBack(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.copied(t)
	for _, at := range []string{"rename", "drop"} {
		before := s.moves(t, p, p.Names.Live)
		p.Run += "x"
		s.app(t, p.Source, p.Source.Catalog, dialect().Move)
		must(t, swapped(t, s, p))
		startVictim(t, p, "rollback", at, true)()
		for range 2 {
			must(t, Engine{}.Rollback(t.Context(), p, func(string) error { return nil }))
			if got := s.moves(t, p, p.Names.Live); got != before {
				t.Errorf("killed before %s: %s moves are in service, want %s", at, got, before)
			}
			if diff := cmp.Diff([]string{p.Names.Live}, s.standing(t, p)); diff != "" {
				t.Errorf("killed before %s: stand (-want +got):\n%s", at, diff)
			}
		}
		s.gone(t, p)
	}
}

// TestARunThatSwappedNothingTakesNothingBack discards a run's staging before or after it is taken back, and takes it
// back again: what is in service stays, although there is a previous copy.
func TestARunThatSwappedNothingTakesNothingBack(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.copied(t)
	must(t, swapped(t, s, p))
	want := s.moves(t, p, p.Names.Live)
	s.app(t, p.Source, p.Source.Catalog, dialect().Move)
	discard := func() error { return Engine{}.Discard(t.Context(), p) }
	rollback := func() error { return Engine{}.Rollback(t.Context(), p, func(string) error { return nil }) }
	for _, calls := range [][]func() error{{discard, rollback, rollback}, {rollback, discard, rollback}} {
		p.Run += "x"
		s.stage(t, p)
		for _, call := range calls {
			must(t, call())
		}
		if got := s.moves(t, p, p.Names.Live); got != want {
			t.Errorf("%s moves are in service, want %s", got, want)
		}
		if diff := cmp.Diff([]string{p.Names.Live, p.Names.Previous}, s.standing(t, p)); diff != "" {
			t.Errorf("stand (-want +got):\n%s", diff)
		}
	}
	p.Run += "x" // Another run is an operator's order.
	must(t, rollback())
	if got := s.moves(t, p, p.Names.Live); got != "0" {
		t.Errorf("%s moves are in service after an order, want those of the previous copy", got)
	}
}
