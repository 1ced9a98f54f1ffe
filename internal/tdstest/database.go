package tdstest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// database is one database of a server. What can change is guarded by the server's mutex.
type database struct {
	id       int
	name     string
	state    string // ONLINE, RESTORING, OFFLINE
	access   string // MULTI_USER, SINGLE_USER
	readOnly bool
	recovery string // FULL, SIMPLE
	created  time.Time
	fork     string
	files    []dataFile
}

// dataFile is a file of a database. The first one is the SQLite file with everything in it; a log's is there for its name.
type dataFile struct {
	ID      int    `json:"id"`
	Logical string `json:"logical"`
	Kind    string `json:"kind"` // D or L
	Path    string `json:"path"`
	Size    int64  `json:"size"`
}

// login is a principal of the server.
type login struct{ name, sid, password string }

// connector opens connections to one file by a driver of the server's own, which has T-SQL's functions.
type connector struct {
	driver *sqlite.Driver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }

// openFile opens a SQLite file. A writer that another one keeps waiting is a deadlock's victim after a while.
func (s *Server) openFile(path string) *sql.DB {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(wal)", "synchronous(off)", "foreign_keys(1)", "recursive_triggers(off)",
	}}.Encode()}
	db := sql.OpenDB(connector{s.driver, u.String()})
	db.SetMaxOpenConns(1)
	return db
}

// find looks a database up by its name. The mutex is held.
func (s *Server) find(name string) *database {
	for _, d := range s.databases {
		if strings.EqualFold(d.name, name) {
			return d
		}
	}
	return nil
}

func (s *Server) lookup(name string) *database {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(name)
}

// nextID counts databases from 1, which is master. The mutex is held.
func (s *Server) nextID() int {
	s.lastID++
	return s.lastID
}

// create makes an empty database with files of its own.
func (s *Server) create(ctx context.Context, name string) (*database, error) {
	s.mu.Lock()
	if s.find(name) != nil {
		s.mu.Unlock()
		return nil, fault(1801, 16, "Database '%s' already exists. Choose a different database name.", name)
	}
	d := &database{
		id: s.nextID(), name: name, state: "RECOVERY_PENDING", access: "MULTI_USER", recovery: "FULL",
		created: time.Now().UTC(), fork: guid(),
	}
	// Files keep their names when a database gets another one, so these have to be of their own.
	stem := filepath.Join(s.dataDir, fmt.Sprintf("%s_%d", url.PathEscape(name), d.id))
	d.files = []dataFile{
		{ID: 1, Logical: name, Kind: "D", Path: stem + ".mdf"}, {ID: 2, Logical: name + "_log", Kind: "L", Path: stem + ".ldf"},
	}
	s.databases = append(s.databases, d)
	s.mu.Unlock()
	err := s.makeFiles(ctx, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	d.state = "ONLINE"
	return d, err
}

// logSize is how large the file of a log is.
const logSize = 64 << 10

func (s *Server) makeFiles(ctx context.Context, d *database) error {
	if err := os.WriteFile(d.files[1].Path, make([]byte, logSize), 0o600); err != nil {
		return err
	}
	db := s.openFile(d.files[0].Path)
	defer db.Close()
	if _, err := db.ExecContext(ctx, catalogSchema); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO [tds principals] VALUES ('dbo', 1, ?, 'S')", s.logins[0].sid); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "INSERT INTO [tds identity] VALUES (?)", guid())
	return err
}

// removeFiles deletes what a database leaves behind.
func (d *database) removeFiles() {
	for _, f := range d.files {
		for _, ending := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(f.Path + ending) // the test's directory goes anyway
		}
	}
}

func (d *database) data() string { return d.files[0].Path }

// size is how many bytes a file takes now.
func (f dataFile) size() int64 {
	info, err := os.Stat(f.Path)
	if err != nil {
		return f.Size
	}
	return (info.Size() + pageSize - 1) / pageSize * pageSize
}

// pageSize is that of SQL Server, in which it counts sizes.
const pageSize = 8192

func guid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return formatGUID(b)
}
