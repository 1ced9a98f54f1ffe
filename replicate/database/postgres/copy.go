package postgres

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"failoverd/replicate/database"
)

// Copy makes the staging: the schema without what checks or fires, the rows, and then the rest of the schema.
func (e Engine) Copy(ctx context.Context, p database.Pair, w database.Watch) (database.Snapshot, error) {
	if err := context.Cause(ctx); err != nil {
		return database.Snapshot{}, err
	}
	meter := database.NewMeter(w)
	defer meter.Stop()
	c := &copying{Engine: e, pair: p, meter: meter}
	defer c.close()
	s, err := c.all(ctx)
	if err != nil {
		return database.Snapshot{}, cause(ctx, err)
	}
	return s, nil
}

// copying is one copy at work.
type copying struct {
	Engine
	pair      database.Pair
	source    *instant
	server    *pgx.Conn   // to the target
	readers   []*pgx.Conn // see the instant, the first is the one that holds it
	writers   []*pgx.Conn // fill the staging, as many
	installed []programs
	programs  programs
	meter     *database.Meter
	mold      mold
	terms     terms
	tables    []table
	objects   map[string]int
}

// close ends what is still open.
func (c *copying) close() {
	if c.source != nil {
		c.source.release()
	}
	hangUp(c.server)
	for _, conn := range slices.Concat(c.readers, c.writers) {
		hangUp(conn)
	}
}

func (c *copying) all(ctx context.Context) (s database.Snapshot, err error) {
	c.meter.Begin("schema", 0)
	if err := c.open(ctx); err != nil {
		return s, err
	}
	s = database.Snapshot{At: c.source.at, Identity: c.source.identity, Position: c.source.position}
	if c.tables, err = c.source.tables(ctx); err != nil {
		return s, err
	}
	if err := c.source.lock(ctx, c.source.conn, c.tables); err != nil {
		return s, err
	}
	if err := c.join(ctx); err != nil {
		return s, err
	}
	schema, err := spool()
	if err != nil {
		return s, err
	}
	defer closeLater(schema)
	if err := c.stage(ctx, schema); err != nil {
		return s, err
	}
	s.Objects = c.objects
	if err := together(ctx,
		func(ctx context.Context) error { return c.section(ctx, "pre-data", schema, 1) },
		c.write,
	); err != nil {
		return s, err
	}
	if s.Tables, err = c.data(ctx); err != nil {
		return s, err
	}
	for _, t := range s.Tables {
		s.Rows += t.Rows
	}
	c.meter.Begin("indexes", 0)
	if err := together(ctx,
		func(ctx context.Context) error { return c.section(ctx, "post-data", schema, len(c.writers)) },
		c.sequences,
	); err != nil {
		return s, err
	}
	if err := c.finish(ctx); err != nil {
		return s, err
	}
	if info, err := schema.Stat(); err == nil { // It is there: we hold it open.
		c.meter.Bytes.Add(info.Size())
	}
	s.Bytes = c.meter.Bytes.Load()
	return s, nil
}

// together does things beside each other, which have to be done all.
func together(ctx context.Context, things ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, do := range things {
		group.Go(func() error { return do(ctx) })
	}
	return group.Wait()
}

// open reaches both ends, and looks for the programs meanwhile. To begin a session is what costs a server most of all when
// a catalog is small, so each is begun while something else is done, and kept.
func (c *copying) open(ctx context.Context) error {
	return together(ctx,
		func(ctx context.Context) (err error) {
			c.source, err = hold(ctx, c.pair.Source, c.pair.Source.Catalog)
			return err
		},
		func(ctx context.Context) (err error) {
			c.server, err = dialServer(ctx, c.pair.Target)
			return err
		},
		func(ctx context.Context) error {
			c.installed = c.Engine.installed(ctx)
			return nil
		},
	)
}

