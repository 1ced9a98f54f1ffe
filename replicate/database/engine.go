// Package database copies catalogs between two database servers so that a copy is never half: it is made under a name
// of its own beside the one in service, verified there, and put in service by a swap that keeps the one before.
//
// Engine is the contract; sqlserver, postgres, mysql and sqlite keep it, and enginetest proves that they do. Both
// directions are the same work with the ends exchanged.
package database

import (
	"context"
	"strings"
	"time"
)

// Engine is one kind of database server. An engine holds no connection between two calls and may be used by several
// goroutines; failoverd never gives it two pairs with the same target at once.
//
// Every method may be called again after a crash at any instant of an earlier call, and every error says what was
// being done and at which end. No error, event or progress holds a password.
type Engine interface {
	// Probe looks at both ends and changes nothing: versions, rights, space, what the catalog holds, what stands at
	// the target. What would make a copy fail is a Problem with the exact remedy; the error is for an end that cannot
	// be asked at all, and is an *UnreachableError then.
	Probe(ctx context.Context, p Pair) (Report, error)

	// Copy makes the staging name at the target a complete copy of the source's catalog as it was at one instant,
	// while the source goes on working. It replaces a staging that an earlier run left. When ctx ends it stops at
	// once, leaves nothing running at either server, and returns the context's cause.
	Copy(ctx context.Context, p Pair, w Watch) (Snapshot, error)

	// Fix runs one script in the staging. Everything in the script is done or the error says which statement failed.
	Fix(ctx context.Context, p Pair, script string) error

	// Verify compares the staging with what the snapshot says that it must hold, objects of every kind and rows, and
	// has the engine check it. An error says what is missing.
	Verify(ctx context.Context, p Pair, s Snapshot) (Verified, error)

	// Swap puts the staging in service under the live name and keeps the one that was as the previous one, dropping
	// the previous one before it. It calls note before each statement that cannot be taken back by the server itself,
	// and does not go on when note fails. Called again after a crash it finishes what is unfinished; when there is no
	// staging and the live one stands, it has been done.
	//
	// Readers of the live name find the old or the new copy, never neither for longer than the package's
	// documentation says, and never half.
	Swap(ctx context.Context, p Pair, note func(what string) error) error

	// Rollback takes a swap back: the previous one is live again, and what was live is dropped. Where there is no
	// previous one, because the swap made the first copy, the live one is dropped. It finishes an interrupted
	// Rollback, and takes back an interrupted Swap.
	Rollback(ctx context.Context, p Pair, note func(what string) error) error

	// Discard drops the staging and everything else that belongs to a run that is not to be finished: backup files,
	// connections. Nothing to drop is no error.
	Discard(ctx context.Context, p Pair) error

	// Release lets applications write to the catalog of an end, or forbids it again, where the engine can. A copy
	// that waits for a takeover is sealed, so that nothing written to it by mistake is lost with the next copy.
	Release(ctx context.Context, e End, writable bool) error

	// Sessions lists who is connected to the catalog of an end and may write, failoverd left out.
	Sessions(ctx context.Context, e End) ([]Session, error)

	// Changes tells what the catalog of an end holds that it did not hold at the snapshot: rows written, changed or
	// deleted since, by table. It is asked before data is overwritten that may be newer, so where it cannot tell it
	// says so with a Change of that table whose Rows is -1.
	Changes(ctx context.Context, e End, since Snapshot) ([]Change, error)
}

// Pair is one catalog on its way from one server to another. From live, the source is the primary; to live, the standby.
type Pair struct {
	Source, Target End
	Names          Names
	Run            string // names this run; letters, digits and dashes
	// Tolerance is how far the counts of rows may differ, as a fraction, where the engine cannot count at the
	// snapshot's instant. Engines that can ignore it.
	Tolerance float64
}

// End is one database server, and a catalog in it.
type End struct {
	Host     string                 // for people: "pbx (192.168.11.1)"
	DSN      string                 // the data source without a password, in the engine's own form
	Password func() (string, error) // nil if there is none
	Catalog  string                 // the source's catalog at a source; the live name at a target
	Shelf    Shelf                  // where this server's backup files lie; nil for engines that need none
}

// Names are the three names of a copy at the target.
type Names struct {
	Live     string // "pbx_CTSERVER", or at the primary the catalog itself
	Staging  string // Live + "__new"
	Previous string // Live + "__prev"
}

