package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
)

// sieve lies between a server and pgx. While rows are taken it gives the rows of a COPY to whoever takes them, and pgx
// everything else: for pgx each row is a message, which costs more than the row.
type sieve struct {
	from io.Reader
	take func(row []byte) error // nil: pgx gets everything

	buf        []byte
	start, end int // of what was read and not given away yet
	left       int // bytes of a message that are pgx's
}

// sieveKey is under what a connection has its sieve.
const sieveKey = program + ".sieve"

// A message of the server is a letter, its length in four bytes without the letter, and its body.
const (
	messageHead = 1 + 4
	rowOfCopy   = 'd'
)

// newSieve reads in large pieces what the server sends in many small ones.
func newSieve(from io.Reader) *sieve { return &sieve{from: from, buf: make([]byte, readBuffer)} }

// Read gives pgx what is its own.
func (s *sieve) Read(p []byte) (int, error) {
	for s.left == 0 {
		if err := s.have(messageHead); err != nil {
			return 0, err
		}
		size := 1 + int64(binary.BigEndian.Uint32(s.buf[s.start+1:]))
		if s.take == nil || s.buf[s.start] != rowOfCopy {
			s.left = int(max(size, messageHead)) // pgx says what is wrong with one that is too short
			break
		}
		if size < messageHead || size-messageHead > largestRow {
			return 0, fmt.Errorf("the server says that it sends a row of %d bytes", size-messageHead)
		}
		if err := s.have(int(size)); err != nil {
			return 0, err
		}
		row := s.buf[s.start+messageHead : s.start+int(size)]
		s.start += int(size)
		if err := s.take(row); err != nil {
			return 0, err
		}
	}
	if err := s.have(1); err != nil {
		return 0, err
	}
	n := copy(p, s.buf[s.start:min(s.end, s.start+s.left)])
	s.start += n
	s.left -= n
	return n, nil
}

// largestRow is what a server can send at once: it builds no text of a gibibyte.
const largestRow = 1<<30 - 1

// have reads until there are so many bytes.
func (s *sieve) have(n int) error {
	for s.end-s.start < n {
		to := s.buf
		switch s.end - s.start {
		case 0:
			if len(s.buf) > readBuffer { // A large row has gone.
				to = make([]byte, readBuffer)
			}
		case len(s.buf): // It grows with what has come, and not by what is said to come.
			to = make([]byte, 2*len(s.buf))
		}
		s.end = copy(to, s.buf[s.start:s.end])
		s.start, s.buf = 0, to
		k, err := s.from.Read(s.buf[s.end:])
		s.end += k
		if err != nil && s.end-s.start < n {
			return err
		}
	}
	return nil
}

// errUnsieved is for a row that has got to pgx.
var errUnsieved = errors.New("a row came another way than it was read")

// take has a server copy to us, and gives each row to a function as the server has sent it. It returns how many rows the
// server says that there were.
func take(ctx context.Context, conn *pgx.Conn, statement string, row func([]byte) error) (int64, error) {
	s, there := conn.PgConn().CustomData()[sieveKey].(*sieve)
	if !there {
		return 0, errUnsieved
	}
	s.take = row
	defer func() { s.take = nil }()
	tag, err := conn.PgConn().CopyTo(ctx, writer(func([]byte) (int, error) { return 0, errUnsieved }), statement)
	return tag.RowsAffected(), err
}

// writer is a function that takes what is written.
type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
