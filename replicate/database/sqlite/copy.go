package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"failoverd/replicate/database"
)

// Copy copies every page of the source as it is at one instant into a new file, adds up the rows that it finds there, and
// lets the staging point to the file when all of it is on the disk.
func (e Engine) Copy(ctx context.Context, p database.Pair, w database.Watch) (s database.Snapshot, err error) {
	if err := context.Cause(ctx); err != nil {
		return s, at(p.Source, "copy "+p.Source.Catalog, err)
	}
	to, err := target(p)
	if err != nil {
		return s, err
	}
	defer to.close()
	name, err := to.prepare(p)
	if err != nil {
		return s, at(p.Target, "make room for "+p.Names.Staging, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, to.drop(name))
		}
	}()
	s, mode, err := e.read(ctx, p, to, name, &gauge{watch: w})
	if err != nil {
		return s, at(p.Source, "copy "+p.Source.Catalog, err)
	}
	if err := errors.Join(to.allow(p.Names.Live, name, mode), to.durable(name)); err != nil {
		return s, at(p.Target, "keep the copy of "+p.Source.Catalog, err)
	}
	return s, at(p.Target, "name the copy "+p.Names.Staging, to.aim(p.Names.Staging, name))
}

// prepare drops what an earlier run has left, and makes the empty file of this one.
func (p *place) prepare(pair database.Pair) (name string, err error) {
	if !runs(pair.Run) {
		return "", fmt.Errorf("%q cannot name a run", pair.Run)
	}
	if err := p.unlink(pair.Names.Staging); err != nil {
		return "", err
	}
	if err := p.sweep(pair.Names); err != nil {
		return "", err
	}
	// Whoever cannot make links must know before the pages travel.
	name = p.generation(pair.Run)
	if err := p.aim(pair.Names.Staging, name); err != nil {
		return "", fmt.Errorf("make a symbolic link: %w", err)
	}
	if err := p.unlink(pair.Names.Staging); err != nil {
		return "", err
	}
	f, err := p.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	return name, f.Close()
}

// drop removes a file that is not to be finished.
func (p *place) drop(name string) error {
	var errs []error
	for _, file := range append(companions(name), name) {
		errs = append(errs, gone(p.root.Remove(file)))
	}
	return errors.Join(errs...)
}

// allow gives a new file the owner and the permissions of the one that is in service, or else the permissions that the
// source's file has. Who may not give files away keeps them:
// an application of another account then needs the rights of the group, or everybody's.
func (p *place) allow(live, name string, source fs.FileMode) error {
	standing, err := p.points(live)
	if err != nil {
		return err
	}
	mode := source
	if standing != "" {
		info, err := os.Stat(p.path(standing))
		if err != nil {
			return err
		}
		if owner, known := info.Sys().(*syscall.Stat_t); known {
			err := p.root.Lchown(name, int(owner.Uid), int(owner.Gid))
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				return err
			}
		}
		mode = info.Mode()
	}
	return p.root.Chmod(name, mode.Perm()|0o600)
}

// durable waits until a file is on the disk.
func (p *place) durable(name string) (err error) {
	f, err := p.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

// fileOf is the path of the file that the catalog of an end is, which must exist.
func fileOf(e database.End) (string, error) {
	p, err := open(e, e.Catalog)
	if err != nil {
		return "", err
	}
	defer p.close()
	name, err := p.exists(e.Catalog)
	return p.path(name), err
}

// read brings a source into a file that exists and is empty, and tells the permissions of the source's own.
func (e Engine) read(ctx context.Context, p database.Pair, to *place, name string, g *gauge) (s database.Snapshot, mode fs.FileMode, err error) {
	if far(p.Source) != nil {
		s, made, err := e.bring(ctx, p, to, name, g)
		return s, made.Mode, err
	}
	path, err := fileOf(p.Source)
	if err != nil {
		return s, 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return s, 0, err
	}
	s, err = e.readPages(ctx, path, to, name, g)
	return s, info.Mode(), err
}

// readPages copies the pages of a file in one transaction that reads, and adds up the rows meanwhile.
func (e Engine) readPages(ctx context.Context, path string, to *place, name string, g *gauge) (s database.Snapshot, err error) {
	c, err := e.pages.look(ctx, path)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.exec(ctx, "BEGIN"); err != nil {
		return s, err
	}
	s.At = time.Now().UTC()
	if s.Objects, err = c.objects(ctx); err != nil { // The instant is that of the first thing that is read.
		return s, err
	}
	if s.Identity, err = identity(path); err != nil {
		return s, err
	}
	if s.Position, err = c.position(ctx); err != nil {
		return s, err
	}
	seal, err := c.seal(ctx)
	if err != nil {
		return s, err
	}
	if err := e.transfer(ctx, c, to, name, &s, g); err != nil {
		return s, err
	}
	if seal.sealed() {
		if err := to.unseal(name, seal); err != nil {
			return s, err
		}
	}
	return s, c.exec(ctx, "ROLLBACK")
}

// transfer lets three work at once: SQLite gives the pages, one goroutine writes them, another one reads what has been
// written and adds up every table of it.
func (e Engine) transfer(ctx context.Context, c *connection, to *place, name string, s *database.Snapshot, g *gauge) (err error) {
	tables, err := c.tables(ctx)
	if err != nil {
		return err
	}
	size, err := c.number(ctx, "PRAGMA page_size")
	if err != nil {
		return err
	}
	count, err := c.number(ctx, "PRAGMA page_count")
	if err != nil {
		return err
	}
	f, err := to.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d := newDraft(f, size, count)
	s.Bytes = d.total
	sum := &addition{draft: d, gauge: g}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		if err := e.pages.each(ctx, c, func(page []byte) error { return d.take(ctx, page) }); err != nil {
			return err
		}
		return d.end(ctx)
	})
	work.Go(func() error {
		return d.write(ctx, func(done int64) {
			g.show(database.Progress{Phase: "backup", Done: done, Total: d.total, Rows: sum.rows.Load()})
		})
	})
	work.Go(func() (err error) {
		s.Tables, err = sum.tables(ctx, tables)
		return err
	})
	if err := work.Wait(); err != nil {
		return err
	}
	s.Rows = sum.rows.Load()
	return nil
}

// position is where a database is in SQLite's own counting.
func (c *connection) position(ctx context.Context) (string, error) {
	pages, err := c.number(ctx, "PRAGMA page_count")
	if err != nil {
		return "", err
	}
	schema, err := c.number(ctx, "PRAGMA schema_version")
	return fmt.Sprintf("schema %d, %d pages", schema, pages), err
}
