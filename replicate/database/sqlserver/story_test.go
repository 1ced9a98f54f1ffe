package sqlserver

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/internal/tdstest"
	"failoverd/replicate/database"
)

// story is a pair on two stand-ins that can be told to fail.
type story struct {
	t *testing.T
	site
	database.Pair
	engine      *Engine
	there, here *tdstest.Server // the primary's and the standby's
}

// tell begins a story whose source holds the company.
func tell(t *testing.T) *story {
	t.Helper()
	s := &story{t: t, engine: impatient()}
	s.engine.stopping = 20 * time.Second
	s.source, s.there = standIn(t, "pbx", tdstest.Options{Name: "PBX"})
	s.target, s.here = standIn(t, "standby", tdstest.Options{Name: "STANDBY"})
	s.Pair = s.newPair(t)
	s.run(s.Pair.Source, s.Pair.Source.Catalog, schema+data)
	return s
}

func (s *story) run(e database.End, catalog, script string) {
	s.t.Helper()
	if err := execute(s.t.Context(), e, catalog, script); err != nil {
		s.t.Fatal(err)
	}
}

// nextRun begins another run.
func (s *story) nextRun() { s.Run += "x" }

// replicate is a run up to its end.
func (s *story) replicate() database.Snapshot {
	s.t.Helper()
	s.nextRun()
	snapshot, err := s.engine.Copy(s.t.Context(), s.Pair, nil)
	if err == nil {
		_, err = s.engine.Verify(s.t.Context(), s.Pair, snapshot)
	}
	if err == nil {
		err = s.swap()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return snapshot
}

func (s *story) swap() error {
	return s.engine.Swap(s.t.Context(), s.Pair, func(string) error { return nil })
}

func (s *story) rollback() error {
	return s.engine.Rollback(s.t.Context(), s.Pair, func(string) error { return nil })
}

// till is what is in the till of a catalog at the target, by which copies are told apart.
func (s *story) till(catalog string) string {
	s.t.Helper()
	rows, err := query(s.t.Context(), s.Target, catalog, "SELECT amount FROM dbo.till")
	if err != nil {
		s.t.Fatal(err)
	}
	return rows[0][0]
}

// stands wants these of the pair's names at the target, and no other, and nothing left behind.
func (s *story) stands(want ...string) {
	s.t.Helper()
	all, err := catalogs(s.t.Context(), s.Target)
	if err != nil {
		s.t.Fatal(err)
	}
	var got []string
	for _, name := range []string{s.Names.Live, s.Names.Staging, s.Names.Previous} {
		if slices.Contains(all, name) {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("at the target stand %q, want %q", got, want)
	}
	left, err := s.traces(s.t.Context(), s.Pair)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(left) > 0 {
		s.t.Errorf("left behind: %q", left)
	}
}

// fails copies, and wants an error that says something, while the copy in service stays.
func (s *story) fails(says ...string) {
	s.t.Helper()
	s.nextRun()
	_, err := s.engine.Copy(s.t.Context(), s.Pair, nil)
	if err == nil {
		s.t.Fatal("the copy succeeded")
	}
	at := 0
	for _, words := range says {
		i := strings.Index(err.Error()[at:], words)
		if i < 0 {
			s.t.Fatalf("copy: %v, want %q in this order", err, says)
		}
		at += i
	}
	if strings.Contains(err.Error(), ownerPassword) {
		s.t.Error("the error holds the password")
	}
}

func TestABackupThatFailsSaysWhy(t *testing.T) {
	s := tell(t)
	s.replicate()
	s.there.Break(tdstest.Fault{Match: "BACKUP DATABASE", Errors: []*tdstest.Error{
		{Number: 3201, Class: 16, Text: "Cannot open backup device 'D:\\x.bak'. Operating system error 5(Access is denied.)."},
		{Number: 3013, Class: 16, Text: "BACKUP DATABASE is terminating abnormally."},
	}})
	s.fails("at pbx", "Access is denied", "(3201)", "(3013)", "service account")
	s.there.Mend()
	s.stands(s.Names.Live)
	s.replicate()
}

// A server cuts the connection during backup, verification or restore: the copy fails, and the one in service stays
// as it was.
func TestAServerThatGoesAwayInTheMiddle(t *testing.T) {
	for name, at := range map[string]func(*story) *tdstest.Server{
		"BACKUP DATABASE":    func(s *story) *tdstest.Server { return s.there },
		"RESTORE VERIFYONLY": func(s *story) *tdstest.Server { return s.here },
		"RESTORE DATABASE":   func(s *story) *tdstest.Server { return s.here },
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			s.replicate()
			at(s).Break(tdstest.Fault{Match: name, Cut: true})
			s.fails()
			at(s).Mend()
			s.stands(s.Names.Live)
			if got := s.till(s.Names.Live); got != "0" {
				t.Errorf("the live copy has %s in its till", got)
			}
			s.replicate()
		})
	}
}