// stage makes the empty staging. Meanwhile it reads the schema, and counts what there is.
func (c *copying) stage(ctx context.Context, schema *os.File) (err error) {
	if c.programs, err = choose(c.installed, major(c.source.conn), major(c.server)); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.programs.dump(ctx, c.pair.Source, c.source.id, schema) })
	group.Go(func() error {
		if err := c.plan(ctx); err != nil {
			return err
		}
		group.Go(func() (err error) {
			if c.objects, err = objects(ctx, c.source.conn); err != nil {
				return at(c.pair.Source, "read "+c.pair.Source.Catalog, err)
			}
			return nil
		})
		if err := dropStaging(ctx, c.server, c.pair.Target, c.pair.Names.Staging); err != nil {
			return err
		}
		return c.mold.make(ctx, c.server, c.pair.Target, c.pair.Names.Staging, c.pair.Run, c.terms)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	hangUp(c.server)
	return nil
}

// plan finds what the staging is to be besides what it holds, and what of owners and grants it can keep.
func (c *copying) plan(ctx context.Context) (err error) {
	if c.mold, err = readMold(ctx, c.source.conn); err != nil {
		return at(c.pair.Source, "read "+c.pair.Source.Catalog, err)
	}
	spoken, err := readRoles(ctx, c.source.conn)
	if err != nil {
		return at(c.pair.Source, "read "+c.pair.Source.Catalog, err)
	}
	we, err := readAccount(ctx, c.server)
	if err != nil {
		return at(c.pair.Target, "prepare", err)
	}
	c.terms = we.terms(spoken)
	return nil
}

// section makes a section of the schema in the staging.
func (c *copying) section(ctx context.Context, name string, schema *os.File, jobs int) error {
	err := c.programs.restore(ctx, c.pair.Target, c.pair.Names.Staging, name, schema, jobs, c.terms)
	if err != nil {
		return at(c.pair.Target, "make the "+name+" section of the schema in "+c.pair.Names.Staging, err)
	}
	return nil
}

// workers is how many sessions at a time are worth their start for some tables: a small catalog has been copied by one
// before another is let in.
func (e Engine) workers(tables []table) int {
	var total int64
	for _, t := range tables {
		total += t.bytes
	}
	if total < small {
		return 1
	}
	return e.streams()
}

// small is how large a catalog is that one session copies in some tenths of a second.
const small = 4 << 20

// join begins the sessions that read the rows.
func (c *copying) join(ctx context.Context) error {
	c.readers = append(c.readers, c.source.conn)
	for range c.workers(c.tables) - 1 {
		conn, err := c.source.join(ctx)
		if err != nil {
			return err
		}
		c.readers = append(c.readers, conn)
		if len(c.tables) <= lockedAtOnce {
			if err := c.source.lock(ctx, conn, c.tables); err != nil {
				return err
			}
		}
	}
	return nil
}

// write begins the sessions that fill the staging. They do not wait for the disk: the swap does, for all before it.
func (c *copying) write(ctx context.Context) error {
	for range c.readers {
		to, err := dial(ctx, c.pair.Target, c.pair.Names.Staging)
		if err != nil {
			return err
		}
		c.writers = append(c.writers, to)
		if _, err := to.Exec(ctx, `SET synchronous_commit = off`); err != nil {
			return at(c.pair.Target, "prepare the session", err)
		}
	}
	return nil
}

// data copies the rows, the largest tables first, several at a time, each by one session: only the transaction that has a
// table for itself may have its rows arrive frozen, and what comes after the rows then takes less time than a second session saves.
func (c *copying) data(ctx context.Context) ([]database.Table, error) {
	var total int64
	parts := make([]part, 0, len(c.tables))
	for _, t := range c.tables {
		parts = append(parts, part{table: t, whole: true})
		total += t.bytes
	}
	largestFirst(parts)
	c.meter.Begin("data", total)
	var mu sync.Mutex
	sums := map[string]sum{}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for k, from := range c.readers {
		group.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(parts) {
					return nil
				}
				carried, err := c.carry(ctx, from, c.writers[k], parts[n])
				if err != nil {
					return fmt.Errorf("copy table %s from %s to %s: %w", parts[n].name, c.pair.Source.Host, c.pair.Target.Host, err)
				}
				mu.Lock()
				sums[parts[n].name] = sums[parts[n].name].and(carried)
				mu.Unlock()
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return listed(c.tables, sums), nil
}

// listed are the tables of a snapshot.
func listed(tables []table, sums map[string]sum) []database.Table {
	list := make([]database.Table, 0, len(tables))
	for _, t := range tables {
		list = append(list, database.Table{Name: t.name, Rows: sums[t.name].rows, Sum: text(sums[t.name].hash)})
	}
	return list
}

// largestFirst puts parts in the order in which several sessions have done all of them soonest.
func largestFirst(parts []part) {
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.share(), a.share()) })
}

// carry copies a part. As it goes, it counts for as many bytes as it has on disk, at most.
func (c *copying) carry(ctx context.Context, from, to *pgx.Conn, p part) (*sum, error) {
	share := p.share()
	var counted int64
	var unsaid, rows int64
	say := func() {
		some := min(unsaid, share-counted)
		counted += some
		c.meter.Bytes.Add(unsaid)
		c.meter.Rows.Add(rows)
		c.meter.Advance(p.name, some)
		unsaid, rows = 0, 0
	}
	carried, err := carry(ctx, from, to, p, func(bytes int, row bool) {
		unsaid += int64(bytes)
		if row {
			rows++
		}
		if unsaid >= saidAtOnce {
			say()
		}
	})
	if err != nil {
		return nil, err
	}
	say()
	c.meter.Advance(p.name, share-counted)
	return carried, nil
}

