package plan

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.takeover()
		p.Steps[0].Check = func(context.Context) Finding { return Finding{} }
		p.Steps[1].Check = func(context.Context) Finding {
			return Finding{Blocked: true, Will: "ask for 192.0.2.1", Value: "aa answers", Limit: "no answer", Accept: "address-in-use"}
		}
		var bound time.Duration
		p.Steps[2].Timeout = 5 * time.Second
		p.Steps[2].Check = func(ctx context.Context) Finding {
			began := time.Now()
			<-ctx.Done()
			bound = time.Since(began)
			return Finding{Will: "add it"}
		}
		shown := Show(t.Context(), p)
		want := []Shown{
			{Name: "fence", Title: "make fence", Will: "make fence"},
			{Name: "probe", Title: "ask probe", Will: "ask for 192.0.2.1", Blocked: true, Value: "aa answers", Limit: "no answer", Accept: "address-in-use"},
			{Name: "assume", Title: "make assume", Will: "add it"},
			{Name: "announce", Title: "ask announce", Will: "ask announce"},
			{Name: "start", Title: "make start", Will: "make start"},
			{Name: "ready", Title: "ask ready", Will: "ask ready"},
		}
		if diff := cmp.Diff(want, shown); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if bound != 5*time.Second {
			t.Errorf("a check may take %s", bound)
		}
		if len(w.log) > 0 || len(w.things) > 0 || len(w.disk) > 0 || w.writes > 0 {
			t.Errorf("a dry run did %v, made %v, wrote %d", w.log, w.things, w.writes)
		}
	})
}
