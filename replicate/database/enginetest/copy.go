package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

// copies proves that a copy is complete, of one instant, watched, and gone without a trace when it is not wanted.
func copies(t *testing.T, f Fixture) {
	t.Run("holds all that the source holds", func(t *testing.T) {
		c := open(t, f)
		held := c.books(c.Source, c.Source.Catalog)
		begun := time.Now()
		s := c.copy()
		c.stand(c.Names.Staging)
		c.holds(c.Target, c.Names.Staging, held)
		c.holds(c.Source, c.Source.Catalog, held)
		for _, query := range f.Dialect.Answers {
			want := c.query(c.Source, c.Source.Catalog, query)
			if len(want) == 0 {
				t.Errorf("the source has no answer to %s", query)
			}
			if diff := cmp.Diff(want, c.query(c.Target, c.Names.Staging, query)); diff != "" {
				t.Errorf("the copy answers %s (-want +got):\n%s", query, diff)
			}
		}
		c.tells(s, held, begun)
	})

	t.Run("works as the source does", func(t *testing.T) {
		c := open(t, f)
		c.copy()
		c.exec(c.Target, c.Names.Staging, f.Dialect.Alive)
		c.answers(c.Target, c.Names.Staging, f.Dialect.Living)
	})

	t.Run("holds nothing when the source holds nothing", func(t *testing.T) {
		c := found(t, f, f.NewPair(t))
		s := c.copy()
		if _, err := c.verify(s); err != nil {
			t.Errorf("verify a copy of a catalog without tables: %v", err)
		}
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Schema)
		_, held := c.replicate()
		c.holds(c.Target, c.Names.Live, held)
	})

	t.Run("shows one instant of a source that goes on working", func(t *testing.T) {
		c := open(t, f)
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Bulk(20_000))
		load := c.work()
		for range 3 {
			load.another()
			c.copy()
			c.answers(c.Target, c.Names.Staging, f.Dialect.Sum)
		}
		load.stop()
		c.answers(c.Source, c.Source.Catalog, f.Dialect.Sum)
	})

	t.Run("says how far it is", func(t *testing.T) {
		c := open(t, f)
		c.exec(c.Source, c.Source.Catalog, f.Dialect.Bulk(20_000))
		var w watched
		c.newRun()
		begun := time.Now()
		s, err := c.tryCopy(w.see)
		if err != nil {
			t.Fatalf("copy: %v", err)
		}
		w.check(c, time.Since(begun), s)
	})

	t.Run("replaces a staging that an earlier run left", func(t *testing.T) {
		c := open(t, f)
		c.copy()
		c.exec(c.Target, c.Names.Staging, f.Dialect.Move)
		c.move(c.Source, c.Source.Catalog)
		c.move(c.Source, c.Source.Catalog)
		held := c.books(c.Source, c.Source.Catalog)
		c.copy()
		c.stand(c.Names.Staging)
		c.holds(c.Target, c.Names.Staging, held)
	})

	t.Run("stops when it is cancelled", func(t *testing.T) {
		c := open(t, f)
		_, live := c.replicate()
		c.inTheMiddle(func(ctx context.Context, w database.Watch, middle <-chan struct{}) {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			unwanted := errors.New("the operator does not want it any more")
			var asked time.Time
			_, err := f.Engine.Copy(ctx, c.Pair, func(p database.Progress) {
				w(p)
				select {
				case <-middle:
					if asked.IsZero() {
						asked = time.Now()
						cancel(unwanted)
					}
				default:
				}
			})
			if asked.IsZero() {
				return // It has not come to the middle; a larger one will.
			}
			if !errors.Is(err, unwanted) {
				t.Errorf("copy: %v, want the context's cause", err)
			}
			if late := time.Since(asked); late > stopsWithin {
				t.Errorf("it went on for %v after it was cancelled", late)
			}
		})
		c.clean()
		c.holds(c.Target, c.Names.Live, live)
		c.discard()
		c.stand(c.Names.Live)
		_, held := c.replicate()
		c.holds(c.Target, c.Names.Live, held)
	})

	t.Run("does not begin when it is cancelled before", func(t *testing.T) {
		c := open(t, f)
		unwanted := errors.New("not today")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(unwanted)
		if _, err := f.Engine.Copy(ctx, c.Pair, nil); !errors.Is(err, unwanted) {
			t.Errorf("copy: %v, want the context's cause", err)
		}
		c.clean()
		c.discard()
		c.stand()
	})
}