// NamesOf derives the names from the live one.
func NamesOf(live string) Names {
	return Names{Live: live, Staging: live + "__new", Previous: live + "__prev"}
}

// CopyOf is the live name of a server's catalog on the standby, so that one standby instance holds the catalogs of many.
func CopyOf(server, catalog string) string { return server + "_" + catalog }

// Beside is where a drill makes its copy of the one in service at an end: at the same server, under a name of its own.
func Beside(e End) End {
	e.Catalog += "__drill"
	return e
}

// Watch follows a copy. It may be nil. It must not block, and is called at most some ten times a second.
type Watch func(Progress)

// Progress is how far a copy has come.
type Progress struct {
	Phase  string // "schema", "data", "indexes", "backup", "transfer", "restore"
	Object string // what is being copied, "" if nothing in particular
	Done   int64  // bytes of this phase
	Total  int64  // expected bytes of this phase, 0 if unknown
	Rows   int64  // copied so far, where rows are copied
}

// Snapshot is what a copy shows: the source at one instant. It is kept with the run and asked again when it has to be
// known whether the primary holds newer data.
type Snapshot struct {
	At       time.Time      `json:"at"`       // the instant, by failoverd's clock: not later than it was
	Identity string         `json:"identity"` // which database it was, so that another one under its name is noticed
	Position string         `json:"position"` // where it was in the engine's own counting: a transaction, an LSN
	Bytes    int64          `json:"bytes"`    // that travelled
	Rows     int64          `json:"rows"`
	Objects  map[string]int `json:"objects"` // how many there are of each kind: "table", "view", "routine", "trigger", ...
	Tables   []Table        `json:"tables"`
}

// Table is one table of a snapshot.
type Table struct {
	Name string `json:"name"` // with its schema where there are schemas
	Rows int64  `json:"rows"`
	Sum  string `json:"sum"` // of the contents whatever their order, "" where the engine tells changes otherwise
}

// Verified is what Verify found.
type Verified struct {
	Objects map[string]int
	Rows    int64
	Check   string // what the engine's own check was and said: "DBCC CHECKDB: no errors"
}

// Change is what a table holds beyond a snapshot.
type Change struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`   // written, changed or deleted since; -1 if that cannot be told
	What  string `json:"detail"` // "12 written or changed, 3 deleted"
}

// Session is somebody who is connected to a catalog.
type Session struct {
	Who     string    // user, program and host, as the server knows them
	Since   time.Time // zero if unknown
	Writing bool      // it is in a transaction, or runs a statement, now
}

// Report is what Probe found.
type Report struct {
	Source   Server
	Target   Server
	Bytes    int64          // of the source's catalog, which one more copy will take
	Objects  map[string]int // of the source's catalog, by kind
	NoKey    []string       // tables without a primary key
	Standing Standing       // at the target
	Problems []Problem
}

// Blocking returns the problems that would make a copy fail.
func (r Report) Blocking() []Problem {
	var list []Problem
	for _, p := range r.Problems {
		if p.Blocks {
			list = append(list, p)
		}
	}
	return list
}

// Server is one database server.
type Server struct {
	Product string // "PostgreSQL", "MariaDB", "Microsoft SQL Server Express Edition"
	Version string // "15.18"
	Free    int64  // bytes free for data; -1 if it cannot be told
	Data    string // the directory in which they are free, as the server names it; "" if it does not tell
	Unknown string // why it cannot be told how many are free, "" if it can
}

// Standing is what stands at the target.
type Standing struct {
	Live, Staging, Previous bool
	Writable                bool // the live one
}

// Problem is something that would make a copy fail, or that should be known.
type Problem struct {
	Code   string // "older-target", "missing-right", "no-space", "no-key", ...: stable, lower case
	Blocks bool
	Text   string // what was found, at which end
	Remedy string // what to do: the exact GRANT, the setting, the command
}

// Needed says in a word or two what there has to be instead: "space", "no missing-right".
func (p Problem) Needed() string {
	if what, lacks := strings.CutPrefix(p.Code, "no-"); lacks {
		return what
	}
	return "no " + p.Code
}

// UnreachableError is an end that cannot be asked: it does not answer, or does not let failoverd in.
type UnreachableError struct {
	Host string
	Err  error
}

func (e *UnreachableError) Error() string { return e.Host + ": " + e.Err.Error() }
func (e *UnreachableError) Unwrap() error { return e.Err }
