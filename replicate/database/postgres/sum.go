package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"failoverd/replicate/database"
)

// sum adds up the rows of a COPY that goes through it. The server sends a message for each row, so what is written at
// once is one row; what comes before the first row of a binary COPY and after its last one is left out. Rows are
// added, not chained: their order does not matter, and rows that occur twice count twice.
type sum struct {
	binary bool
	begun  bool
	rows   int64
	hash   uint64
}

// A binary COPY begins with a signature, flags and the length of an extension, and ends with the number -1 in two
// bytes, where a row has the number of its columns.
const (
	binaryHeader  = 11 + 4 + 4
	binaryTrailer = "\xff\xff"
)

// Write takes one message.
func (s *sum) Write(message []byte) (int, error) {
	row := message
	if s.binary && !s.begun {
		if len(row) < binaryHeader {
			return 0, fmt.Errorf("a binary COPY begins with %d bytes", len(row))
		}
		row = row[binaryHeader:]
		s.begun = true
	}
	if s.binary && (len(row) == 0 || string(row) == binaryTrailer) {
		return len(message), nil
	}
	s.rows++
	s.hash += xxhash.Sum64(row)
	return len(message), nil
}

// text is a sum as snapshots have it.
func text(hash uint64) string { return fmt.Sprintf("%016x", hash) }

// and adds another part of the same table.
func (s sum) and(other *sum) sum {
	return sum{rows: s.rows + other.rows, hash: s.hash + other.hash}
}

// sums reads every row of some tables and sums them up, several parts at a time.
func (e Engine) sums(ctx context.Context, i *instant, tables []table) ([]database.Table, error) {
	parts, _ := e.partsOf(tables, major(i.conn))
	group, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	sums := map[string]sum{}
	var next atomic.Int64
	for range min(e.streams(), len(parts)) {
		group.Go(func() error {
			conn, err := i.join(ctx)
			if err != nil {
				return err
			}
			defer hangUp(conn)
			for {
				n := int(next.Add(1)) - 1
				if n >= len(parts) {
					return nil
				}
				read, err := sumOf(ctx, conn, parts[n])
				if err != nil {
					return at(i.end, "read "+parts[n].name, err)
				}
				mu.Lock()
				sums[parts[n].name] = sums[parts[n].name].and(read)
				mu.Unlock()
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return listed(tables, sums), nil
}

// sumOf reads every row of a part.
func sumOf(ctx context.Context, conn *pgx.Conn, p part) (*sum, error) {
	s := &sum{binary: p.binary}
	tag, err := conn.PgConn().CopyTo(ctx, s, p.reads())
	if err != nil {
		return nil, err
	}
	if tag.RowsAffected() != s.rows {
		return nil, fmt.Errorf("the server sent %d rows and says %d", s.rows, tag.RowsAffected())
	}
	return s, nil
}
