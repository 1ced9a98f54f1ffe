package mysql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"failoverd/replicate/database"
)

// Copy makes the staging: the tables, the rows, then indexes, foreign keys and all that is kept as statements.
func (e Engine) Copy(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
	if err := context.Cause(ctx); err != nil {
		return database.Snapshot{}, err
	}
	c := &copying{Engine: e, pair: p, staging: p.Names.Staging, meter: database.NewMeter(w)}
	defer c.meter.Stop()
	s, err := c.all(ctx)
	if err != nil {
		return database.Snapshot{}, cause(ctx, err)
	}
	return s, nil
}

// copying is one copy at work.
type copying struct {
	Engine
	pair     database.Pair
	staging  string
	meter    *database.Meter
	source   *instant
	tables   []table
	outlines []outline
	writers  []*session
}

func (c *copying) all(ctx context.Context) (s database.Snapshot, err error) {
	defer func() {
		for _, w := range c.writers {
			w.hangUp()
		}
	}()
	c.meter.Begin("schema", 0)
	if err := c.clear(ctx); err != nil {
		return s, err
	}
	if c.source, err = hold(ctx, c.pair.Source, c.streams()); err != nil {
		return s, err
	}
	defer c.source.release()
	s.At, s.Identity, s.Position = c.source.at, c.source.identity, c.source.position
	plain, err := dial(ctx, c.pair.Source, c.pair.Source.Catalog)
	if err != nil {
		return s, err
	}
	defer plain.hangUp()
	if err := c.permitted(ctx, plain); err != nil {
		return s, err
	}
	if c.tables, err = c.source.look(ctx, c.pair.Source.Catalog); err != nil {
		return s, err
	}
	if s.Objects, err = objects(ctx, plain, c.pair.Source.Catalog); err != nil {
		return s, err
	}
	code, err := definitions(ctx, plain, c.pair.Source.Catalog)
	if err != nil {
		return s, err
	}
	if err := c.stage(ctx, plain); err != nil {
		return s, err
	}
	if s.Tables, err = c.data(ctx); err != nil {
		return s, err
	}
	for _, t := range s.Tables {
		s.Rows += t.Rows
	}
	if err := c.finish(ctx, code); err != nil {
		return s, err
	}
	s.Bytes = c.meter.Bytes.Load()
	return s, nil
}

// clear opens the target's sessions and drops what an earlier run has left.
func (c *copying) clear(ctx context.Context) error {
	for range c.streams() {
		w, err := dial(ctx, c.pair.Target, "")
		if err != nil {
			return err
		}
		c.writers = append(c.writers, w)
	}
	if err := resolve(ctx, c.writers[0], c.pair.Names); err != nil {
		return err
	}
	return discard(ctx, c.writers[0], c.pair.Names)
}

// permitted refuses to make a copy that would lack what our account does not see.
func (c *copying) permitted(ctx context.Context, plain *session) error {
	we, err := readAccount(ctx, plain)
	if err != nil {
		return at(plain.end, "read our rights", err)
	}
	var failed []error
	for _, p := range we.lacks(plain.end, readNeeds(plain.server, c.pair.Source.Catalog)) {
		failed = append(failed, fmt.Errorf("%s: %s", p.Text, p.Remedy))
	}
	books, err := libraries(ctx, plain, c.pair.Source.Catalog)
	if err != nil {
		return err
	}
	if len(books) > 0 {
		failed = append(failed, at(plain.end, "copy the libraries "+strings.Join(books, ", "), errors.New("they would be missing")))
	}
	return errors.Join(failed...)
}

