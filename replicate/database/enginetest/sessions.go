package enginetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"failoverd/replicate/database"
)

// sessions proves that whoever is connected is seen.
func sessions(t *testing.T, f Fixture) {
	c := open(t, f)
	c.replicate()
	c.target().release(true)
	for name, e := range map[string]database.End{"source": c.Source, "live copy": c.target().e} {
		t.Run("sees who writes at the "+name, func(t *testing.T) {
			c := &company{t: t, f: f, Pair: c.Pair, first: c.first, runs: c.runs, secrets: c.secrets}
			c.eventually("nobody is connected", func() bool { return len(c.sessions(e)) == 0 })
			release := c.hold(e, e.Catalog, f.Dialect.Write)
			list := c.sessions(e)
			if !slices.ContainsFunc(list, func(s database.Session) bool { return s.Who != "" && s.Writing }) {
				t.Errorf("sessions: %+v, want one that writes", list)
			}
			release()
			c.eventually("nobody is connected", func() bool { return len(c.sessions(e)) == 0 })
		})
	}
}

// sessions asks who is connected.
func (c *company) sessions(e database.End) []database.Session {
	c.t.Helper()
	var list []database.Session
	err := c.call(func(ctx context.Context) (err error) {
		list, err = c.f.Engine.Sessions(ctx, e)
		return err
	})
	if err != nil {
		c.t.Fatalf("sessions: %v", err)
	}
	return list
}

// eventually waits for something that a server does in its own time.
func (c *company) eventually(what string, is func() bool) {
	c.t.Helper()
	patience, again := time.NewTimer(c.f.Patience), time.NewTicker(20*time.Millisecond)
	defer patience.Stop()
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-patience.C:
			c.t.Fatalf("it never came to this: %s", what)
		}
	}
}
