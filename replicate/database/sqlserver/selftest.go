package sqlserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"failoverd/replicate/database"
)

// Step is one step of a self-test, when it has been done.
type Step struct {
	Name   string
	Detail string // what was seen
	Took   time.Duration
	Err    error // why it failed, nil if it did not
}

// selftest is the cycle on one scratch database.
type selftest struct {
	engine *Engine
	there  database.Pair // from the source to the target
	back   database.Pair // and back
	run    int
	last   database.Snapshot
}

// Selftest runs the whole cycle on a scratch database of its own at two servers, which may be the same: copies there,
// puts in service, takes back, copies back. It tells of every step, stops at the first that fails, and drops what it
// has made whatever happens.
func (e *Engine) Selftest(ctx context.Context, source, target database.End, tell func(Step)) error {
	catalog := "failoverd_selftest_" + strings.ToLower(rand.Text()[:8])
	source.Catalog, target.Catalog = catalog, database.CopyOf("standby", catalog)
	s := &selftest{
		engine: e,
		there:  database.Pair{Source: source, Target: target, Names: database.NamesOf(target.Catalog)},
		back:   database.Pair{Source: target, Target: source, Names: database.NamesOf(catalog)},
	}
	err := s.cycle(ctx, tell)
	clear, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearing)
	defer cancel()
	return errors.Join(err, s.step(clear, tell, "drop everything", s.dropAll))
}

// cycle runs the steps.
func (s *selftest) cycle(ctx context.Context, tell func(Step)) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"create a scratch database", s.create},
		{"look at both ends", s.probe},
		{"copy", s.copyThere("", scratchState{1, 1, 3000})},
		{"notice that nothing has changed", s.noChanges},
		{"change the source", s.change},
		{"copy again, with a script", s.copyThere(scratchFix, scratchState{1, 2, 3001})},
		{"take it back", s.takeBack},
		{"seal and open the copy", s.seal},
		{"work on the copy", s.work},
		{"copy back", s.copyBack},
	} {
		if err := s.step(ctx, tell, step.name, step.do); err != nil {
			return err
		}
	}
	return nil
}

// step does one step and tells of it.
func (s *selftest) step(ctx context.Context, tell func(Step), name string, do func(context.Context) (string, error)) error {
	begun := time.Now()
	detail, err := do(ctx)
	tell(Step{Name: name, Detail: detail, Took: time.Since(begun), Err: err})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (s *selftest) create(ctx context.Context) (string, error) {
	return s.there.Source.Catalog + " at " + s.there.Source.Host, createScratch(ctx, s.there.Source)
}

func (s *selftest) probe(ctx context.Context) (string, error) {
	report, err := s.engine.Probe(ctx, s.there)
	if err != nil {
		return "", err
	}
	var blocking []string
	for _, p := range report.Blocking() {
		blocking = append(blocking, p.Text+": "+p.Remedy)
	}
	if len(blocking) > 0 {
		return "", errors.New(strings.Join(blocking, "; "))
	}
	detail := fmt.Sprintf("%s %s to %s %s", report.Source.Product, report.Source.Version, report.Target.Product, report.Target.Version)
	for _, p := range report.Problems {
		detail += "; " + p.Text + " (" + p.Remedy + ")"
	}
	return detail, nil
}

// copyThere makes a copy, fixes it, puts it in service and wants it to show a state.
func (s *selftest) copyThere(script string, want scratchState) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		s.there.Run = s.newRun()
		return s.replicate(ctx, s.there, script, want)
	}
}

func (s *selftest) replicate(ctx context.Context, p database.Pair, script string, want scratchState) (string, error) {
	var err error
	if s.last, err = s.engine.Copy(ctx, p, nil); err != nil {
		return "", err
	}
	if script != "" {
		if err := s.engine.Fix(ctx, p, script); err != nil {
			return "", err
		}
	}
	verified, err := s.engine.Verify(ctx, p, s.last)
	if err != nil {
		return "", err
	}
	begun := time.Now()
	if err := s.engine.Swap(ctx, p, func(string) error { return nil }); err != nil {
		return "", err
	}
	detail := fmt.Sprintf("%s at %s, a backup of %d KiB, %d rows, %s, put in service in %d ms", p.Names.Live, p.Target.Host,
		s.last.Bytes>>10, verified.Rows, verified.Check, time.Since(begun).Milliseconds())
	return detail, wantScratch(ctx, p.Target, p.Names.Live, want)
}

func (s *selftest) noChanges(ctx context.Context) (string, error) {
	list, err := s.engine.Changes(ctx, s.there.Source, s.last)
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("%s is said to have changed: %s", list[0].Table, list[0].What)
	}
	return "", err
}

func (s *selftest) change(ctx context.Context) (string, error) {
	if err := workOn(ctx, s.there.Source, scratchMove); err != nil {
		return "", err
	}
	list, err := s.engine.Changes(ctx, s.there.Source, s.last)
	if err != nil {
		return "", err
	}
	var seen []string
	for _, c := range list {
		seen = append(seen, c.Table)
	}
	if got := strings.Join(seen, ", "); got != "dbo.moves, dbo.tally" {
		return "", fmt.Errorf("dbo.moves and dbo.tally have changed, and seen was: %q", got)
	}
	return "seen in " + strings.Join(seen, ", "), nil
}

func (s *selftest) takeBack(ctx context.Context) (string, error) {
	n := s.there.Names
	if err := wantScratch(ctx, s.there.Target, n.Previous, scratchState{1, 1, 3000}); err != nil {
		return "", err
	}
	for range 2 { // the second time there is nothing to take back
		if err := s.engine.Rollback(ctx, s.there, func(string) error { return nil }); err != nil {
			return "", err
		}
		if err := wantScratch(ctx, s.there.Target, n.Live, scratchState{1, 1, 3000}); err != nil {
			return "", err
		}
	}
	return n.Previous + " is " + n.Live + " again", nil
}

func (s *selftest) seal(ctx context.Context) (string, error) {
	if err := s.engine.Release(ctx, s.there.Target, false); err != nil {
		return "", err
	}
	err := workOn(ctx, s.there.Target, scratchMove)
	if err == nil {
		return "", errors.New("a sealed copy has taken a write")
	}
	if !answered(err) {
		return "", err
	}
	return "", s.engine.Release(ctx, s.there.Target, true)
}

func (s *selftest) work(ctx context.Context) (string, error) {
	return "", workOn(ctx, s.there.Target, scratchMove+scratchMove)
}

func (s *selftest) copyBack(ctx context.Context) (string, error) {
	s.back.Run = s.newRun()
	detail, err := s.replicate(ctx, s.back, "", scratchState{3, 3, 3000})
	if err != nil {
		return "", err
	}
	return detail, wantScratch(ctx, s.back.Target, s.back.Names.Previous, scratchState{2, 2, 3000})
}

// dropAll leaves nothing at either server.
func (s *selftest) dropAll(ctx context.Context) (string, error) {
	var errs []error
	for _, p := range []database.Pair{s.there, s.back} {
		errs = append(errs, s.engine.dropScratch(ctx, p.Target, p.Names.Staging, p.Names.Previous, p.Names.Live))
		if p.Run != "" {
			errs = append(errs, removeBackups(ctx, p))
		}
	}
	return "", errors.Join(errs...)
}

func (s *selftest) newRun() string {
	s.run++
	return fmt.Sprintf("selftest-%d", s.run)
}
