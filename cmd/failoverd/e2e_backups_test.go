package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"failoverd/internal/site"
	"failoverd/internal/tdstest"
	"failoverd/status"
)

// valve is a way to the agent that can be stopped in the middle of something.
type valve struct {
	company *company
	address string // at the standby
	ending  sync.WaitGroup

	mu   sync.Mutex
	left int64         // bytes from the agent after which nothing comes any more; negative: everything does
	held chan struct{} // closed when nothing comes any more
	free chan struct{} // closed when it does not matter any more
}

// newValve listens at the standby, and passes on to pbx's agent.
func newValve(c *company) *valve {
	c.t.Helper()
	v := &valve{company: c, address: site.StandbyAddress + ":7443", left: -1, free: make(chan struct{})}
	l, err := c.Standby.Listen("tcp", v.address)
	ok(c.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(func() {
		cancel()
		ok(c.t, l.Close())
		v.open()
		v.ending.Wait()
	})
	v.ending.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			v.ending.Go(func() { v.pass(ctx, near) })
		}
	})
	return v
}

// pass joins a connection with the agent until either hangs up.
func (v *valve) pass(ctx context.Context, near net.Conn) {
	defer near.Close()
	far, err := v.company.Standby.Dial(ctx, "tcp", site.PBXAddress+":7443")
	if err != nil {
		return // as where nobody listens: hung up on
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() { _ = errors.Join(near.Close(), far.Close()) })()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	})
	_, _ = io.Copy(near, v.metered(far))
	_ = near.Close()
	up.Wait()
}

// metered is what comes from the agent, until there is enough of it.
func (v *valve) metered(from io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		n, err := from.Read(b)
		if free := v.count(n); free != nil {
			<-free
			return 0, io.ErrClosedPipe
		}
		return n, err
	})
}

// count notes what has come; if that is enough, nothing of it goes on until what it returns is closed.
func (v *valve) count(n int) (free <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left < 0 {
		return nil
	}
	if v.left -= int64(n); v.left >= 0 {
		return nil
	}
	v.left = 0
	select {
	case <-v.held:
	default:
		close(v.held)
	}
	return v.free
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// shut has nothing come any more after so many bytes; what it returns is closed then.
func (v *valve) shut(after int64) <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left, v.held, v.free = after, make(chan struct{}), make(chan struct{})
	return v.held
}

// open cuts what was stopped, and lets everything pass that comes after.
func (v *valve) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left = -1
	select {
	case <-v.free:
	default:
		close(v.free)
	}
}

// strongroom is a SQL Server at pbx whose backup files nobody sees but itself and pbx's agent: it calls their directory
// "safe", which is no path of anybody's.
type strongroom struct {
	*network
	company   *company
	directory string // what the agent knows
}

// newStrongroom makes the server with its catalog; the agent is reached at an address.
func newStrongroom(c *company, agent string) *strongroom {
	c.t.Helper()
	s := &strongroom{company: c, directory: filepath.Join(c.Dir, "strongroom", "safe")}
	ok(c.t, os.MkdirAll(s.directory, 0o700))
	server := tdstest.Start(c.t, tdstest.Options{
		Name: "PBX", BackupDir: filepath.Dir(s.directory), Accounts: []tdstest.Account{{Name: "fo", Password: trialPassword}},
	})
	n := newSQLServers(c.t, c, server, "{server: safe, agent: mssql}").(*network)
	s.network = n
	ok(c.t, c.Configure(site.Options{
		Binary: c.Binary(), Interval: 100 * time.Millisecond, StandIn: true, PBX: fmt.Sprintf("agent: {address: %q}\n", agent) + n.config(),
		PBXTakeover: "max_age: 36h",
	}))
	n.create(c.t)
	execute(c.t, n.at(c.t, primary, "calls"), "CREATE TABLE calls (id INTEGER PRIMARY KEY, who VARCHAR(50) NOT NULL)", "INSERT INTO calls VALUES (1, 'anna'), (2, 'bert')",
		"CREATE TABLE recordings (id INTEGER PRIMARY KEY, sound VARCHAR(8000) NOT NULL)")
	s.record(1)
	return s
}

// grant is what the agent's configuration says of the directory.
func (s *strongroom) grant() string {
	return fmt.Sprintf("backups: [{name: mssql, directory: %q, server_directory: safe}]\n", s.directory)
}

// recordings is how many there are, of 8,000 characters each.
const recordings = 1000

