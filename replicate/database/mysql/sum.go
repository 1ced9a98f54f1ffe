package mysql

import (
	"context"
	"fmt"
	"sync"

	"github.com/cespare/xxhash/v2"

	"failoverd/replicate/database"
)

// sum adds up rows, so that their order does not matter, and rows that occur twice count twice.
type sum struct {
	rows int64
	hash uint64
}

func (s *sum) add(line []byte) {
	s.rows++
	s.hash += xxhash.Sum64(line)
}

// text is a sum as snapshots have it.
func (s sum) text() string { return fmt.Sprintf("%016x", s.hash) }

// sums reads every row of a schema's tables, several parts at a time, and sums them up.
func (e Engine) sums(ctx context.Context, end database.End, schema string) ([]database.Table, error) {
	var readers []*session
	defer func() {
		for _, r := range readers {
			r.hangUp()
		}
	}()
	for range e.streams() {
		s, err := dial(ctx, end, schema)
		if err != nil {
			return nil, err
		}
		readers = append(readers, s)
	}
	list, err := tables(ctx, readers[0], schema)
	if err != nil {
		return nil, err
	}
	parts, _, err := partsOf(ctx, readers[0], schema, list)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	sums := map[string]sum{}
	err = share(ctx, len(readers), parts, func(ctx context.Context, worker int, p part) error {
		var total sum
		err := readers[worker].read(ctx, schema, p, func(line []byte) error {
			total.add(line)
			return nil
		})
		mu.Lock()
		defer mu.Unlock()
		sums[p.name] = sum{rows: sums[p.name].rows + total.rows, hash: sums[p.name].hash + total.hash}
		return err
	})
	if err != nil {
		return nil, err
	}
	return listed(list, sums), nil
}
