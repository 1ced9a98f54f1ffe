package enginetest

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
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
			held, _ := c.disturbed(func(ctx context.Context) error { return f.Sever(ctx, *end.of(&c.Pair)) })
			c.survives(live, held)
		})
	}

	for _, end := range ends() {
		where(t, !f.NoPasswords, "the password of the "+end.name+" is changed in the middle", func(t *testing.T) {
			c := open(t, f)
			_, live := c.replicate()
			at := end.of(&c.Pair)
			right, changed := at.Password, &atomic.Bool{}
			const wrong = "ch4nged-Pa55word"
			c.secrets = append(c.secrets, wrong)
			at.Password = func() (string, error) {
				if changed.Load() {
					return wrong, nil
				}
				return right()
			}
			held, err := c.disturbed(func(context.Context) error { changed.Store(true); return nil })
			if err != nil && !speaksOfAccess(err.Error()) {
				t.Errorf("copy: %v, want an error that says that the password is wrong", err)
			}
			c.unreachable(at.Host)
			changed.Store(false)
			c.survives(live, held)
		})
	}

	t.Run("a table is added in the middle", func(t *testing.T) {
		c := open(t, f)
		c.replicate()
		const table = "CREATE TABLE added_meanwhile (id INTEGER NOT NULL PRIMARY KEY); INSERT INTO added_meanwhile VALUES (1), (2);"
		var added error
		c.inTheMiddle(func(ctx context.Context, w database.Watch, middle <-chan struct{}) {
			finished, adding := make(chan struct{}), make(chan struct{})
			held := c.books(c.Source, c.Source.Catalog)
			go func() {
				defer close(adding)
				select {
				case <-middle:
					added = c.f.Exec(ctx, c.Source, c.Source.Catalog, table)
				case <-finished:
				}
			}()
			s, err := c.f.Engine.Copy(ctx, c.Pair, w)
			close(finished)
			<-adding
			if err != nil {
				c.silent("an error", err.Error())
				t.Logf("the copy ended: %v", err)
				return
			}
			c.holds(c.Target, c.Names.Staging, held)
			if _, err := c.verify(s); err != nil {
				t.Errorf("verify: %v", err)
			}
		})
		if added != nil { // by a lock of the copy's
			t.Logf("the table was not added in the middle: %v", added)
			c.exec(c.Source, c.Source.Catalog, table)
		}
		c.replicate()
		if got := c.query(c.Target, c.Names.Live, "SELECT count(*) FROM added_meanwhile"); got[0][0] != "2" {
			t.Errorf("the next copy has %s rows of the table, want 2", got[0][0])
		}
	})

	t.Run("the source's catalog is made anew", func(t *testing.T) {
		c := open(t, f)
		_, live := c.replicate()
		_, _ = c.disturbed(func(ctx context.Context) error { return f.Recreate(ctx, c.Source) })
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

// speaksOfAccess says whether an error's text tells people that they are not let in.
func speaksOfAccess(text string) bool {
	return slices.ContainsFunc([]string{"password", "denied", "login"}, func(word string) bool {
		return strings.Contains(strings.ToLower(text), word)
	})
}

// disturbed copies, and disturbs the copy once while data is on its way. It returns what the source held, and the copy's error. A copy that
// comes to its end all the same must be complete.
func (c *company) disturbed(disturb func(ctx context.Context) error) (held books, ended error) {
	c.t.Helper()
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
		ended = err
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
	return held, ended
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
