package enginetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"failoverd/replicate/database"
)

// trouble proves that whatever happens to the servers in the middle of a copy, the live one is not touched and what
// was begun can be dropped.
func trouble(t *testing.T, f Fixture) {
	for _, end := range ends() {
		where(t, f.Sever != nil, "connections to the "+end.name+" are severed", func(t *testing.T) {
			c := open(t, f)
			_, live := c.replicate()
			held := c.disturbed(func(ctx context.Context) error { return f.Sever(ctx, *end.of(&c.Pair)) })
			c.survives(live, held)
		})
	}

	t.Run("the source's catalog is made anew", func(t *testing.T) {
		c := open(t, f)
		_, live := c.replicate()
		c.disturbed(func(ctx context.Context) error { return f.Recreate(ctx, c.Source) })
		c.holds(c.Target, c.Names.Live, live)
		c.discard()
		c.stand(c.Names.Live)
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Schema)
		_, held := c.replicate()
		c.holds(c.Target, c.Names.Live, held)
		c.holds(c.Target, c.Names.Previous, live)
	})

	where(t, f.FullDisk != nil, "the target's disk is full", func(t *testing.T) {
		c := found(t, f, f.FullDisk(t))
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Schema)
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Data)
		_, live := c.replicate()
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Bulk(64<<20/256))
		r := c.probe()
		full := slices.ContainsFunc(r.Blocking(), func(p database.Problem) bool { return p.Code == "no-space" })
		if r.Target.Free >= 0 && r.Target.Free < r.Bytes && !full {
			t.Errorf("%d bytes into %d, and no blocking problem no-space: %+v", r.Bytes, r.Target.Free, r.Problems)
		}
		c.newRun()
		_, err := c.tryCopy(nil)
		if err == nil {
			t.Fatal("a copy of 64 MiB found room")
		}
		if !speaksOfSpace(err.Error()) {
			t.Errorf("copy: %v, want an error that says that the disk is full", err)
		}
		c.holds(c.Target, c.Names.Live, live)
		c.discard()
		c.stand(c.Names.Live)
		c.holds(c.Target, c.Names.Live, live)

		// The next run, of a source that has become small again, succeeds.
		ctx, cancel := c.patient()
		defer cancel()
		if err := f.Recreate(ctx, c.Source); err != nil {
			t.Fatalf("make the source anew: %v", err)
		}
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Schema)
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Data)
		c.nextRun()
	})
	if f.FullDisk != nil && f.Fill != nil {
		fullDisk(t, f)
	}
}

// speaksOfSpace says whether an error's text tells people that a disk is full.
func speaksOfSpace(text string) bool {
	return slices.ContainsFunc([]string{"space", "full", "disk"}, func(word string) bool {
		return strings.Contains(strings.ToLower(text), word)
	})
}

// disturbed copies, and disturbs the copy once while data is on its way. It returns what the source held. A copy that
// comes to its end all the same must be complete.
func (c *company) disturbed(disturb func(ctx context.Context) error) books {
	c.t.Helper()
	var held books
	c.inTheMiddle(func(ctx context.Context, w database.Watch, middle <-chan struct{}) {
		held = c.books(c.Source, c.Source.Catalog)
		finished, disturbed := make(chan struct{}), make(chan error, 1)
		go func() {
			select {
			case <-middle:
				disturbed <- disturb(ctx)
			case <-finished:
				disturbed <- nil
			}
		}()
		_, err := c.f.Engine.Copy(ctx, c.Pair, w)
		close(finished)
		if err := <-disturbed; err != nil {
			c.t.Fatalf("disturb the copy: %v", err)
		}
		switch {
		case ctx.Err() != nil:
			c.t.Fatalf("the copy hung: %v", err)
		case err != nil:
			c.silent("an error", err.Error())
			c.t.Logf("the copy ended: %v", err)
		default:
			c.holds(c.Target, c.Names.Staging, held)
		}
	})
	c.clean()
	return held
}

// survives wants the live copy to be what it was, and the next run to succeed.
func (c *company) survives(live, held books) {
	c.t.Helper()
	c.holds(c.Target, c.Names.Live, live)
	c.discard()
	c.stand(c.Names.Live)
	c.replicate()
	c.holds(c.Target, c.Names.Live, held)
	c.holds(c.Target, c.Names.Previous, live)
}
