package mysql

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	driverlib "github.com/go-sql-driver/mysql"
)

// Rows travel in blocks, so that the two ends do not wait for each other at every row.
const (
	blockBytes = 256 << 10
	blocks     = 8
)

// read reads a part by a session, and hands every row over as a line. The line is good until the next one.
func (s *session) read(ctx context.Context, schema string, p part, take func(line []byte) error) error {
	err := s.conn.Raw(func(c any) (err error) {
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, p.reads(schema), nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		values := make([]driver.Value, len(p.columns))
		var line []byte
		for {
			switch err := rows.Next(values); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			if line, err = appendLine(line[:0], values); err != nil {
				return err
			}
			if err := take(line); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return at(s.end, "read table "+of(schema, p.name), err)
	}
	return nil
}

// stream is lines on their way from the goroutine that reads them to the driver that sends them.
type stream struct {
	ctx   context.Context
	stop  context.CancelCauseFunc
	ended atomic.Bool // all of it has been read
	full  chan []byte
	empty chan []byte
	block []byte // being read
	rest  []byte // of it
}

func newStream(ctx context.Context, stop context.CancelCauseFunc) *stream {
	s := &stream{ctx: ctx, stop: stop, full: make(chan []byte, blocks), empty: make(chan []byte, blocks)}
	for range blocks {
		s.empty <- make([]byte, 0, blockBytes)
	}
	return s
}

// send hands a block over, and gives an empty one for it.
func (s *stream) send(block []byte) ([]byte, error) {
	select {
	case s.full <- block:
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
	return s.room()
}

func (s *stream) room() ([]byte, error) {
	select {
	case block := <-s.empty:
		return block[:0], nil
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
}

// Read is what the driver reads. After an error it sends what it has as if it were all: what was loaded is not used.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.block != nil {
			s.empty <- s.block // There is room for all there are.
			s.block = nil
		}
		select {
		case block, more := <-s.full:
			if !more {
				s.ended.Store(true)
				return 0, io.EOF
			}
			s.block, s.rest = block, block
		case <-s.ctx.Done():
			return 0, context.Cause(s.ctx)
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// carry copies a part from one session to another, and sums it up. It tells how far it is, block by block.
func carry(ctx context.Context, from, to *session, source, target string, p part, tell func(bytes, rows int64)) (sum, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	lines := newStream(ctx, stop)
	var total sum
	read := make(chan error, 1)
	go func() {
		err := fill(ctx, lines, from, source, p, &total, tell)
		if err != nil {
			stop(err)
		} else {
			close(lines.full)
		}
		read <- err
	}()
	loaded, err := to.load(ctx, target, p, lines)
	if err != nil {
		stop(err)
	}
	// The first one is the reason of the other one.
	if failed := <-read; failed != nil || err != nil {
		return total, context.Cause(ctx)
	}
	if loaded != total.rows {
		return total, fmt.Errorf("%s: load table %s: %d of %d rows were taken", to.end.Host, of(target, p.name), loaded, total.rows)
	}
	return total, nil
}

// fill fills a stream with a part.
func fill(ctx context.Context, lines *stream, from *session, schema string, p part, total *sum, tell func(bytes, rows int64)) error {
	block, err := lines.room()
	if err != nil {
		return err
	}
	var rows int64
	send := func() error {
		tell(int64(len(block)), rows)
		rows = 0
		block, err = lines.send(block)
		return err
	}
	err = from.read(ctx, schema, p, func(line []byte) error {
		total.add(line)
		rows++
		block = append(block, line...)
		if len(block) < blockBytes-blockBytes/8 {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	return send()
}

// load loads what comes by a stream into a table, and says how many rows were taken. What would have to be changed to
// be taken is an error.
func (s *session) load(ctx context.Context, schema string, p part, lines *stream) (int64, error) {
	name := "failoverd-" + rand.Text()
	var watch *watch
	driverlib.RegisterReaderHandler(name, func() io.Reader { // The server has asked for the rows.
		watch = attend(s.raw, lines)
		return lines
	})
	defer driverlib.DeregisterReaderHandler(name)
	result, err := s.conn.ExecContext(ctx, p.loads(schema, name))
	watch.end()
	if err != nil {
		return 0, at(s.end, "load table "+of(schema, p.name), err)
	}
	warnings, err := s.rows(ctx, `SHOW WARNINGS LIMIT 1`)
	if err == nil && len(warnings) > 0 {
		err = errors.New(warnings[0][2])
	}
	if err != nil {
		return 0, at(s.end, "load table "+of(schema, p.name), err)
	}
	return result.RowsAffected()
}