// A server that hangs says nothing at all; whoever orders the end of the copy must not hang with it.
func TestAServerThatFallsSilent(t *testing.T) {
	s := tell(t)
	s.there.Break(tdstest.Fault{Match: "BACKUP DATABASE", Silent: true})
	unwanted := errors.New("the primary has died")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, unwanted)
	defer cancel()
	begun := time.Now()
	s.nextRun()
	if _, err := s.engine.Copy(ctx, s.Pair, nil); !errors.Is(err, unwanted) {
		t.Errorf("copy: %v, want %v", err, unwanted)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	s.there.Mend()
	s.stands()
}

// A backup arrives torn: the copy fails before anything is restored, and the one in service stays.
func TestATornBackupIsNotRestored(t *testing.T) {
	s := tell(t)
	s.replicate()
	s.there.Break(tdstest.Fault{Match: "BACKUP DATABASE", Torn: true})
	s.fails("verify the backup at standby")
	s.there.Mend()
	s.stands(s.Names.Live)
}

// The password is changed after each of the logins of a copy: it fails with the server's own reason, and the one in
// service stays.
func TestAPasswordThatIsChangedInTheMiddle(t *testing.T) {
	s := tell(t)
	s.replicate()
	t.Cleanup(s.here.Mend)
	for logins := range 5 { // a copy needs six at the target
		s.here.WelcomeOnly(logins)
		s.fails("18456")
		s.here.Mend()
		if err := s.engine.Discard(t.Context(), s.Pair); err != nil {
			t.Fatal(err)
		}
		s.stands(s.Names.Live)
	}
}

// busyError is what a server says when somebody is in the way.
func busyError() []*tdstest.Error {
	return []*tdstest.Error{
		{Number: 5030, Class: 16, Text: "The database could not be exclusively locked to perform the operation."},
	}
}

// renamed is how the stand-in knows the statement that renames a database.
func renamed(from string) string { return "ALTER DATABASE " + from + " MODIFY NAME" }

func TestASwapTriesAgainWhenSomebodyIsInTheWay(t *testing.T) {
	for _, first := range []string{"live", "staging"} {
		t.Run("of the "+first, func(t *testing.T) {
			s := tell(t)
			s.replicate()
			s.run(s.Pair.Source, s.Pair.Source.Catalog, dialect().Move)
			s.nextRun()
			if _, err := s.engine.Copy(t.Context(), s.Pair, nil); err != nil {
				t.Fatal(err)
			}
			from := s.Names.Live
			if first == "staging" {
				from = s.Names.Staging
			}
			patient := s.engine.attempts
			s.engine.attempts = 1
			s.here.Break(tdstest.Fault{Match: renamed(from), Nth: 1, Errors: busyError()})
			if err := s.swap(); !says(err, 5030) {
				t.Fatalf("swap: %v, want 5030", err)
			}
			s.engine.attempts = patient
			s.here.Break(tdstest.Fault{Match: renamed(from), Nth: 1, Errors: busyError()})
			if err := s.swap(); err != nil {
				t.Fatal(err)
			}
			s.stands(s.Names.Live, s.Names.Previous)
			if live, previous := s.till(s.Names.Live), s.till(s.Names.Previous); live != "7" || previous != "0" {
				t.Errorf("the tills hold %s and %s", live, previous)
			}
		})
	}
}

// A reader that comes again at once takes the place in single-user mode many times in a row.
func TestASwapPerseveresBesideAReader(t *testing.T) {
	s := tell(t)
	s.replicate()
	s.run(s.Pair.Source, s.Pair.Source.Catalog, dialect().Move)
	s.nextRun()
	if _, err := s.engine.Copy(t.Context(), s.Pair, nil); err != nil {
		t.Fatal(err)
	}
	for range 12 { // One a try: each suffers the first statement that no earlier one has.
		s.here.Break(tdstest.Fault{Match: renamed(s.Names.Live), Nth: 1, Errors: busyError()})
	}
	if err := s.swap(); err != nil {
		t.Fatal(err)
	}
	if got := s.till(s.Names.Live); got != "7" {
		t.Errorf("the till holds %s", got)
	}
}

