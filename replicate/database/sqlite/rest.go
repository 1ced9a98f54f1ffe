package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
	codes "modernc.org/sqlite/lib"
)

// atRest is the option of a connection to a file that nobody changes.
const atRest = "immutable=1"

// rest is a database in WAL mode that nobody has open, in a directory where nothing may be made: SQLite would want to make
// the log's index there. It is read as a file that rests, and that it did rest is looked at when it has been read.
type rest struct {
	path   string
	before unix.Stat_t
}

// resting says whether a database that could not be opened for that reason rests.
func resting(path string, why error) (r rest, is bool) {
	if code(why)&0xff != codes.SQLITE_CANTOPEN && code(why) != codes.SQLITE_READONLY_DIRECTORY {
		return r, false
	}
	for _, beside := range companions(path) {
		if _, err := os.Lstat(beside); !errors.Is(err, fs.ErrNotExist) {
			return r, false
		}
	}
	r.path = path
	return r, unix.Stat(path, &r.before) == nil
}

// rested says whether the file has been let alone. Who has opened it meanwhile writes to a log first, and what is in the
// file is whole as long as nothing of the log is folded in.
func (r rest) rested() error {
	var now unix.Stat_t
	if err := unix.Stat(r.path, &now); err != nil {
		return err
	}
	if b := r.before; now.Ino != b.Ino || now.Size != b.Size || now.Mtim != b.Mtim || now.Ctim != b.Ctim {
		return errors.New("somebody has begun to work with " + r.path + " while it was read: it is whole again with the next try")
	}
	return nil
}

// lookFrom opens a file to read it, where nothing may be made beside it; done says whether what was read holds, and closes
// the connection.
func (p *pages) lookFrom(ctx context.Context, path string) (c *connection, done func() error, err error) {
	if c, err = p.look(ctx, path); err == nil {
		return c, c.close, nil
	}
	r, is := resting(path, err)
	if !is {
		return nil, nil, err
	}
	if c, err = adopt(ctx, sql.OpenDB(connector{p.driver, source(path, readOnly, atRest)}), path); err != nil {
		return nil, nil, err
	}
	return c, func() error { return errors.Join(r.rested(), c.close()) }, nil
}