// record puts other recordings in the place of those that there are: nothing that packs well, or was there before.
func (s *strongroom) record(seed uint64) {
	t := s.company.t
	t.Helper()
	db := s.at(t, primary, "calls")
	defer db.Close()
	letters := rand.New(rand.NewPCG(seed, 0))
	tx, err := db.BeginTx(t.Context(), nil)
	ok(t, err)
	_, err = tx.ExecContext(t.Context(), "DELETE FROM recordings")
	ok(t, err)
	for i := range recordings {
		var sound strings.Builder
		for range 8000 {
			sound.WriteByte(byte('0' + letters.IntN(64)))
		}
		_, err := tx.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO recordings VALUES (%d, '%s')", i, sound.String()))
		ok(t, err)
	}
	ok(t, tx.Commit())
}

// there are the files in the directory.
func (s *strongroom) there() (names []string) {
	s.company.t.Helper()
	list, err := os.ReadDir(s.directory)
	ok(s.company.t, err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// copied has the server copied, and tells how much travelled.
func (s *strongroom) copied() int64 {
	s.company.t.Helper()
	s.company.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	return s.company.waitServer("pbx", "copied", copiedOnce).Copies[0].Bytes
}

// A SQL Server's backups lie where the agent gets at them and the standby does not: every night they travel, of the second
// only what has changed, and after a takeover the stand-in's work travels back.
func TestBackupsByTheAgent(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	s := newStrongroom(c, site.PBXAddress+":7443")
	o := newOutpost(c)
	c.start()
	contains(t, c.cli(exitDone, "agents"), "not paired: failoverd pair "+site.PBXAddress+":7443")
	contains(t, c.cli(exitRefused, "replicate", "from-live", "pbx", "--dry-run"), "no agent is paired at "+site.PBXAddress)
	o.run()
	if out, err := o.pair(o.invite()); err != nil {
		t.Fatalf("pair: %v, %s", err, out)
	}
	contains(t, c.cli(exitRefused, "replicate", "from-live", "pbx", "--yes"), `has no directory "mssql" under backups`, "restart the agent")
	o.end(syscall.SIGTERM)
	o.configure("", s.grant())
	contains(t, o.cli(exitDone, "agent", "config", "check", o.config), "remove backups of its own in "+s.directory)
	o.run()
	ok(t, os.WriteFile(filepath.Join(s.directory, "full.bak"), []byte("the owner's"), 0o600))

	first := s.copied()
	execute(t, s.at(t, primary, "calls"), "INSERT INTO calls VALUES (3, 'carl')")
	second := s.copied()
	t.Logf("the first night %d bytes travelled, the second %d", first, second)
	if first < recordings*8000/2 || second > first/8 || second == 0 {
		t.Errorf("the first night %d bytes travelled, the second %d", first, second)
	}
	const night = "1 anna, 2 bert, 3 carl"
	if got := rows(t, s.at(t, secondary, "pbx_calls")); got != night {
		t.Errorf("the copy has %q, want %q", got, night)
	}
	if left := s.there(); len(left) != 1 || left[0] != "full.bak" {
		t.Errorf("in the directory lies %q, and only its owner's should", left)
	}
	contains(t, c.cli(exitDone, "show", "pbx"), "travelled")
	contains(t, c.cli(exitDone, "discover", site.PBXAddress), "Backups mssql", s.directory)

	ok(t, errors.Join(s.die(), c.PBX.Die()))
	c.waitState("pbx", "Failure", "standing in")
	execute(t, s.at(t, secondary, "pbx_calls"), "INSERT INTO calls VALUES (4, 'dora')")
	c.cli(exitDone, "release", "pbx", "--yes", "--reason", "repaired")
	ok(t, errors.Join(s.back(), c.PBX.Return()))
	c.waitState("pbx", "OK", "standing by")
	c.cli(exitDone, "replicate", "to-live", "pbx", "--yes", "--reason", "repaired")
	if got := rows(t, s.at(t, primary, "calls")); got != night+", 4 dora" {
		t.Errorf("the primary has %q", got)
	}
	if left := s.there(); len(left) != 1 || left[0] != "full.bak" {
		t.Errorf("after the way back there lies %q, and only the owner's should", left)
	}
}

// The agent dies in the middle of a transfer. When it is back, the copy goes on where it was; when what it grants is
// withdrawn, the copy fails and says so, and what was left lying goes with the next. The copy before serves all the while.
func TestTheAgentDiesInTheMiddle(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	v := newValve(c)
	s := newStrongroom(c, v.address)
	o := newOutpost(c, s.grant())
	c.start()
	o.run()
	if out, err := o.pairAt(site.StandbyAddress, o.invite()); err != nil {
		t.Fatalf("pair: %v, %s", err, out)
	}
	first := s.copied()

	// begin has the next copy come to its middle, and kills the agent.
	begin := func(seed uint64) {
		t.Helper()
		s.record(seed)
		execute(t, s.at(t, primary, "calls"), fmt.Sprintf("INSERT INTO calls VALUES (%d, 'carl')", seed+1))
		held := v.shut(first / 2)
		c.cli(exitDone, "replicate", "from-live", "pbx", "--yes", "--no-wait")
		select {
		case <-held:
		case <-c.waiting().Done():
			t.Fatal("nothing travels")
		}
		o.end(syscall.SIGKILL)
		v.open()
	}
	begin(2)
	if got := rows(t, s.at(t, secondary, "pbx_calls")); got != "1 anna, 2 bert" {
		t.Errorf("in the middle the copy has %q", got)
	}
	o.run()
	done := c.waitServer("pbx", "copied a second time", func(v status.Server) bool { return copiedOnce(v) && v.Copies[0].Rows == recordings+3 })
	if again := done.Copies[0].Bytes; again > first+first/4 {
		t.Errorf("%d bytes travelled for a file of %d: what had come has come again", again, first)
	}
	const night = "1 anna, 2 bert, 3 carl"
	if got := rows(t, s.at(t, secondary, "pbx_calls")); got != night {
		t.Errorf("afterwards the copy has %q", got)
	}

	begin(3)
	o.configure("")
	o.run()
	failed := c.waitServer("pbx", "without a new copy", func(v status.Server) bool {
		return v.Replication == "" && v.Copies[0].Attempt != nil && !v.Copies[0].Attempt.OK
	})
	contains(t, failed.Copies[0].Attempt.Error, "bring pbx_calls.failoverd-", `has no directory "mssql" under backups`)
	c.waitMail("replication.failed")
	if got := rows(t, s.at(t, secondary, "pbx_calls")); got != night {
		t.Errorf("after the failure the copy has %q", got)
	}
	if left := s.there(); len(left) != 1 {
		t.Errorf("nobody could clear away, and there lies %q", left)
	}
	o.end(syscall.SIGTERM)
	o.configure("", s.grant())
	o.run()
	s.copied()
	if left := s.there(); len(left) != 0 {
		t.Errorf("left lying: %q", left)
	}
	if got := rows(t, s.at(t, secondary, "pbx_calls")); got != night+", 4 carl" {
		t.Errorf("the last copy has %q", got)
	}
}

// farFiles are SQLite's databases, pbx's where its agent gets at them and the standby does not, and the standby's own.
type farFiles struct {
	company *company
	file    string // at pbx
	copies  string
}

// newFarFiles makes the database with its calls and recordings; the agent is reached at an address.
func newFarFiles(c *company, agent string) *farFiles {
	c.t.Helper()
	f := &farFiles{company: c, file: filepath.Join(c.Dir, "pbx", "calls.sqlite"), copies: filepath.Join(c.Dir, "copies")}
	ok(c.t, errors.Join(os.Mkdir(filepath.Dir(f.file), 0o700), os.Mkdir(f.copies, 0o700)))
	ok(c.t, c.Configure(site.Options{
		Binary: c.Binary(), Interval: 100 * time.Millisecond, StandIn: true, PBXTakeover: "max_age: 36h", PBX: fmt.Sprintf(`agent: {address: %q}
databases:
  - name: calls
    engine: sqlite
    primary: {agent: telephony}
    standby: {dsn: %q}
    replicate_daily: "03:30"
`, agent, f.copies+"/"),
	}))
	execute(c.t, f.at(f.file), "PRAGMA journal_mode = WAL", "CREATE TABLE calls (id INTEGER PRIMARY KEY, who VARCHAR(50) NOT NULL)", "INSERT INTO calls VALUES (1, 'anna'), (2, 'bert')",
		"CREATE TABLE recordings (sound BLOB)", "INSERT INTO recordings SELECT randomblob(100000) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80) SELECT i FROM n)")
	return f
}

// at opens a file as an application does.
func (f *farFiles) at(file string) *sql.DB {
	f.company.t.Helper()
	return open(f.company.t, "sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
}

// grant is what the agent's configuration says of the database.
func (f *farFiles) grant() string {
	return fmt.Sprintf("databases: [{name: telephony, file: %q}]\n", f.file)
}

// there is the standby's copy.
func (f *farFiles) there() *sql.DB { return f.at(filepath.Join(f.copies, "pbx_calls.db")) }

// A SQLite database of pbx that the standby does not see is copied by the agent, which reads it and no more: every night
// what has changed travels, a takeover works on the copy, and nothing is brought back that way.
func TestSQLiteByTheAgent(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	f := newFarFiles(c, site.PBXAddress+":7443")
	o := newOutpost(c)
	c.start()
	contains(t, c.cli(exitDone, "agents"), "not paired: failoverd pair "+site.PBXAddress+":7443")
	o.run()
	if out, err := o.pair(o.invite()); err != nil {
		t.Fatalf("pair: %v, %s", err, out)
	}
	contains(t, c.cli(exitRefused, "replicate", "from-live", "pbx", "--yes"), `has no database "telephony" under databases`)
	o.end(syscall.SIGTERM)
	o.configure("", f.grant())
	contains(t, o.cli(exitDone, "agent", "config", "check", o.config), "have copies of "+f.file)
	o.run()
	before, err := os.ReadFile(f.file)
	ok(t, err)
	contains(t, c.cli(exitDone, "replicate", "from-live", "pbx", "--dry-run"), "If pbx were replicated from live now", "calls")
	copied := func() int64 {
		t.Helper()
		c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
		return c.waitServer("pbx", "copied", copiedOnce).Copies[0].Bytes
	}
	first := copied()
	if after, err := os.ReadFile(f.file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the primary's file was touched: %v", err)
	}
	application := f.at(f.file) // it goes on working
	defer application.Close()
	_, err = application.ExecContext(t.Context(), "INSERT INTO calls VALUES (3, 'carl')")
	ok(t, err)
	second := copied()
	t.Logf("the first night %d bytes travelled, the second %d", first, second)
	if first < 8_000_000 || second > first/10 || second == 0 {
		t.Errorf("the first night %d bytes travelled, the second %d", first, second)
	}
	const night = "1 anna, 2 bert, 3 carl"
	if got := rows(t, f.there()); got != night {
		t.Errorf("the copy has %q, want %q", got, night)
	}
	if left, err := filepath.Glob(filepath.Join(c.Dir, "agent", "databases", "telephony", "*")); err != nil || len(left) > 0 {
		t.Errorf("the agent has kept %q, %v", left, err)
	}

	// Without its agent the primary's copy stays as it is.
	o.end(syscall.SIGKILL)
	out, code := c.CLI(c.waiting(), "replicate", "from-live", "pbx", "--yes")
	if code != exitRefused && code != exitFailed || !strings.Contains(out, "the agent at "+site.PBXAddress+":7443 does not answer") {
		t.Errorf("without the agent: exit %d: %s", code, out)
	}
	if got := rows(t, f.there()); got != night {
		t.Errorf("without the agent the copy has %q", got)
	}
	o.run()

	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	execute(t, f.there(), "INSERT INTO calls VALUES (4, 'dora')")
	c.cli(exitDone, "release", "pbx", "--yes", "--reason", "repaired")
	ok(t, c.PBX.Return())
	c.waitState("pbx", "OK", "standing by")
	contains(t, c.cli(exitRefused, "replicate", "to-live", "pbx", "--yes"), "is read by its agent, which changes nothing there")
	if got := rows(t, f.at(f.file)); got != night {
		t.Errorf("the primary has %q", got)
	}
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes", "--accept", status.DiscardDiverged, "--reason", "brought back by hand")
	if got := rows(t, f.there()); got != night {
		t.Errorf("what the stand-in wrote was given up, and the copy has %q", got)
	}
}

// The agent dies while its copy of a SQLite database travels, and comes back: the copy goes on where it was, the one before
// serves meanwhile, and nothing is left at the agent.
func TestTheAgentDiesWithASQLiteDatabase(t *testing.T) {
	c := newCompany(t, site.Options{StandIn: true})
	v := newValve(c)
	f := newFarFiles(c, v.address)
	o := newOutpost(c, f.grant())
	c.start()
	o.run()
	if out, err := o.pairAt(site.StandbyAddress, o.invite()); err != nil {
		t.Fatalf("pair: %v, %s", err, out)
	}
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes")
	first := c.waitServer("pbx", "copied", copiedOnce).Copies[0].Bytes
	execute(t, f.at(f.file), "INSERT INTO calls VALUES (3, 'carl')", "UPDATE recordings SET sound = randomblob(100000)")
	held := v.shut(first / 2)
	c.cli(exitDone, "replicate", "from-live", "pbx", "--yes", "--no-wait")
	select {
	case <-held:
	case <-c.waiting().Done():
		t.Fatal("nothing travels")
	}
	o.end(syscall.SIGKILL)
	v.open()
	if got := rows(t, f.there()); got != "1 anna, 2 bert" {
		t.Errorf("in the middle the copy has %q", got)
	}
	o.run()
	done := c.waitServer("pbx", "copied a second time", func(v status.Server) bool { return copiedOnce(v) && v.Copies[0].Rows == 83 })
	if again := done.Copies[0].Bytes; again < first/2 || again > first+first/4 {
		t.Errorf("%d bytes travelled for a file of %d", again, first)
	}
	if got := rows(t, f.there()); got != "1 anna, 2 bert, 3 carl" {
		t.Errorf("afterwards the copy has %q", got)
	}
	if left, err := filepath.Glob(filepath.Join(c.Dir, "agent", "databases", "telephony", "*")); err != nil || len(left) > 0 {
		t.Errorf("the agent has kept %q, %v", left, err)
	}
}
