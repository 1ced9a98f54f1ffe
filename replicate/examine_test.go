package replicate

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failoverd/replicate/database"
	"failoverd/replicate/replicatetest"
)

// slow is an engine whose every answer takes a second, and which does not tell its own sessions from those of others.
type slow struct {
	*replicatetest.Engine
	probing *atomic.Int32 // of the catalog
}

func (e slow) Probe(ctx context.Context, p database.Pair) (database.Report, error) {
	e.probing.Add(1)
	defer e.probing.Add(-1)
	<-time.After(time.Second)
	return e.Engine.Probe(ctx, p)
}

func (e slow) Sessions(context.Context, database.End) ([]database.Session, error) {
	var list []database.Session
	if e.probing.Load() > 0 {
		list = append(list, database.Session{Who: "failoverd", Writing: true})
	}
	return list, nil
}

// Four catalogs are asked about at a time, what is found is in their order, and the probe of a catalog is nobody who writes to it.
func TestExamineSeveralAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := replicatetest.New()
		memory.Away("server6", true)
		r := &Run{ID: "1", ToLive: true}
		for i := range 8 {
			dsn := fmt.Sprint("server", i)
			r.Catalogs = append(r.Catalogs, Catalog{
				Name: fmt.Sprint(i), Engine: slow{memory, new(atomic.Int32)},
				Primary: database.End{DSN: "primary", Catalog: dsn}, Standby: database.End{DSN: dsn, Catalog: dsn},
			})
			memory.Put(dsn, dsn, 1)
		}
		r.Use(nil)
		began := time.Now()
		all := r.Examine(t.Context())
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("eight catalogs took %s, want 2s", took)
		}
		for i, x := range all {
			if x.Catalog.Name != fmt.Sprint(i) || (x.Err != nil) != (i == 6) || len(x.Writers) > 0 {
				t.Errorf("%d is %s: %v, written to by %v", i, x.Catalog.Name, x.Err, x.Writers)
			}
		}
	})
}