// stopsWithin is how long a cancelled copy may take to stop.
const stopsWithin = 10 * time.Second

// tells wants a snapshot to say what was copied.
func (c *company) tells(s database.Snapshot, held books, begun time.Time) {
	c.t.Helper()
	if s.At.Before(begun.Add(-time.Second)) || s.At.After(time.Now()) {
		c.t.Errorf("the copy is said to be of %v, and began at %v", s.At, begun)
	}
	if s.Identity == "" {
		c.t.Error("the snapshot does not say which database it was")
	}
	if s.Bytes <= 0 {
		c.t.Errorf("%d bytes travelled", s.Bytes)
	}
	if s.Rows != held.rows() {
		c.t.Errorf("the snapshot has %d rows, want %d", s.Rows, held.rows())
	}
	if diff := cmp.Diff(c.f.Dialect.Objects, s.Objects); diff != "" {
		c.t.Errorf("objects (-want +got):\n%s", diff)
	}
	want, got := map[string]int64{}, map[string]int64{}
	for name, rows := range held {
		want[name] = int64(len(rows))
	}
	for _, table := range s.Tables {
		got[table.Name] = table.Rows
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("rows of the tables (-want +got):\n%s", diff)
	}
	// It is kept in the journal between two replications.
	text, err := json.Marshal(s)
	var kept database.Snapshot
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	if diff := cmp.Diff(s, kept); diff != "" {
		c.t.Errorf("kept as JSON (-want +got):\n%s", diff)
	}
}

// inTheMiddle lets a copy be made of ever more rows, until something has happened while data was on its way: middle
// is closed when the watch has seen some of it.
func (c *company) inTheMiddle(run func(ctx context.Context, w database.Watch, middle <-chan struct{})) {
	c.t.Helper()
	for rows := 40_000; rows <= 640_000; rows *= 4 {
		c.exec(c.Source, c.Source.Catalog, c.f.Dialect.Bulk(rows))
		middle := make(chan struct{})
		seen := sync.OnceFunc(func() { close(middle) })
		ctx, cancel := c.patient()
		c.newRun()
		run(ctx, func(p database.Progress) {
			if p.Done > 0 && (p.Total == 0 || p.Done < p.Total) {
				seen()
			}
		}, middle)
		cancel()
		select {
		case <-middle:
			return
		default:
		}
		c.discard()
	}
	c.t.Error("no copy told that it was in the middle")
}

// watched collects what a Watch is told.
type watched struct {
	mu   sync.Mutex
	seen []database.Progress
}

func (w *watched) see(p database.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, p)
}

// check wants progress that only goes on, has words, and comes at most some ten times a second.
func (w *watched) check(c *company, took time.Duration, s database.Snapshot) {
	c.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	done := map[string]int64{}
	var rows int64
	for _, p := range w.seen {
		c.silent("progress", p.Phase+p.Object)
		if p.Phase == "" || p.Done < done[p.Phase] || p.Rows < 0 || p.Rows > s.Rows {
			c.t.Errorf("progress %+v after %d bytes", p, done[p.Phase])
		}
		done[p.Phase] = p.Done
		rows = max(rows, p.Rows)
	}
	if len(done) == 0 || slices.Max(slices.Collect(maps.Values(done))) == 0 {
		c.t.Errorf("no progress in %v: %+v", took, w.seen)
	}
	if most := 20 + 20*int(took.Seconds()+1) + len(c.f.Dialect.Contents); len(w.seen) > most {
		c.t.Errorf("%d calls in %v", len(w.seen), took)
	}
}
