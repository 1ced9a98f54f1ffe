package tdstest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"modernc.org/sqlite"
)

// Options tell what kind of server it is. The zero value is a Developer Edition of SQL Server 2022, with one account.
type Options struct {
	Name     string // "SQL1" if it is empty
	Version  string // "16.0.4105.2"
	Edition  Edition
	Accounts []Account // an account sa with a password of its own if there are none

	BackupDir string // a directory of the test's if it is empty
	// BackupSpace and DataSpace are how many bytes the volumes hold; 0 is as many as one likes.
	BackupSpace, DataSpace int64
}

// Edition is what SERVERPROPERTY says of an edition.
type Edition int

// The editions, of which Express neither compresses backups nor holds large databases.
const (
	Developer Edition = iota
	Express
)

func (e Edition) name() string {
	if e == Express {
		return "Express Edition (64-bit)"
	}
	return "Developer Edition (64-bit)"
}

// engine is SERVERPROPERTY('EngineEdition').
func (e Edition) engine() int64 {
	if e == Express {
		return 4
	}
	return 3
}

// Account is a login. It may do everything but what it lacks: rights by the names of HAS_PERMS_BY_NAME, and CONNECT
// for a user in the catalogs beside master.
type Account struct {
	Name, Password string
	Lacks          []string
}

func (a Account) may(right string) bool {
	return !slices.ContainsFunc(a.Lacks, func(l string) bool { return strings.EqualFold(l, right) })
}

// Server is a running stand-in.
type Server struct {
	Addr      string
	BackupDir string
	CA        []byte // the certificate that it shows, in PEM

	options     Options
	dataDir     string
	certificate tls.Certificate
	driver      *sqlite.Driver
	listener    net.Listener
	ctx         context.Context
	stop        context.CancelFunc
	served      sync.WaitGroup

	mu        sync.Mutex
	databases []*database
	logins    []login
	sessions  map[int]*session
	lastSpid  int
	lastID    int
	lastLSN   int64
	faults    []*Fault
	welcomes  int // how many logins are let in before passwords are wrong; -1 for all
	history   []backupRecord
	full      map[volume]bool
}

// Start runs a server until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	o.Name, o.Version = or(o.Name, "SQL1"), or(o.Version, "16.0.4105.2")
	if len(o.Accounts) == 0 {
		o.Accounts = []Account{{Name: "sa", Password: "Str0ng!pass"}}
	}
	s := &Server{
		options: o, BackupDir: or(o.BackupDir, t.TempDir()), dataDir: t.TempDir(), sessions: map[int]*session{}, full: map[volume]bool{},
		lastSpid: 50, lastLSN: 37000000012800001, welcomes: -1,
	}
	var err error
	if s.certificate, s.CA, err = newCertificate(); err != nil {
		t.Fatal(err)
	}
	if s.driver, err = newDriver(); err != nil {
		t.Fatal(err)
	}
	for i, a := range o.Accounts {
		s.logins = append(s.logins, login{name: a.Name, sid: fmt.Sprintf("%s-%d", o.Name, i+1), password: a.Password})
	}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(t.Context()))
	for _, name := range []string{"master", "tempdb", "model", "msdb"} {
		if _, err := s.create(s.ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.Addr = s.listener.Addr().String()
	s.served.Go(s.accept)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the stand-in: %v", err)
		}
	})
	return s
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// DSN is the data source for an account, without its password.
func (s *Server) DSN(user string) string {
	u := url.URL{Scheme: "sqlserver", User: url.User(user), Host: s.Addr, RawQuery: "encrypt=disable"}
	return u.String()
}

// Close ends every session and waits for them.
func (s *Server) Close() error {
	s.stop()
	err := s.listener.Close()
	s.served.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.served.Go(func() { s.serve(conn) })
	}
}

// version is the four bytes of the version that PRELOGIN and LOGINACK carry.
func (s *Server) version() [4]byte {
	var major, minor, build int
	// A version that is none is an error of the test and shows as 0.
	_, _ = fmt.Sscanf(s.options.Version, "%d.%d.%d", &major, &minor, &build)
	return [4]byte{byte(major), byte(minor), byte(build >> 8), byte(build)}
}

// major is the number by which older and newer servers are told apart.
func (s *Server) major() int { return int(s.version()[0]) }

// account finds an account by its name.
func (s *Server) account(name string) (Account, bool) {
	for _, a := range s.options.Accounts {
		if strings.EqualFold(a.Name, name) {
			return a, true
		}
	}
	return Account{}, false
}

// property is SERVERPROPERTY.
func (s *Server) property(name string) any {
	switch strings.ToLower(name) {
	case "productversion":
		return s.options.Version
	case "productmajorversion":
		return fmt.Sprint(s.major())
	case "edition":
		return s.options.Edition.name()
	case "engineedition":
		return s.options.Edition.engine()
	case "instancedefaultdatapath", "instancedefaultlogpath":
		return s.dataDir + "/"
	case "instancedefaultbackuppath":
		return s.BackupDir + "/"
	case "collation":
		return "Latin1_General_CI_AS"
	case "machinename", "servername":
		return s.options.Name
	}
	return nil
}

// lsn counts on.
func (s *Server) lsn() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastLSN += 100001
	return s.lastLSN
}

// volume is a disk of a server.
type volume int

const (
	dataVolume volume = iota
	backupVolume
)

// FillData takes all that is left on the volume of the databases, and FillBackups on that of the backups, until free is
// called.
func (s *Server) FillData() (free func())    { return s.fill(dataVolume) }
func (s *Server) FillBackups() (free func()) { return s.fill(backupVolume) }

func (s *Server) fill(v volume) (free func()) {
	set := func(full bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.full[v] = full
	}
	set(true)
	return func() { set(false) }
}

// isFull tells whether a volume was filled.
func (s *Server) isFull(v volume) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full[v]
}

// free is how many bytes a volume still has.
func free(directory string, space int64) int64 {
	if space == 0 {
		return 64 << 30
	}
	var used int64
	entries, err := os.ReadDir(directory)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			used += info.Size()
		}
	}
	return max(space-used, 0)
}

// dataFree is how many bytes are free for databases.
func (s *Server) dataFree() int64 {
	if s.isFull(dataVolume) {
		return 0
	}
	return free(s.dataDir, s.options.DataSpace)
}

// since is how long something took, as 3014 tells it.
func since(begun time.Time) (seconds, milliseconds int64) {
	took := time.Since(begun).Milliseconds()
	return took / 1000, took % 1000
}

// backupPath is a backup file, in the directory of the backups where no other is named.
func (s *Server) backupPath(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.BackupDir, name)
}