// A reader that comes between a rename and the statement that lets everybody in is inside alone. The rollback that finds it there
// lets the others in first, itself among them.
func TestARollbackFindsAReaderInsideAlone(t *testing.T) {
	s := tell(t)
	s.replicate()
	s.run(s.Target, master, singleUser(s.Names.Live))
	reader, err := open(t.Context(), s.Target, s.Names.Live, "reader")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.rollback() }()
	select {
	case err := <-ended:
		t.Errorf("the rollback has ended while somebody was inside: %v", err)
		ended <- nil
	case <-time.After(100 * time.Millisecond):
	}
	reader.close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.stands()
}

// Whoever stands between the names for ever: the swap fails, and can be taken back.
func TestASwapThatCannotGoOnIsTakenBack(t *testing.T) {
	s := tell(t)
	s.replicate()
	s.run(s.Pair.Source, s.Pair.Source.Catalog, dialect().Move)
	s.nextRun()
	if _, err := s.engine.Copy(t.Context(), s.Pair, nil); err != nil {
		t.Fatal(err)
	}
	s.engine.attempts = 3
	s.here.Break(tdstest.Fault{Match: renamed(s.Names.Staging), Errors: busyError()})
	if err := s.swap(); !says(err, 5030) {
		t.Errorf("swap: %v, want 5030", err)
	}
	s.stands(s.Names.Staging, s.Names.Previous)
	if err := s.rollback(); err != nil {
		t.Fatal(err)
	}
	s.stands(s.Names.Live, s.Names.Staging)
	if got := s.till(s.Names.Live); got != "0" {
		t.Errorf("the till holds %s", got)
	}
	s.here.Mend()
	if err := s.swap(); err != nil {
		t.Fatal(err)
	}
	if got := s.till(s.Names.Live); got != "7" {
		t.Errorf("the till holds %s", got)
	}
}

// The server dies between the two renames, and leaves the one in single user mode.
func TestAServerThatDiesBetweenTheNames(t *testing.T) {
	for _, taken := range []bool{false, true} {
		s := tell(t)
		s.replicate()
		s.run(s.Pair.Source, s.Pair.Source.Catalog, dialect().Move)
		s.nextRun()
		if _, err := s.engine.Copy(t.Context(), s.Pair, nil); err != nil {
			t.Fatal(err)
		}
		n := s.Names
		s.run(s.Target, master, singleUser(n.Staging)+";\n"+singleUser(n.Live)+";\n"+rename(n.Live, n.Previous)+";")
		want, finish := "7", s.swap
		if taken {
			want, finish = "0", s.rollback
		}
		if err := finish(); err != nil {
			t.Fatal(err)
		}
		if got := s.till(n.Live); got != want {
			t.Errorf("taken back %v: the till holds %s, want %s", taken, got, want)
		}
		if !taken {
			if got := s.till(n.Previous); got != "0" {
				t.Errorf("the till of the copy before holds %s", got)
			}
		}
		rows, err := query(t.Context(), s.Target, master, "SELECT name FROM sys.databases WHERE user_access_desc <> 'MULTI_USER'")
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) > 0 && rows[0][0] != n.Staging {
			t.Errorf("taken back %v: left in single user mode: %q", taken, rows)
		}
	}
}

func TestUsersAreJoinedToTheirLogins(t *testing.T) {
	s := tell(t)
	s.run(s.Pair.Source, master, "CREATE LOGIN [app] WITH PASSWORD = N'An0ther!one';\nCREATE LOGIN [ghost] WITH PASSWORD = N'An0ther!one';")
	s.run(s.Pair.Source, s.Pair.Source.Catalog, "CREATE USER [app] FOR LOGIN [app];\nCREATE USER [ghost] FOR LOGIN [ghost];")
	s.run(s.Target, master, "CREATE LOGIN [app] WITH PASSWORD = N'An0ther!one';")
	s.replicate()
	c, err := open(t.Context(), s.Target, s.Names.Live, program)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	orphans, err := c.orphans(t.Context())
	if err != nil || !slices.Equal(orphans, []string{"ghost"}) {
		t.Errorf("orphans: %q, %v, want the ghost alone", orphans, err)
	}
	report, err := s.engine.Probe(t.Context(), s.Pair)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(report.Problems, func(p database.Problem) bool { return p.Code == "orphaned-user" })
	if i < 0 || report.Problems[i].Blocks || !strings.Contains(report.Problems[i].Remedy, "CREATE LOGIN [ghost]") {
		t.Errorf("problems: %+v", report.Problems)
	}
}