// stage makes the staging with empty tables.
func (c *copying) stage(ctx context.Context, plain *session) error {
	m, err := readMold(ctx, plain, c.pair.Source.Catalog)
	if err != nil {
		return err
	}
	to := c.writers[0]
	if err := to.exec(ctx, "CREATE DATABASE "+ident(c.staging)+m.set()); err != nil {
		return at(to.end, "create "+c.staging, err)
	}
	for _, w := range c.writers {
		if err := w.exec(ctx, "USE "+ident(c.staging)); err != nil {
			return at(w.end, "use "+c.staging, err)
		}
	}
	// Tables may count by sequences.
	if plain.server.mariadb {
		if err := sequences(ctx, plain, to, c.pair.Source.Catalog, c.staging); err != nil {
			return err
		}
	}
	for _, t := range c.tables {
		o, err := readOutline(ctx, plain, c.pair.Source.Catalog, t)
		if err != nil {
			return err
		}
		if err := o.make(ctx, to, c.staging); err != nil {
			return err
		}
		c.outlines = append(c.outlines, o)
	}
	return nil
}

// data copies the rows, the largest parts first, several at a time.
func (c *copying) data(ctx context.Context) ([]database.Table, error) {
	parts, total, err := partsOf(ctx, c.source.readers[0], c.pair.Source.Catalog, c.tables)
	if err != nil {
		return nil, err
	}
	c.meter.Begin("data", total)
	var mu sync.Mutex
	sums := map[string]sum{}
	err = share(ctx, min(len(c.writers), len(c.source.readers)), parts, func(ctx context.Context, worker int, p part) error {
		var counted int64
		carried, err := carry(ctx, c.source.readers[worker], c.writers[worker], c.pair.Source.Catalog, c.staging, p,
			func(bytes, rows int64) {
				some := min(bytes, p.share-counted)
				counted += some
				c.meter.Bytes.Add(bytes)
				c.meter.Rows.Add(rows)
				c.meter.Advance(p.name, some)
			})
		if err != nil {
			return err
		}
		c.meter.Advance(p.name, p.share-counted)
		mu.Lock()
		defer mu.Unlock()
		sums[p.name] = sum{rows: sums[p.name].rows + carried.rows, hash: sums[p.name].hash + carried.hash}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return listed(c.tables, sums), nil
}

// listed are the tables of a snapshot.
func listed(tables []table, sums map[string]sum) []database.Table {
	list := []database.Table{}
	for _, t := range tables {
		list = append(list, database.Table{Name: t.name, Rows: sums[t.name].rows, Sum: sums[t.name].text()})
	}
	return list
}

// partsOf cuts tables, and says how many bytes all of them have.
func partsOf(ctx context.Context, s *session, schema string, tables []table) (parts []part, total int64, err error) {
	for i := range tables {
		cut, err := tables[i].parts(ctx, s, schema)
		if err != nil {
			return nil, 0, err
		}
		for _, p := range cut {
			total += p.share
		}
		parts = append(parts, cut...)
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.share, a.share) })
	return parts, total, nil
}

// share lets so many workers do something with each of a list, in its order.
func share[T any](ctx context.Context, workers int, list []T, do func(ctx context.Context, worker int, t T) error) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for worker := range min(workers, len(list)) {
		group.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(list) {
					return nil
				}
				if err := do(ctx, worker, list[n]); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// finish makes what could not be made before there were rows.
func (c *copying) finish(ctx context.Context, code []definition) error {
	c.meter.Begin("indexes", 0)
	slices.SortStableFunc(c.outlines, func(a, b outline) int { return cmp.Compare(len(b.indexes), len(a.indexes)) })
	err := share(ctx, len(c.writers), c.outlines, func(ctx context.Context, worker int, o outline) error {
		return o.index(ctx, c.writers[worker], c.staging)
	})
	if err != nil {
		return err
	}
	to := c.writers[0]
	c.meter.Begin("foreign keys", 0)
	for _, o := range c.outlines {
		if err := o.constrain(ctx, to, c.staging); err != nil {
			return err
		}
	}
	c.meter.Begin("views, routines, triggers, events", 0)
	accounts, err := readAccounts(ctx, to)
	if err != nil {
		return err
	}
	return makeAll(ctx, to, c.staging, code, terms{from: c.pair.Source.Catalog, accounts: accounts})
}
