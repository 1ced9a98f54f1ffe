package enginetest

import (
	"context"
	"errors"
	"testing"

	"failoverd/replicate/database"
)

// drillRun is the run that every drill has: what one leaves, another one finds.
const drillRun = "drill"

// beside proves that a drill copies the copy in service beside itself, that an application can work on that, and that it
// goes without a trace, from wherever it had come to. What is in service, sealed as it is, and the one before stay.
func beside(t *testing.T, f Fixture) {
	if f.Beside == nil {
		f.Beside = database.Beside
	}
	t.Run("copies what is in service, lets an application work on it, and drops it", func(t *testing.T) {
		r := rehearse(t, f)
		if p := r.drill.probe(); len(p.Blocking()) > 0 || p.Standing.Live || p.Standing.Staging || p.Standing.Previous {
			t.Fatalf("probe of a drill: %+v, %+v", p.Standing, p.Problems)
		}
		s := r.made()
		r.drill.holds(r.drill.Target, r.drill.Names.Staging, r.second)
		if err := r.drill.fix(f.Dialect.Fix); err != nil {
			t.Fatalf("fix: %v", err)
		}
		if _, err := r.drill.verify(s); err != nil {
			t.Fatalf("verify: %v", err)
		}
		r.drill.swap()
		r.drill.target().release(true)
		r.drill.answers(r.drill.Target, r.drill.Names.Live, f.Dialect.Fixed)
		r.drill.exec(r.drill.Target, r.drill.Names.Live, f.Dialect.Write)
		r.drill.stand(r.drill.Names.Live)
		r.unchanged()
		r.vanishes()
	})

	for _, part := range []struct {
		name string
		come func(r rehearsed)
	}{
		{"nothing was made", func(rehearsed) {}},
		{"the copy was made", func(r rehearsed) { r.made() }},
		{"it can be worked on", func(r rehearsed) { r.made(); r.drill.swap(); r.drill.target().release(true) }},
		{"an earlier drill was cut off as well", func(r rehearsed) { r.made(); r.drill.swap(); r.drill.rollback(); r.made() }},
		{"the swap was cut off", func(r rehearsed) {
			r.made()
			err := f.Engine.Swap(t.Context(), r.drill.Pair, func(string) error { return errCrash })
			if !errors.Is(err, errCrash) {
				t.Errorf("a swap whose note fails: %v", err)
			}
		}},
	} {
		t.Run("goes without a trace when "+part.name, func(t *testing.T) {
			r := rehearse(t, f)
			part.come(r)
			r.vanishes()
			s := r.made() // and another drill can be made
			if _, err := r.drill.verify(s); err != nil {
				t.Errorf("verify: %v", err)
			}
			r.vanishes()
		})
	}

	t.Run("stops at once, and does not hold up who takes over", func(t *testing.T) {
		r := rehearse(t, f)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		why := errors.New("a takeover")
		_, err := f.Engine.Copy(ctx, r.drill.Pair, func(database.Progress) { cancel(why) })
		if err != nil && !errors.Is(err, why) {
			t.Errorf("a copy that was cancelled: %v", err)
		}
		r.target().release(true)
		r.exec(r.Target, r.Names.Live, f.Dialect.Write)
		r.drill.clean()
		r.drill.rollback()
		r.drill.discard()
		r.drill.stand()
		r.stand(r.Names.Live, r.Names.Previous)
	})
}

// rehearsed is a company with a copy in service, sealed, one before it, and a drill.
type rehearsed struct {
	*company
	drill         *company
	first, second books // of the one before, and of the one in service
}

// rehearse copies a company twice, and prepares a drill.
func rehearse(t *testing.T, f Fixture) rehearsed {
	t.Helper()
	r := rehearsed{company: open(t, f)}
	_, r.first = r.replicate()
	r.move(r.Source, r.Source.Catalog)
	_, r.second = r.replicate()
	r.target().release(false)
	live := r.target().e
	p := database.Pair{Source: live, Target: f.Beside(live), Run: drillRun}
	p.Names = database.NamesOf(p.Target.Catalog)
	r.drill = found(t, f, p)
	return r
}

// made has the drill's copy made, and gives what it shows.
func (r rehearsed) made() database.Snapshot {
	r.t.Helper()
	s, err := r.drill.tryCopy(nil)
	if err != nil {
		r.t.Fatalf("copy beside: %v", err)
	}
	return s
}

// unchanged wants the copies to be as they were before the drill.
func (r rehearsed) unchanged() {
	r.t.Helper()
	r.stand(r.Names.Live, r.Names.Previous)
	r.holds(r.Target, r.Names.Live, r.second)
	r.holds(r.Target, r.Names.Previous, r.first)
}

// vanishes drops what the drill has made, twice, as far as it had come.
func (r rehearsed) vanishes() {
	r.t.Helper()
	for range 2 {
		r.drill.rollback()
		r.drill.discard()
		r.drill.stand()
		r.unchanged()
	}
}
