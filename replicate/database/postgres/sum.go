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

// sum adds up the rows of a COPY. The server sends a message for each row, so what is added at
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

// add takes one message, and says whether it was a row.
func (s *sum) add(message []byte) (row bool, err error) {
	if s.binary && !s.begun {
		if len(message) < binaryHeader {
			return false, fmt.Errorf("a binary COPY begins with %d bytes", len(message))
		}
		message = message[binaryHeader:]
		s.begun = true
	}
	if s.binary && (len(message) == 0 || string(message) == binaryTrailer) {
		return false, nil
	}
	s.rows++
	s.hash += xxhash.Sum64(message)
	return true, nil
}

// text is a sum as snapshots have it.
func text(hash uint64) string { return fmt.Sprintf("%016x", hash) }

// and adds another part of the same table.
func (s sum) and(other *sum) sum {
	return sum{rows: s.rows + other.rows, hash: s.hash + other.hash}
}

// sums reads every row of some tables and sums them up, several parts at a time.
func (e Engine) sums(ctx context.Context, i *instant, tables []table) ([]database.Table, error) {
	var parts []part
	for _, t := range tables {
		parts = append(parts, t.parts(e.pages(), major(i.conn))...)
	}
	largestFirst(parts)
	group, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	sums := map[string]sum{}
	var next atomic.Int64
	for n := range min(e.workers(tables), len(parts)) {
		group.Go(func() (err error) {
			conn := i.conn
			if n > 0 {
				if conn, err = i.join(ctx); err != nil {
					return err
				}
				defer hangUp(conn)
			}
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
	said, err := take(ctx, conn, p.reads(), func(message []byte) error {
		_, err := s.add(message)
		return err
	})
	if err != nil {
		return nil, err
	}
	if said != s.rows {
		return nil, fmt.Errorf("the server sent %d rows and says %d", s.rows, said)
	}
	return s, nil
}
