package enginetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

// probe proves that Probe sees what is there, changes nothing, and says what to do.
func probe(t *testing.T, f Fixture) {
	t.Run("tells what both ends are and hold", func(t *testing.T) {
		c := open(t, f)
		source, target := c.catalogs(c.Source), c.catalogs(c.Target)
		held := c.books(c.Source, c.Source.Catalog)
		r := c.probe()
		for _, server := range []database.Server{r.Source, r.Target} {
			if server.Product == "" || server.Version == "" {
				t.Errorf("a server without product or version: %+v", server)
			}
		}
		if r.Bytes <= 0 {
			t.Errorf("the catalog has %d bytes", r.Bytes)
		}
		if r.Target.Free == 0 || r.Target.Free < -1 {
			t.Errorf("the target has %d bytes free", r.Target.Free)
		}
		if (r.Target.Free < 0) != (r.Target.Unknown != "") {
			t.Errorf("the target has %d bytes free, and why that is not known is %q", r.Target.Free, r.Target.Unknown)
		}
		if diff := cmp.Diff(f.Dialect.Objects, r.Objects); diff != "" {
			t.Errorf("objects (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(f.Dialect.NoKey, slices.Sorted(slices.Values(r.NoKey))); diff != "" {
			t.Errorf("tables without a key (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(database.Standing{}, r.Standing); diff != "" {
			t.Errorf("standing (-want +got):\n%s", diff)
		}
		if blocking := r.Blocking(); len(blocking) > 0 {
			t.Errorf("blocking problems: %+v", blocking)
		}
		if diff := cmp.Diff(source, c.catalogs(c.Source)); diff != "" {
			t.Errorf("it changed the source (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(target, c.catalogs(c.Target)); diff != "" {
			t.Errorf("it changed the target (-before +after):\n%s", diff)
		}
		c.holds(c.Source, c.Source.Catalog, held)
	})

	t.Run("tells what stands at the target", func(t *testing.T) {
		c := open(t, f)
		stands := func(live, staging, previous bool) {
			t.Helper()
			got := c.probe().Standing
			got.Writable = false // proved with Release
			want := database.Standing{Live: live, Staging: staging, Previous: previous}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("standing (-want +got):\n%s", diff)
			}
		}
		c.copy()
		stands(false, true, false)
		c.swap()
		stands(true, false, false)
		c.copy()
		stands(true, true, false)
		c.swap()
		stands(true, false, true)
	})

	for _, end := range ends() {
		t.Run("says that the "+end.name+" cannot be reached", func(t *testing.T) {
			c := open(t, f)
			at := end.of(&c.Pair)
			reachable := *at
			*at = f.Unreachable(reachable)
			c.unreachable(at.Host)
			// A copy fails as well, and so does whatever else has to ask that end.
			c.newRun()
			_, err := c.f.Engine.Copy(t.Context(), c.Pair, nil)
			if err == nil {
				t.Error("a copy succeeded")
			} else {
				c.silent("an error", err.Error())
			}
			*at = reachable
			c.discard()
			c.stand()
		})

		if f.NoPasswords {
			continue
		}
		t.Run("says that the "+end.name+" refuses a wrong password", func(t *testing.T) {
			c := open(t, f)
			at := end.of(&c.Pair)
			const wrong = "wr0ng-Pa55word"
			c.secrets = append(c.secrets, wrong)
			at.Password = func() (string, error) { return wrong, nil }
			c.unreachable(at.Host)
		})

		t.Run("hands on that the "+end.name+"'s password cannot be read", func(t *testing.T) {
			c := open(t, f)
			refused := errors.New("no such file")
			end.of(&c.Pair).Password = func() (string, error) { return "", refused }
			if _, err := f.Engine.Probe(t.Context(), c.Pair); !errors.Is(err, refused) {
				t.Errorf("probe: %v, want %v", err, refused)
			}
		})
	}

	// After a crash, what stands at the target has to be known though the source may be dead.
	t.Run("tells what stands when the source is not asked", func(t *testing.T) {
		c := open(t, f)
		c.replicate()
		c.move(c.Source, c.Source.Catalog)
		c.replicate()
		c.Source = c.Target
		if got := c.probe().Standing; !got.Live || !got.Previous || got.Staging {
			t.Errorf("standing: %+v, want a live and a previous one", got)
		}
	})

	t.Run("misses a catalog that is not there", func(t *testing.T) {
		c := open(t, f)
		if f.Missing != nil {
			c.Source = f.Missing(c.Source)
		} else {
			c.Source.Catalog += "_lost"
		}
		var r database.Report
		err := c.call(func(ctx context.Context) (err error) {
			r, err = f.Engine.Probe(ctx, c.Pair)
			return err
		})
		if err == nil && len(r.Blocking()) == 0 {
			t.Errorf("probe found nothing wrong: %+v", r)
		}
		c.newRun()
		if _, err := c.tryCopy(nil); err == nil {
			t.Error("a copy succeeded")
		}
		c.discard()
		c.stand()
	})

	where(t, f.Poor != nil, "names the right that is missing", func(t *testing.T) {
		c := open(t, f)
		poor, grant := f.Poor(t, c.Pair)
		c = found(t, f, poor)
		r := c.probe()
		if !slices.ContainsFunc(r.Blocking(), func(p database.Problem) bool { return strings.Contains(p.Remedy, grant) }) {
			t.Errorf("no blocking problem has the remedy %q: %+v", grant, r.Problems)
		}
		// Who does not ask first gets no copy that looks complete.
		c.newRun()
		s, err := c.tryCopy(nil)
		if err == nil {
			_, err = c.verify(s)
		}
		if err == nil {
			t.Error("an incomplete copy was made and verified")
		}
		c.discard()
	})

	where(t, f.Older != nil, "refuses an older target", func(t *testing.T) {
		c := found(t, f, f.Older(t))
		r := c.probe()
		older := slices.ContainsFunc(r.Blocking(), func(p database.Problem) bool { return p.Code == "older-target" })
		if !older {
			t.Errorf("no blocking problem older-target: %+v", r.Problems)
		}
	})
}

// unreachable wants Probe to say that an end cannot be asked.
func (c *company) unreachable(host string) {
	c.t.Helper()
	err := c.call(func(ctx context.Context) error {
		_, err := c.f.Engine.Probe(ctx, c.Pair)
		return err
	})
	var unreachable *database.UnreachableError
	if !errors.As(err, &unreachable) {
		c.t.Fatalf("probe: %v, want an *UnreachableError", err)
	}
	if unreachable.Host != host {
		c.t.Errorf("%q is said to be unreachable, want %q", unreachable.Host, host)
	}
}

// end is a way to say which end of a pair is meant.
type end struct {
	name string
	of   func(*database.Pair) *database.End
}

// ends are both.
func ends() []end {
	return []end{
		{"source", func(p *database.Pair) *database.End { return &p.Source }},
		{"target", func(p *database.Pair) *database.End { return &p.Target }},
	}
}
