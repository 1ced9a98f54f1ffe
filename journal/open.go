package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	_ "modernc.org/sqlite" // The driver named "sqlite".
)

// magic is how every SQLite file starts (https://www.sqlite.org/fileformat2.html, 1.3).
var magic = []byte("SQLite format 3\x00")

// readers is how many queries may run at once beside the writer.
const readers = 4

// Open opens the journal in dir and makes both where there is none. The directory gets mode 0700,
// the file 0600, and neither the file nor its companions may be symbolic links. Errors that callers decide on: ErrInUse,
// ErrNewer, ErrDamaged; in all three the file is as it was.
func Open(ctx context.Context, dir string, o Options) (_ *Journal, err error) {
	j := &Journal{
		log:        o.Log,
		recipients: o.Recipients,
		turn:       make(chan struct{}, 1),
		tidy:       make(chan struct{}, 1),
		changed:    make(chan struct{}),
		ended:      make(chan struct{}),
	}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	if j.recipients == nil {
		j.recipients = func(string) []Recipient { return nil }
	}
	defer func() {
		if err != nil && j.lock != nil {
			j.lock.Close()
		}
	}()

	if !o.ReadOnly {
		if err := makeDirectory(dir); err != nil {
			return nil, fmt.Errorf("open the journal: %w", err)
		}
	}
	// SQLite resolves symbolic links by itself; with the real path nothing is left to resolve.
	if j.dir, err = filepath.Abs(dir); err == nil {
		j.dir, err = filepath.EvalSymlinks(j.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	root, err := os.OpenRoot(j.dir)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	defer root.Close()

	if !o.ReadOnly {
		if j.lock, err = takeLock(root); err != nil {
			return nil, fmt.Errorf("open the journal in %s: %w", dir, err)
		}
	}
	isNew, err := examineFiles(root, o.ReadOnly)
	if err != nil {
		return nil, fmt.Errorf("open the journal in %s: %w", dir, err)
	}
	if !o.ReadOnly {
		j.reserve = reserve{dir: j.dir, log: j.log}
		j.reserve.find()
	}
	err = j.connect(ctx, isNew, o.ReadOnly)
	if errors.Is(err, ErrFull) && j.reserve.size.Load() > 0 {
		// Also to be read a journal needs some room: for its index of the log, which goes when the last one closes it.
		j.reserve.giveUp()
		err = j.connect(ctx, isNew, o.ReadOnly)
	}
	if errors.Is(err, ErrFull) {
		err = fmt.Errorf("make room there: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal in %s: %w", dir, err)
	}
	if !o.ReadOnly {
		j.reserve.renew()
	}
	return j, nil
}

// connect looks at what is in the file, unless that is new, and opens its connections: all of them or none.
func (j *Journal) connect(ctx context.Context, isNew, readOnly bool) (err error) {
	defer func() {
		if err != nil {
			j.disconnect()
		}
	}()
	if !isNew {
		err := examineContents(ctx, j.path())
		if isHalfMade(err) && !readOnly {
			if err = undoHalf(ctx, j.path()); err == nil {
				err = examineContents(ctx, j.path())
			}
		}
		if err != nil {
			return err
		}
	}
	if !readOnly {
		if err := j.openWriter(ctx); err != nil {
			return err
		}
	}
	pool, err := sql.Open("sqlite", dsn(j.path(), "mode=ro", "_query_only=1"))
	if err != nil {
		return err
	}
	j.reader = newReading(pool)
	j.reader.SetMaxOpenConns(readers)
	j.reader.SetMaxIdleConns(readers)
	if err := j.reader.PingContext(ctx); err != nil {
		return classify(err)
	}
	return nil
}

// path is the journal's file.
func (j *Journal) path() string { return filepath.Join(j.dir, FileName) }

// openWriter opens the one connection that writes, brings the schema up to date and prepares its statements.
func (j *Journal) openWriter(ctx context.Context) error {
	// FULL makes every commit durable with one fsync of the log. Checkpoints are done by Run, so that
	// no Commit pays for one; the automatic one is only for programs that do not call Run.
	// A commit changes some ten pages and writes each of them whole: small ones make a new journal's commits
	// shorter, by a fifth of their time.
	writer, err := sql.Open("sqlite", dsn(j.path(), "_pragma=page_size(1024)", "_txlock=immediate", "_journal_mode=WAL", "_synchronous=FULL",
		"_pragma=wal_autocheckpoint(64000)", "_pragma=cache_size(-4000)"))
	if err != nil {
		return err
	}
	j.writer = writer
	writer.SetMaxOpenConns(1)
	writer.SetMaxIdleConns(1)
	if err := migrate(ctx, writer, migrations); err != nil {
		return err
	}
	if j.stmts, err = prepare(ctx, writer); err != nil {
		return err
	}
	if err := makeRoom(j.path() + "-wal"); err != nil {
		return err
	}
	// It opens its connection when it is needed first.
	j.keeper, err = sql.Open("sqlite", dsn(j.path(), "_synchronous=FULL", "_pragma=wal_autocheckpoint(0)"))
	if err != nil {
		return err
	}
	j.keeper.SetMaxOpenConns(1)
	return nil
}

// disconnect closes what a connect that has failed has opened.
func (j *Journal) disconnect() {
	if j.stmts != nil {
		j.stmts.close()
	}
	if j.reader != nil {
		j.reader.Close()
	}
	if j.keeper != nil {
		j.keeper.Close()
	}
	if j.writer != nil {
		j.writer.Close()
	}
	j.stmts, j.reader, j.keeper, j.writer = nil, nil, nil, nil
}

// dsn gives the driver's name of a file with options.
func dsn(path string, options ...string) string {
	options = append(options, "_busy_timeout=5000")
	u := url.URL{Scheme: "file", Path: path, RawQuery: strings.Join(options, "&")}
	return u.String()
}

// makeDirectory makes dir and takes it from everybody else.
func makeDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm() != 0o700 {
		return os.Chmod(dir, 0o700)
	}
	return nil
}

// takeLock locks the lock file for as long as it is open. The kernel gives the lock back when the
// process ends, however it ends.
func takeLock(root *os.Root) (*os.File, error) {
	f, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 20))
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w (process %s)", ErrInUse, bytes.TrimSpace(holder))
		}
		return nil, fmt.Errorf("lock %s: %w", lockName, err)
	}
	// The number is only for the message above, so that it does not matter when it cannot be written.
	f.Truncate(0)
	f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return f, nil
}

