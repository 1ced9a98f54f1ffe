package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// stream is what lies between the end that is read and the one that is written: blocks of a mebibyte, so that neither
// waits for the other with each row. It has one writer and one reader.
type stream struct {
	full, free chan []byte
	filling    []byte // of the writer
	reading    []byte // of the reader, what it has not taken yet
	held       []byte // of the reader, the whole block
	gone       chan struct{}
}

const (
	blockSize = 1 << 20
	blocks    = 3
)

func newStream() *stream {
	s := &stream{full: make(chan []byte, blocks), free: make(chan []byte, blocks), gone: make(chan struct{})}
	for range blocks {
		s.free <- make([]byte, 0, blockSize)
	}
	return s
}

// errGone is what the writer gets when the reader has gone; the reader's error is the one that matters.
var errGone = errors.New("the other end does not take it")

// Write takes a row.
func (s *stream) Write(row []byte) (int, error) {
	for rest := row; len(rest) > 0; {
		if s.filling == nil {
			select {
			case s.filling = <-s.free:
			case <-s.gone:
				return 0, errGone
			}
		}
		n := min(len(rest), blockSize-len(s.filling))
		s.filling = append(s.filling, rest[:n]...)
		rest = rest[n:]
		if len(s.filling) == blockSize {
			s.full <- s.filling // There is room for every block.
			s.filling = nil
		}
	}
	return len(row), nil
}

// end tells the reader that all has been written.
func (s *stream) end() {
	if s.filling != nil {
		s.full <- s.filling
		s.filling = nil
	}
	close(s.full)
}

// Read gives what was written.
func (s *stream) Read(p []byte) (int, error) {
	if len(s.reading) == 0 {
		if s.held != nil {
			s.free <- s.held[:0]
			s.held = nil
		}
		block, more := <-s.full
		if !more {
			return 0, io.EOF
		}
		s.held, s.reading = block, block
	}
	n := copy(p, s.reading)
	s.reading = s.reading[n:]
	return n, nil
}

// carry takes a part of a table from one server to the other, and sums it up on the way.
func carry(ctx context.Context, from, to *pgx.Conn, p part, passed func(bytes int, row bool)) (*sum, error) {
	group, ctx := errgroup.WithContext(ctx)
	s := newStream()
	total := &sum{binary: p.binary}
	var read, written int64
	group.Go(func() error {
		defer s.end()
		var err error
		read, err = take(ctx, from, p.reads(), func(message []byte) error {
			row, err := total.add(message)
			if err != nil {
				return err
			}
			passed(len(message), row)
			_, err = s.Write(message)
			return err
		})
		if err != nil && !errors.Is(err, errGone) {
			err = fmt.Errorf("read: %w", err)
		}
		if err != nil {
			// What was read so far must not look like all of it: the writing ends with an error, too.
			return err
		}
		return nil
	})
	group.Go(func() error {
		defer close(s.gone)
		var err error
		if written, err = fill(ctx, to, p, s); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if read != written || read != total.rows {
		return nil, fmt.Errorf("%d rows were read, %d counted, %d written", read, total.rows, written)
	}
	return total, nil
}

// fill writes a part into its table, and returns how many rows the server has taken. A table that is large enough to be worth it
// gets its rows frozen: they are marked as committed from the beginning, so that what reads them next (their indexes, the
// verification, the stand-in, a vacuum) does not write every page once more. The server allows it to the transaction that has
// emptied the table (PostgreSQL, COPY, FREEZE).
func fill(ctx context.Context, to *pgx.Conn, p part, rows io.Reader) (int64, error) {
	frozen := p.freezes()
	if frozen {
		var err error
		if frozen, err = truncate(ctx, to, p.name); err != nil {
			return 0, err
		}
	}
	tag, err := to.PgConn().CopyFrom(ctx, rows, p.writes(frozen))
	if err == nil && frozen {
		_, err = to.Exec(ctx, `COMMIT`)
	}
	return tag.RowsAffected(), err
}

// truncate begins a transaction that has a table for itself, which is empty anyway. An owner may have taken from itself the right to
// empty its table: then there is none.
func truncate(ctx context.Context, to *pgx.Conn, table string) (bool, error) {
	if _, err := to.Exec(ctx, `BEGIN`); err != nil {
		return false, err
	}
	_, err := to.Exec(ctx, `TRUNCATE ONLY `+table)
	if sqlState(err) == noRight {
		_, err = to.Exec(ctx, `ROLLBACK`)
		return false, err
	}
	return err == nil, err
}
