// Package journal is the standby's memory: events with their reasons, facts, open plans,
// the outbox of alerts, probe history and access tokens, in one embedded SQLite file.
//
// What is committed is on the disk when Commit returns, so that whoever acts can write down
// first and act after; whoever starts after a crash reads here what was being done.
package journal

import (
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
)

// The errors that callers decide on. All others mean that this one call did not succeed.
var (
	// ErrNewer says that a newer version of failoverd has written the journal. Nothing was changed.
	ErrNewer = errors.New("the journal was written by a newer version of failoverd")
	// ErrDamaged says that the file is not a readable journal. At opening, the file was not changed.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrInUse says that another process has the journal open for writing.
	ErrInUse = errors.New("the journal is in use by another failoverd")
	// ErrFull says that the disk has no room. Nothing of the batch was stored; the next Commit
	// succeeds as soon as there is room again.
	ErrFull = errors.New("no space left for the journal")
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not in the journal")
	// ErrExists says that a row of that name is there already.
	ErrExists = errors.New("already in the journal")
)

// The names of the files in the journal's directory. SQLite adds its own "-wal" and "-shm".
const (
	FileName    = "journal.db"
	lockName    = "journal.lock"
	reserveName = "journal.reserve"
)

// Options are what Open needs beside the directory.
type Options struct {
	// Log is told what somebody should know that no caller is told; nil discards it.
	Log *slog.Logger
	// Recipients gives whom an alert of that kind may go to, asked at each Commit that has alerts,
	// so that a reloaded configuration counts at once. Nil means nobody.
	Recipients func(kind string) []Recipient
	// ReadOnly opens an existing journal for reading, also beside a running daemon.
	ReadOnly bool
}

// Journal is an open journal. Its methods may be called from several goroutines at once.
type Journal struct {
	log        *slog.Logger
	recipients func(kind string) []Recipient
	dir        string

	lock   *os.File // holds the flock; nil when read only
	writer *sql.DB  // exactly one connection; nil when read only
	keeper *sql.DB  // folds the log into the file beside the writer; nil when read only
	reader *reading // a small pool that cannot write
	stmts  *statements

	turn    chan struct{} // whoever has put a value in may use the writer
	reserve reserve

	commits    atomic.Int64  // since the last checkpoint
	lastCommit atomic.Int64  // when, as nanos gives it
	tidy       chan struct{} // tells Run that a checkpoint cannot wait

	mu      sync.Mutex
	changed chan struct{}
	closed  bool
	ended   chan struct{} // closed when nobody can write any more
}

// Changed returns a channel that is closed at the next Commit. To wait without missing one:
// take the channel, look at the state, then wait on the channel.
func (j *Journal) Changed() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.changed
}

// announce wakes everybody who waits on Changed.
func (j *Journal) announce() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	close(j.changed)
	j.changed = make(chan struct{})
}

// Close waits for a running commit and closes the files. A second call does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()

	var errs []error
	if j.writer != nil {
		j.turn <- struct{}{} // Kept: nobody writes any more.
		close(j.ended)
		errs = append(errs, j.stmts.close())
	}
	// The readers go first, since only the last connection that may write folds the log back in.
	errs = append(errs, j.reader.Close())
	if j.writer != nil {
		errs = append(errs, j.keeper.Close(), j.writer.Close())
		j.reserve.keep()
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Close())
	}
	return errors.Join(errs...)
}
