package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// seal is two bytes of a database's header, the versions that a program needs to write and to read it: 1 for a
// rollback journal, 2 for WAL. A write version above 2 means that the file may only be read
// (https://www.sqlite.org/fileformat2.html, 1.3.3). So a sealed copy has the write version that it had, and 2 more, and
// is read as with a rollback journal, for which readers need to write nothing beside it.
type seal struct{ write, read byte }

const (
	sealAt = 18 // where the two bytes are in the file
	raised = 2
)

func (s seal) sealed() bool { return s.read == 1 && s.write > raised && s.write <= 2*raised }
func (s seal) wal() bool    { return s.write == 2 }

// closed and opened are a seal's other state.
func (s seal) closed() seal { return seal{s.write + raised, 1} }
func (s seal) opened() seal { return seal{s.write - raised, s.write - raised} }

// seal reads it from the file by SQLite: to open and close a file beside SQLite would let go of its locks. A file
// without a page has none.
func (c *connection) seal(ctx context.Context) (s seal, err error) {
	pages, err := c.number(ctx, "PRAGMA page_count")
	if err != nil || pages == 0 {
		return s, err
	}
	var header []byte
	err = c.conn.QueryRowContext(ctx, "SELECT substr(data, 1, 100) FROM sqlite_dbpage WHERE pgno = 1").Scan(&header)
	if err != nil {
		return s, cause(ctx, err)
	}
	if len(header) < sealAt+2 {
		return s, errors.New("the header is cut off")
	}
	return seal{header[sealAt], header[sealAt+1]}, nil
}

// unseal writes the two bytes into a sealed file. SQLite itself would refuse; nobody else writes to it either.
func (p *place) unseal(name string, s seal) (err error) {
	f, err := p.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	o := s.opened()
	if _, err := f.WriteAt([]byte{o.write, o.read}, sealAt); err != nil {
		return err
	}
	return f.Sync()
}

// closeSeal seals the file. It needs it for itself for a moment.
func (c *connection) closeSeal(ctx context.Context, s seal) (err error) {
	if s == (seal{}) { // It has no page yet.
		if err := c.exec(ctx, "PRAGMA user_version = 0"); err != nil {
			return err
		}
		s = seal{1, 1}
	}
	if s.wal() {
		// This folds the log in and takes it away; nothing of the file must be beside it.
		if err := c.exec(ctx, "PRAGMA journal_mode = DELETE"); err != nil {
			return err
		}
	}
	if err := c.exec(ctx, "BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.exec(context.WithoutCancel(ctx), "ROLLBACK"))
		}
	}()
	now, err := c.seal(ctx)
	if err != nil {
		return err
	}
	if now != (seal{1, 1}) {
		return fmt.Errorf("it has the versions %v", now)
	}
	to := s.closed()
	const write = `UPDATE sqlite_dbpage SET data = CAST(substr(data, 1, 18) || ? || substr(data, 21) AS BLOB) WHERE pgno = 1`
	if err := c.exec(ctx, write, []byte{to.write, to.read}); err != nil {
		return err
	}
	return c.exec(ctx, "COMMIT")
}
