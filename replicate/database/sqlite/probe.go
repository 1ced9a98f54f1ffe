package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os/user"

	codes "modernc.org/sqlite/lib"

	"failoverd/replicate/database"
)

// Probe looks at both files and at their directories.
func (Engine) Probe(ctx context.Context, p database.Pair) (database.Report, error) {
	var r database.Report
	look := probeSource
	switch {
	case far(p.Target) != nil:
		found(&r, true, "read-only", fmt.Sprintf("%s of %s is read by its agent, which changes nothing there", p.Target.Catalog, p.Target.Host),
			"bring the file back by hand, then: failoverd replicate from-live --accept discard-diverged")
		return r, nil
	case far(p.Source) != nil:
		look = probeFar
	}
	if err := look(ctx, p, &r); err != nil {
		return r, err
	}
	return r, probeTarget(ctx, p, &r)
}

// found adds a problem to a report.
func found(r *database.Report, blocks bool, code, text, remedy string) {
	r.Problems = append(r.Problems, database.Problem{Code: code, Blocks: blocks, Text: text, Remedy: remedy})
}

// probeSource looks at what is to be copied.
func probeSource(ctx context.Context, p database.Pair, r *database.Report) error {
	return probeBy(ctx, p, r, func(ctx context.Context, path string) (*connection, func() error, error) {
		c, err := look(ctx, path)
		if err != nil {
			return nil, nil, err
		}
		return c, c.close, nil
	})
}

// probeBy looks at what is to be copied in a way of opening it.
func probeBy(ctx context.Context, p database.Pair, r *database.Report, look func(context.Context, string) (*connection, func() error, error)) (err error) {
	e := p.Source
	place, err := open(e, e.Catalog)
	if err != nil {
		return err
	}
	defer place.close()
	bytes, kind, err := free(place.dir)
	if err != nil {
		return &database.UnreachableError{Host: e.Host, Err: err}
	}
	r.Source = database.Server{Product: "SQLite", Version: version, Free: bytes, Data: place.dir}
	if network(kind) {
		found(r, false, "network-file-system", fmt.Sprintf("%s at %s is on a file system of the network, whose locks cannot be relied on", place.dir, e.Host),
			"copy while the application rests, or have it write to a file of its own host")
	}
	name, err := place.points(e.Catalog)
	if err != nil {
		found(r, true, "no-catalog", err.Error(), "write the path of the database's file as the data source")
		return nil
	}
	if name == "" {
		found(r, true, "no-catalog", fmt.Sprintf("there is no %s at %s", place.path(place.link(e.Catalog)), e.Host),
			"write the path of the database's file as the data source, and see that its directory is mounted")
		return nil
	}
	c, done, err := look(ctx, place.path(name))
	if code(err)&0xff == codes.SQLITE_NOTADB || code(err)&0xff == codes.SQLITE_CORRUPT {
		found(r, true, "not-a-database", at(e, "look at "+e.Catalog, err).Error(), "write the path of an SQLite database as the data source, or repair it with sqlite3 FILE .recover")
		return nil
	}
	if err != nil {
		return &database.UnreachableError{Host: e.Host, Err: err}
	}
	defer func() { err = errors.Join(err, at(e, "close "+e.Catalog, done())) }()
	return at(e, "look at "+e.Catalog, c.describeAll(ctx, place.path(name), r))
}

// describeAll tells what a source holds.
func (c *connection) describeAll(ctx context.Context, path string, r *database.Report) error {
	pages, err := c.number(ctx, "PRAGMA page_count")
	if err != nil {
		return err
	}
	size, err := c.number(ctx, "PRAGMA page_size")
	if err != nil {
		return err
	}
	r.Bytes = pages * size
	if r.Objects, err = c.objects(ctx); err != nil {
		return err
	}
	tables, err := c.tables(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if !t.key {
			r.NoKey = append(r.NoKey, t.name)
		}
	}
	s, err := c.seal(ctx)
	if err == nil && !s.wal() && !s.sealed() {
		found(r, false, "journal-mode", path+" is not in WAL mode: whoever writes to it waits while it is copied",
			"PRAGMA journal_mode = WAL; in that database, once")
	}
	return err
}

// probeTarget looks at where the copy goes.
func probeTarget(ctx context.Context, p database.Pair, r *database.Report) error {
	e := p.Target
	t, err := target(p)
	if err != nil {
		return err
	}
	defer t.close()
	bytes, kind, err := free(t.dir)
	if err != nil {
		return &database.UnreachableError{Host: e.Host, Err: err}
	}
	r.Target = database.Server{Product: "SQLite", Version: version, Free: bytes, Data: t.dir}
	if network(kind) {
		found(r, false, "network-file-system", fmt.Sprintf("%s at %s is on a file system of the network, whose locks cannot be relied on", t.dir, e.Host),
			"stop the application before its database is replaced")
	}
	if !writable(t.dir) {
		found(r, true, "missing-right", fmt.Sprintf("%s may not make files in %s at %s", ourselves(), t.dir, e.Host),
			fmt.Sprintf("setfacl -m u:%s:rwx %s", ourselves(), t.dir))
	}
	if r.Standing, err = t.standing(p.Names); err != nil {
		found(r, true, "not-ours", err.Error(), "write the path of the database's file as the data source")
		return nil
	}
	r.Problems = append(r.Problems, r.Room(p, t.taken(p.Names.Staging))...)
	if !r.Standing.Live {
		return nil
	}
	c, err := t.lookAt(ctx, p.Names.Live)
	if full(err) {
		return nil // which has been said
	}
	if err != nil {
		return &database.UnreachableError{Host: e.Host, Err: err}
	}
	s, err := c.seal(ctx)
	r.Standing.Writable = !s.sealed()
	return at(e, "look at "+p.Names.Live, errors.Join(err, c.close()))
}

// taken is how much of the disk the file of a catalog takes, 0 if there is none.
func (p *place) taken(catalog string) int64 {
	name, err := p.points(catalog)
	if err != nil || name == "" {
		return 0
	}
	info, err := p.root.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}

// lookAt opens a catalog to read it.
func (p *place) lookAt(ctx context.Context, catalog string) (*connection, error) {
	name, err := p.exists(catalog)
	if err != nil {
		return nil, err
	}
	return look(ctx, p.path(name))
}

// ourselves is the account that failoverd runs as.
func ourselves() string {
	u, err := user.Current()
	if err != nil {
		return "failoverd"
	}
	return u.Username
}
