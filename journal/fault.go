package journal

import (
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// classify puts the sentinel that callers decide on around an error of SQLite, and keeps SQLite's words.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	var fault *sqlite.Error
	if !errors.As(err, &fault) {
		return err
	}
	switch fault.Code() {
	case codes.SQLITE_FULL, codes.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w (%w)", ErrFull, err)
	case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fmt.Errorf("%w (%w)", ErrExists, err)
	}
	switch fault.Code() & 0xff { // The low byte is the primary code, also of an extended one.
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return err
}

// isHalfMade reports whether a file cannot be read because somebody was killed while he wrote to it, and has left beside it
// how it was before (https://www.sqlite.org/rescode.html#readonly_rollback). A journal is written that way only until it has
// its log, when it is made: after that a crash leaves nothing to be undone.
func isHalfMade(err error) bool {
	fault, ok := errors.AsType[*sqlite.Error](err)
	return ok && fault.Code() == codes.SQLITE_READONLY_ROLLBACK
}
