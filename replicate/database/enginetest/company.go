package enginetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"failoverd/replicate/database"
)

// company is a pair with the suite's company in its source, and the engine at work on it. Its methods fail the test
// when the engine breaks a promise that holds for every call: in time, nothing left behind, no password said.
type company struct {
	t *testing.T
	f Fixture
	database.Pair
	first   string // the run that the Fixture gave
	runs    int
	secrets []string
}

// open makes a pair whose source holds the company with some rows in every table.
func open(t *testing.T, f Fixture) *company {
	t.Helper()
	c := found(t, f, f.NewPair(t))
	c.exec(c.Source, c.Source.Catalog, f.Dialect.Schema)
	c.exec(c.Source, c.Source.Catalog, f.Dialect.Data)
	return c
}

// found takes a pair as it is.
func found(t *testing.T, f Fixture, p database.Pair) *company {
	t.Helper()
	c := &company{t: t, f: f, Pair: p, first: p.Run}
	for _, e := range []database.End{p.Source, p.Target} {
		if e.Password == nil {
			continue
		}
		secret, err := e.Password()
		if err != nil {
			t.Fatalf("the password of %s: %v", e.Host, err)
		}
		c.secrets = append(c.secrets, secret)
	}
	return c
}

// newRun begins another run, as each replication is one.
func (c *company) newRun() {
	c.runs++
	c.Run = fmt.Sprintf("%s-%d", c.first, c.runs)
}

// patient is a context of one call.
func (c *company) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.t.Context(), c.f.Patience)
}

// call does one thing with the engine, and looks at what it says and leaves behind.
func (c *company) call(do func(ctx context.Context) error) error {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	err := do(ctx)
	if ctx.Err() != nil {
		c.t.Fatalf("the call took longer than %v: %v", c.f.Patience, err)
	}
	if err != nil {
		c.silent("an error", err.Error())
	}
	c.clean()
	return err
}

// clean wants nothing of failoverd left at the servers.
func (c *company) clean() {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	left, err := c.f.Traces(ctx, c.Pair)
	if err != nil {
		c.t.Fatalf("look for traces: %v", err)
	}
	if len(left) > 0 {
		c.t.Errorf("left at the servers: %q", left)
	}
}

// silent wants no password in a text.
func (c *company) silent(what, text string) {
	c.t.Helper()
	for _, secret := range c.secrets {
		if secret != "" && strings.Contains(text, secret) {
			c.t.Errorf("%s holds a password: %q", what, text)
		}
	}
}

// probe probes, and must be answered.
func (c *company) probe() database.Report {
	c.t.Helper()
	var r database.Report
	err := c.call(func(ctx context.Context) (err error) {
		r, err = c.f.Engine.Probe(ctx, c.Pair)
		return err
	})
	if err != nil {
		c.t.Fatalf("probe: %v", err)
	}
	for _, p := range r.Problems {
		c.silent("a problem", p.Code+p.Text+p.Remedy)
	}
	return r
}

// tryCopy copies.
func (c *company) tryCopy(w database.Watch) (s database.Snapshot, err error) {
	c.t.Helper()
	err = c.call(func(ctx context.Context) (err error) {
		s, err = c.f.Engine.Copy(ctx, c.Pair, w)
		return err
	})
	return s, err
}

// copy begins a run and copies, and must succeed.
func (c *company) copy() database.Snapshot {
	c.t.Helper()
	c.newRun()
	s, err := c.tryCopy(nil)
	if err != nil {
		c.t.Fatalf("copy: %v", err)
	}
	return s
}

// verify verifies.
func (c *company) verify(s database.Snapshot) (v database.Verified, err error) {
	c.t.Helper()
	err = c.call(func(ctx context.Context) (err error) {
		v, err = c.f.Engine.Verify(ctx, c.Pair, s)
		return err
	})
	return v, err
}

// trySwap swaps; note may be nil.
func (c *company) trySwap(note func(string) error) error {
	c.t.Helper()
	return c.call(func(ctx context.Context) error { return c.f.Engine.Swap(ctx, c.Pair, c.heard(note)) })
}

// swap swaps, and must succeed.
func (c *company) swap() {
	c.t.Helper()
	if err := c.trySwap(nil); err != nil {
		c.t.Fatalf("swap: %v", err)
	}
}

// tryRollback takes back; note may be nil.
func (c *company) tryRollback(note func(string) error) error {
	c.t.Helper()
	return c.call(func(ctx context.Context) error { return c.f.Engine.Rollback(ctx, c.Pair, c.heard(note)) })
}

// rollback takes back, and must succeed.
func (c *company) rollback() {
	c.t.Helper()
	if err := c.tryRollback(nil); err != nil {
		c.t.Fatalf("rollback: %v", err)
	}
}

// heard is a note that wants words without a password, and then does what another one does.
func (c *company) heard(note func(string) error) func(string) error {
	return func(what string) error {
		if strings.TrimSpace(what) == "" {
			c.t.Error("a note is empty")
		}
		c.silent("a note", what)
		if note == nil {
			return nil
		}
		return note(what)
	}
}

// discard drops what a run has left, and must succeed.
func (c *company) discard() {
	c.t.Helper()
	err := c.call(func(ctx context.Context) error { return c.f.Engine.Discard(ctx, c.Pair) })
	if err != nil {
		c.t.Fatalf("discard: %v", err)
	}
}

// release lets applications write to a catalog or forbids it, and must succeed.
func (c *company) release(e database.End, writable bool) {
	c.t.Helper()
	err := c.call(func(ctx context.Context) error { return c.f.Engine.Release(ctx, e, writable) })
	if err != nil {
		c.t.Fatalf("release, writable %v: %v", writable, err)
	}
}

// changes asks what an end holds beyond a snapshot, and must be answered.
func (c *company) changes(e database.End, s database.Snapshot) []database.Change {
	c.t.Helper()
	var list []database.Change
	err := c.call(func(ctx context.Context) (err error) {
		list, err = c.f.Engine.Changes(ctx, e, s)
		return err
	})
	if err != nil {
		c.t.Fatalf("changes at %s: %v", e.Host, err)
	}
	return list
}

// replicate is a whole run: copy, verify, swap. It says what the source held.
func (c *company) replicate() (database.Snapshot, books) {
	c.t.Helper()
	held := c.books(c.Source, c.Source.Catalog)
	s := c.copy()
	if _, err := c.verify(s); err != nil {
		c.t.Fatalf("verify: %v", err)
	}
	c.swap()
	return s, held
}
