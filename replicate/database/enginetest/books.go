package enginetest

import (
	"context"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

// books are the contents of every table of a catalog, by the tables' names.
type books map[string][][]string

// rows counts them.
func (b books) rows() int64 {
	var n int64
	for _, rows := range b {
		n += int64(len(rows))
	}
	return n
}

// exec runs a script beside the engine, and must succeed.
func (c *company) exec(e database.End, catalog, script string) {
	c.t.Helper()
	if err := c.tryExec(e, catalog, script); err != nil {
		c.t.Fatalf("run in %s at %s: %v", catalog, e.Host, err)
	}
}

// tryExec runs a script beside the engine.
func (c *company) tryExec(e database.End, catalog, script string) error {
	ctx, cancel := c.patient()
	defer cancel()
	return c.f.Exec(ctx, e, catalog, script)
}

// query asks beside the engine, and must be answered.
func (c *company) query(e database.End, catalog, query string) [][]string {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	rows, err := c.f.Query(ctx, e, catalog, query)
	if err != nil {
		c.t.Fatalf("ask %s at %s: %v\n%s", catalog, e.Host, err, query)
	}
	return rows
}

// books reads every table of a catalog.
func (c *company) books(e database.End, catalog string) books {
	c.t.Helper()
	b := books{}
	if c.f.QueryAll == nil {
		for _, table := range c.f.Dialect.Contents {
			b[table.Table] = c.query(e, catalog, table.Query)
		}
		return b
	}
	var queries []string
	for _, table := range c.f.Dialect.Contents {
		queries = append(queries, table.Query)
	}
	ctx, cancel := c.patient()
	defer cancel()
	answers, err := c.f.QueryAll(ctx, e, catalog, queries)
	if err != nil || len(answers) != len(queries) {
		c.t.Fatalf("ask %s at %s %d questions: %d answers, %v", catalog, e.Host, len(queries), len(answers), err)
	}
	for i, table := range c.f.Dialect.Contents {
		b[table.Table] = answers[i]
	}
	return b
}

// holds wants a catalog to hold what the books say, every row of every table.
func (c *company) holds(e database.End, catalog string, want books) {
	c.t.Helper()
	if diff := cmp.Diff(want, c.books(e, catalog)); diff != "" {
		c.t.Errorf("%s at %s (-want +got):\n%s", catalog, e.Host, diff)
	}
}

// answers wants the right answer to a question.
func (c *company) answers(e database.End, catalog string, q Question) {
	c.t.Helper()
	if diff := cmp.Diff(q.Want, c.query(e, catalog, q.Query)); diff != "" {
		c.t.Errorf("%s at %s answers %s (-want +got):\n%s", catalog, e.Host, q.Query, diff)
	}
}

// move changes the company's books, so that copies can be told apart.
func (c *company) move(e database.End, catalog string) {
	c.t.Helper()
	before := c.books(e, catalog)
	c.exec(e, catalog, c.f.Dialect.Move)
	if cmp.Equal(before, c.books(e, catalog)) {
		c.t.Fatal("Dialect.Move has changed nothing")
	}
}

// stand wants these of the pair's names, and no other of them, to exist at the target.
func (c *company) stand(names ...string) {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	all, err := c.f.Catalogs(ctx, c.Target)
	if err != nil {
		c.t.Fatalf("list the catalogs at %s: %v", c.Target.Host, err)
	}
	got := map[string]bool{}
	for _, name := range []string{c.Names.Live, c.Names.Staging, c.Names.Previous} {
		if slices.Contains(all, name) {
			got[name] = true
		}
	}
	want := map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		c.t.Errorf("at the target stand (-want +got):\n%s", diff)
	}
}

// catalogs lists every catalog of an end's server.
func (c *company) catalogs(e database.End) []string {
	c.t.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	all, err := c.f.Catalogs(ctx, e)
	if err != nil {
		c.t.Fatalf("list the catalogs at %s: %v", e.Host, err)
	}
	slices.Sort(all)
	return all
}

// hold opens a connection that leaves a transaction open, until release is called or the test ends.
func (c *company) hold(e database.End, catalog, script string) (release func()) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), c.f.Patience)
	defer cancel()
	end, err := c.f.Hold(ctx, e, catalog, script)
	if err != nil {
		c.t.Fatalf("hold a transaction in %s at %s: %v", catalog, e.Host, err)
	}
	held := true
	release = func() {
		if held {
			held = false
			end()
		}
	}
	c.t.Cleanup(release)
	return release
}
