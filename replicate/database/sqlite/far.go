package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"failoverd/replicate/database"
)

// far is the way to a source that failoverd does not see: its agent has a copy made there, which then travels. It is nil
// for one that failoverd sees.
func far(e database.End) database.Maker {
	m, _ := e.Shelf.(database.Maker)
	return m
}

// travels are what the names of the files begin with that a source's agent has made, and travelling is the one of a run.
func travels(p database.Pair) string    { return p.Names.Live + database.Mark }
func travelling(p database.Pair) string { return travels(p) + p.Run + ".db" }

// bring has the source's agent make a copy, fetches it into a file that exists and is empty, and adds up the rows that it
// finds there.
func (e Engine) bring(ctx context.Context, p database.Pair, to *place, name string, g *gauge) (s database.Snapshot, made database.Made, err error) {
	m := far(p.Source)
	if err := m.Sweep(ctx, travels(p)); err != nil {
		return s, made, fmt.Errorf("clear away an earlier run: %w", err)
	}
	s.At = time.Now().UTC()
	g.show(database.Progress{Phase: "backup"})
	if made, err = m.Make(ctx, travelling(p)); err != nil {
		return s, made, err
	}
	s.Identity = made.Identity
	if s.Bytes, err = to.receive(ctx, m, travelling(p), name, g); err != nil {
		return s, made, err
	}
	if err := m.Sweep(ctx, travels(p)); err != nil {
		return s, made, fmt.Errorf("clear away what has come: %w", err)
	}
	return s, made, to.addUp(ctx, name, &s, g)
}

// receive fetches a file, and tells how much travelled for it.
func (p *place) receive(ctx context.Context, m database.Maker, file, name string, g *gauge) (travelled int64, err error) {
	r, size, err := m.Open(ctx, file)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f, err := p.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var done int64
	shown := writerFunc(func(b []byte) (int, error) {
		n, err := f.Write(b)
		done += int64(n)
		g.show(database.Progress{Phase: "transfer", Done: done, Total: size})
		return n, err
	})
	n, err := io.CopyBuffer(shown, r, make([]byte, 1<<20))
	if err == nil && n != size {
		err = fmt.Errorf("%d of %d bytes came", n, size)
	}
	if parcel, is := r.(database.Parcel); is {
		return parcel.Travelled(), err
	}
	return n, err
}

// writerFunc is a writer that is a function.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// addUp notes what a file that came holds, and opens it if it was sealed.
func (p *place) addUp(ctx context.Context, name string, s *database.Snapshot, g *gauge) error {
	c, err := look(ctx, p.path(name))
	if err != nil {
		return err
	}
	seal, err := c.note(ctx, s, g)
	if err := errors.Join(err, c.close()); err != nil {
		return err
	}
	if seal.sealed() {
		return p.unseal(name, seal)
	}
	return nil
}

// note notes what a database holds.
func (c *connection) note(ctx context.Context, s *database.Snapshot, g *gauge) (now seal, err error) {
	if err := c.exec(ctx, "BEGIN"); err != nil {
		return now, err
	}
	if s.Objects, err = c.objects(ctx); err != nil {
		return now, err
	}
	if s.Position, err = c.position(ctx); err != nil {
		return now, err
	}
	if now, err = c.seal(ctx); err != nil {
		return now, err
	}
	tables, err := c.tables(ctx)
	if err != nil {
		return now, err
	}
	pages, done, err := c.tree(ctx)
	if err != nil {
		return now, err
	}
	defer func() { err = errors.Join(err, done()) }()
	for _, t := range tables {
		found := newSums(t, math.MinInt64, func(rows int64) error {
			g.show(database.Progress{Phase: "data", Object: t.name, Rows: s.Rows + rows})
			return context.Cause(ctx)
		})
		if err := pages.walk(t.root, found); err != nil {
			return now, fmt.Errorf("table %s: %w", t.name, err)
		}
		s.Tables = append(s.Tables, database.Table{Name: t.name, Rows: found.all.rows, Sum: found.all.String()})
		s.Rows += found.all.rows
	}
	return now, c.exec(ctx, "ROLLBACK")
}

// probeFar has a source's agent look at it, and looks whether there is room for what is made and for what comes.
func probeFar(ctx context.Context, p database.Pair, r *database.Report) error {
	m := far(p.Source)
	seen, err := m.Look(ctx)
	if err != nil {
		return &database.UnreachableError{Host: p.Source.Host, Err: err}
	}
	*r = seen
	room, err := m.Free(ctx)
	if err != nil {
		return &database.UnreachableError{Host: p.Source.Host, Err: err}
	}
	if r.Source.Free = room; room < r.Bytes {
		found(r, true, "no-space", fmt.Sprintf("the agent of %s has %d bytes free for a copy of %s, which takes %d", p.Source.Host, room, p.Source.Catalog, r.Bytes),
			fmt.Sprintf("make room for %d bytes more on the file system of the agent's data_dir", r.Bytes-room))
	}
	directory, room, err := m.Kept()
	switch {
	case err != nil:
		found(r, true, "missing-right", fmt.Sprintf("what comes of %s cannot be kept: %v", p.Source.Host, err), "see that failoverd may write to "+directory)
	case room < r.Bytes:
		found(r, true, "no-space", fmt.Sprintf("%s at %s has %d bytes free, what is kept of %s needs %d", directory, p.Target.Host, room, p.Source.Catalog, r.Bytes),
			fmt.Sprintf("make room for %d bytes more", r.Bytes-room))
	}
	return nil
}