// saidAtOnce spares the meter the single rows.
const saidAtOnce = 256 << 10

// finish copies what is neither a row nor a part of the schema, and lets the staging's planner know what it has.
func (c *copying) finish(ctx context.Context) error {
	if c.objects["large object"] > 0 {
		c.meter.Begin("large objects", 0)
		if err := c.programs.largeObjects(ctx, c.pair.Source, c.pair.Target, c.pair.Names.Staging, c.source.id); err != nil {
			return err
		}
	}
	to := c.writers[0]
	c.meter.Begin("materialized views", 0)
	if err := c.refresh(ctx, to); err != nil {
		return err
	}
	c.meter.Begin("statistics", 0)
	return c.analyze(ctx, to)
}

// analyzedQuery lists what has statistics and is no part of the server: to analyze its own some sixty tables takes longer
// than the tables of a small catalog, and it does that by itself when they have changed.
const analyzedQuery = `SELECT format('%I.%I', n.nspname, c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
	ORDER BY 1`

// analyze makes the statistics of the staging's planner.
func (c *copying) analyze(ctx context.Context, to *pgx.Conn) error {
	rows, err := to.Query(ctx, analyzedQuery)
	if err != nil {
		return at(c.pair.Target, "list what is to be analyzed", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return at(c.pair.Target, "list what is to be analyzed", err)
	}
	for some := range slices.Chunk(names, lockedAtOnce) {
		if _, err := to.Exec(ctx, "ANALYZE "+strings.Join(some, ", ")); err != nil {
			return at(c.pair.Target, "analyze "+c.pair.Names.Staging, err)
		}
	}
	return nil
}

// sequencesQuery lists the sequences that are copied, which those of extensions are if they are marked so.
const sequencesQuery = `SELECT format('%I.%I', n.nspname, c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
		AND (NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
			OR c.oid IN (SELECT unnest(extconfig) FROM pg_extension))
	ORDER BY 1`

// sequences sets every sequence as it is at the source now: they know no instants, and one that is ahead does no harm.
func (c *copying) sequences(ctx context.Context) error {
	if err := c.setSequences(ctx, c.writers[0]); err != nil {
		return fmt.Errorf("copy the sequences: %w", err)
	}
	return nil
}

func (c *copying) setSequences(ctx context.Context, to *pgx.Conn) error {
	rows, err := c.source.conn.Query(ctx, sequencesQuery)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	const atOnce = 200
	for some := range slices.Chunk(names, atOnce) {
		var read, written []string
		for _, name := range some {
			read = append(read, fmt.Sprintf("SELECT %s, last_value, is_called FROM %s", quote(name), name))
		}
		rows, err := c.source.conn.Query(ctx, strings.Join(read, " UNION ALL "))
		if err != nil {
			return err
		}
		var name string
		var last int64
		var called bool
		_, err = pgx.ForEachRow(rows, []any{&name, &last, &called}, func() error {
			written = append(written, fmt.Sprintf("setval(%s, %d, %t)", quote(name), last, called))
			return nil
		})
		if err != nil {
			return err
		}
		if _, err := to.Exec(ctx, "SELECT "+strings.Join(written, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// viewsQuery lists the materialized views that are filled, each after those that it is made of.
const viewsQuery = `
WITH RECURSIVE uses(view, used) AS (
	SELECT DISTINCT r.ev_class, d.refobjid FROM pg_rewrite r
	JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
		AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
	JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('v', 'm')
), depth(view, n) AS (
	SELECT oid, 0 FROM pg_class WHERE relkind = 'm'
	UNION
	SELECT uses.view, depth.n + 1 FROM uses JOIN depth ON uses.used = depth.view
)
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated
ORDER BY (SELECT max(depth.n) FROM depth WHERE depth.view = c.oid), 1`

// refresh fills the materialized views, by what they are made of at the snapshot.
func (c *copying) refresh(ctx context.Context, to *pgx.Conn) error {
	rows, err := c.source.conn.Query(ctx, viewsQuery)
	if err != nil {
		return at(c.pair.Source, "list the materialized views", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return at(c.pair.Source, "list the materialized views", err)
	}
	for _, name := range names {
		if _, err := to.Exec(ctx, "REFRESH MATERIALIZED VIEW "+name); err != nil {
			return at(c.pair.Target, "fill the materialized view "+name, err)
		}
	}
	return nil
}
