package sqlserver

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"failoverd/internal/tdstest"
	"failoverd/replicate/database"
	"failoverd/replicate/database/enginetest"
)

// TestEngine runs the suite on the stand-in, and on a SQL Server where there is one.
func TestEngine(t *testing.T) {
	t.Run("on the stand-in", func(t *testing.T) { enginetest.Run(t, standIns(t, nil)) })
	t.Run("on the stand-in by its agent", func(t *testing.T) {
		if testing.Short() {
			t.Skip("the suite a second time")
		}
		enginetest.Run(t, standIns(t, byAgent))
	})
	if real, is := realServer(t); is {
		t.Run("on a SQL Server", func(t *testing.T) { enginetest.Run(t, real.fixture()) })
	}
}

const (
	ownerPassword = "Own3r!of-all"
	poorPassword  = "P00r!account"
)

// standIn starts a stand-in with an account that may do everything, and a poor one.
func standIn(t *testing.T, host string, o tdstest.Options) (database.End, *tdstest.Server) {
	t.Helper()
	o.Accounts = []tdstest.Account{
		{Name: "fo", Password: ownerPassword},
		{Name: "poor", Password: poorPassword, Lacks: []string{"BACKUP DATABASE"}},
	}
	server := tdstest.Start(t, o)
	return database.End{
		Host: host, DSN: server.DSN("fo"), Password: func() (string, error) { return ownerPassword, nil },
		Shelf: database.Directory{Server: server.BackupDir, Path: server.BackupDir},
	}, server
}

// standIns are the fixture of two stand-ins, with what only they can be made to do. The source's shelf is reached in the
// way that reach makes, if there is one.
func standIns(t *testing.T, reach func(*testing.T, database.Directory) database.Shelf) enginetest.Fixture {
	t.Helper()
	var s site
	var source *tdstest.Server
	s.source, source = standIn(t, "pbx (stand-in)", tdstest.Options{Name: "PBX"})
	if reach != nil {
		s.source.Shelf = reach(t, s.source.Shelf.(database.Directory))
	}
	s.target, _ = standIn(t, "standby (stand-in)", tdstest.Options{Name: "STANDBY"})
	small, older := s, s
	var little *tdstest.Server
	small.target, little = standIn(t, "small standby (stand-in)", tdstest.Options{Name: "SMALL", DataSpace: 32 << 20})
	older.target, _ = standIn(t, "old standby (stand-in)", tdstest.Options{Name: "OLD", Version: "15.0.4415.2"})
	s.others = []database.End{small.target, older.target}

	f := s.fixture()
	f.Engine = impatient()
	f.Poor = func(_ *testing.T, p database.Pair) (database.Pair, string) {
		p.Source.DSN = strings.Replace(p.Source.DSN, "fo@", "poor@", 1)
		p.Source.Password = func() (string, error) { return poorPassword, nil }
		return p, "GRANT BACKUP DATABASE TO [poor]"
	}
	// A backup of many rows takes as long as it would on a disk, so that there is a middle in which things happen.
	slow := sync.OnceFunc(func() { source.Break(tdstest.Fault{Match: "BACKUP DATABASE", Pace: 10 * time.Millisecond}) })
	f.Dialect.Bulk = func(rows int) string {
		slow()
		return bulk(rows)
	}
	f.FullDisk, f.Older = small.newPair, older.newPair
	f.Fill = func(t *testing.T, _ database.Pair) (free func()) {
		free = little.FillData()
		t.Cleanup(free)
		return free
	}
	return f
}

// impatient is the engine with shorter pauses, for servers that are near.
func impatient() *Engine {
	e := New()
	e.every, e.pause = 10*time.Millisecond, 10*time.Millisecond
	return e
}

// realServer is a SQL Server that plays both parts: FAILOVERD_TEST_SQLSERVER is its data source,
// FAILOVERD_TEST_SQLSERVER_PASSWORD the password, and FAILOVERD_TEST_SQLSERVER_BACKUPS its backup directory, with =PATH
// behind it if it has another one here.
func realServer(t *testing.T) (site, bool) {
	t.Helper()
	dsn := os.Getenv("FAILOVERD_TEST_SQLSERVER")
	if dsn == "" {
		return site{}, false
	}
	server, path := os.Getenv("FAILOVERD_TEST_SQLSERVER_BACKUPS"), ""
	if i := strings.LastIndex(server, "=/"); i >= 0 {
		server, path = server[:i], server[i+1:]
	} else {
		path = server
	}
	if !filepath.IsAbs(path) {
		t.Fatal("FAILOVERD_TEST_SQLSERVER_BACKUPS names no directory that is seen here")
	}
	end := database.End{
		Host: "pbx", DSN: dsn, Shelf: database.Directory{Server: server, Path: path},
		Password: func() (string, error) { return os.Getenv("FAILOVERD_TEST_SQLSERVER_PASSWORD"), nil },
	}
	s := site{source: end, target: end}
	s.target.Host = "standby"
	return s, true
}