// examineFiles looks at the files before SQLite does, and makes an empty one where there is none.
// It must not run while this process has the file open by SQLite: closing a file gives up all the locks
// that the process has on it (fcntl(2)).
func examineFiles(root *os.Root, readOnly bool) (isNew bool, err error) {
	for _, name := range []string{FileName, FileName + "-wal", FileName + "-shm", FileName + "-journal", reserveName} {
		info, err := root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		if !info.Mode().IsRegular() {
			return false, fmt.Errorf("%s is not a regular file: %w", name, ErrDamaged)
		}
	}
	if readOnly {
		_, err := root.Lstat(FileName)
		return false, err
	}
	f, err := root.OpenFile(FileName, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if info.Mode().Perm() != 0o600 {
		if err := f.Chmod(0o600); err != nil {
			return false, err
		}
	}
	if info.Size() == 0 {
		if wal, err := root.Lstat(FileName + "-wal"); err == nil && wal.Size() > 0 {
			return false, fmt.Errorf("%s is empty but its log is not: %w", FileName, ErrDamaged)
		}
		return true, nil
	}
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil || !bytes.Equal(head, magic) {
		return false, fmt.Errorf("%s is not a database: %w", FileName, ErrDamaged)
	}
	return false, nil
}

// undoHalf has SQLite undo what was half written, as whoever opened the file next would.
func undoHalf(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path, "mode=rw"))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = pragma(ctx, db, "schema_version")
	return err
}

// examineContents reads the journal through a connection that cannot write, so that a journal
// which is refused stays as it is.
func examineContents(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path, "mode=ro", "_query_only=1"))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)

	version, err := pragma(ctx, db, "user_version")
	if err != nil {
		return err
	}
	application, err := pragma(ctx, db, "application_id")
	if err != nil {
		return err
	}
	tables, err := pragma(ctx, db, "schema_version")
	if err != nil {
		return err
	}
	switch {
	case tables == 0 && version == 0:
		return nil // The process that made the file was killed before it made the first table.
	case application != applicationID:
		return fmt.Errorf("%s is the database of another program: %w", FileName, ErrDamaged)
	case version > int64(len(migrations)):
		return fmt.Errorf("version %d, this one knows %d: %w", version, len(migrations), ErrNewer)
	}
	for _, table := range checkedTables(version) {
		var finding string
		if err := db.QueryRowContext(ctx, "PRAGMA quick_check('"+table+"')").Scan(&finding); err != nil {
			return fmt.Errorf("check table %s: %w", table, classify(err))
		}
		if finding != "ok" {
			return fmt.Errorf("table %s: %s: %w", table, finding, ErrDamaged)
		}
	}
	return nil
}
