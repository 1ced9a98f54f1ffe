package replicate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"failoverd/plan"
	"failoverd/replicate/database"
)

// Catalog is one catalog of a server, as both hosts have it.
type Catalog struct {
	Name    string // at the primary
	Kind    string // of its engine: "postgres"
	Engine  database.Engine
	Primary database.End
	Standby database.End // its Catalog is the copy's live name
	Drill   database.End // the same server, with the name that a drill's copy has
	Scripts []string     // fix-ups, by path, in their order
}

// pair is the catalog on its way.
func (c Catalog) pair(run string, toLive bool) database.Pair {
	p := database.Pair{Source: c.Primary, Target: c.Standby, Run: run}
	if toLive {
		p.Source, p.Target = p.Target, p.Source
	}
	p.Names = database.NamesOf(p.Target.Catalog)
	return p
}

// Run is one replication of a server's catalogs, in one direction. Its plan is carried out by one goroutine.
type Run struct {
	ID       string // of the operation
	Kind     string // of the operation
	Server   string
	Standby  string // the standby's name, for fix-up scripts
	DataDir  string // the server's own directory on the standby, for fix-up scripts
	ToLive   bool
	Diverged bool // the standby's data is newer than the primary's
	Accepts  func(check string) bool
	Catalogs []Catalog
	Trees    []Tree // of files; to live only
	Resumed  bool   // a crash has interrupted it; the trees were asked about when it was ordered, and an agent may not be up yet

	// Remember makes what is remembered of a catalog's copies durable, and says in the history what is about to be
	// done to them, if anything is.
	Remember func(ctx context.Context, catalog string, c Copy, what string) error
	// Watch follows what is moved, one thing at a time. It must not block.
	Watch func(step string, p database.Progress)

	copies   map[string]Copy // as remembered, and changed by the steps
	over     map[string]bool // something is in service at the target already
	found    Examination     // what the check found
	working  bool            // the stand-in is still at work
	looked   bool            // the trees were asked about before the final stop of a failback
	snapshot map[string]database.Snapshot
	swapping atomic.Bool
	told     told
}

// Time-outs of the steps. What a step waits for is bounded where it waits; these end what is lost beyond hope.
const (
	checkTimeout = 10 * time.Minute
	copyTimeout  = 72 * time.Hour
	fixTimeout   = 12 * time.Hour
	swapTimeout  = 30 * time.Minute
	tidyTimeout  = time.Minute // to drop what was staged, when it is not wanted any more
	levelTimeout = time.Hour   // the last files of a hand-over, while nobody serves
)

// Use gives the run what is remembered of its catalogs. It is called once, before the plan is carried out.
func (r *Run) Use(copies map[string]Copy) {
	r.copies, r.over = maps.Clone(copies), map[string]bool{}
	r.snapshot = map[string]database.Snapshot{}
	if r.copies == nil {
		r.copies = map[string]Copy{}
	}
}

// Plan is the run as a plan: everything is checked at once, each catalog is copied beside the one in service, verified
// there and fixed up, and when all of them are, they are put in service. Files come back beside the copying and verifying.
// Whatever fails, all of it is taken back, but for files: those that have come back stay, and do not come again.
func (r *Run) Plan() plan.Plan {
	out := plan.Plan{Kind: r.Kind, Server: r.Server, Steps: []plan.Step{r.check()}}
	for _, c := range r.Catalogs {
		out.Steps = append(out.Steps, r.copy(c), r.verify(c))
		if len(c.Scripts) > 0 && !r.ToLive {
			// Only a copy that is complete is changed on purpose: what a script deletes is not missed.
			out.Steps = append(out.Steps, r.fix(c))
		}
	}
	for _, t := range r.Trees {
		step := r.bring(t)
		if len(r.Catalogs) > 0 {
			// Beside all since the check: much of its time is waiting, and it has a way of its own to the primary.
			step.Beside = len(out.Steps) - 1
		}
		out.Steps = append(out.Steps, step)
	}
	for _, c := range r.Catalogs {
		out.Steps = append(out.Steps, r.swap(c))
	}
	for _, c := range r.Catalogs {
		out.Steps = append(out.Steps, r.settle(c))
	}
	return out
}

// StepSwap is the name of the step that puts a catalog in service.
func StepSwap(catalog string) string { return "swap " + catalog }

// about says what the check asks about.
func (r *Run) about() string {
	switch {
	case len(r.Trees) == 0:
		return "ask both hosts about every catalog"
	case len(r.Catalogs) == 0:
		return "ask both hosts about the files"
	}
	return "ask both hosts about every catalog and the files"
}

func (r *Run) check() plan.Step {
	return plan.Step{
		Name: "check", Title: r.about(), Timeout: checkTimeout,
		Do: func(ctx context.Context) (string, error) {
			for _, c := range r.Catalogs {
				if half := r.copies[c.Name]; half.Half() {
					if err := r.takeBack(ctx, c, c.pair(half.Staged.Operation, half.Staged.ToLive)); err != nil {
						return "", fmt.Errorf("take the swap of %s back: %w", half.Staged.Operation, err)
					}
				}
			}
			r.found = r.Examine(ctx)
			for _, x := range r.found {
				r.over[x.Catalog.Name] = x.Report.Standing.Live
			}
			var trees []ExaminedTree
			if !r.Resumed && !r.looked {
				trees = r.ExamineTrees(ctx)
			}
			summary := strings.Join(slices.DeleteFunc([]string{r.found.Summary(), treeSummary(trees)}, func(s string) bool { return s == "" }), "; ")
			return summary, errors.Join(r.found.refused(r.Accepts), r.refusedTrees(trees))
		},
	}
}

// Found is what the check has found, for who reads it after the plan has ended.
func (r *Run) Found() Examination { return r.found }

func (r *Run) copy(c Catalog) plan.Step {
	pair, name := c.pair(r.ID, r.ToLive), "copy "+c.Name
	return plan.Step{
		Name: name, Title: fmt.Sprintf("copy %s of %s to %s of %s", pair.Source.Catalog, pair.Source.Host, pair.Names.Staging, pair.Target.Host),
		Durable: true, Timeout: copyTimeout,
		Do: func(ctx context.Context) (string, error) {
			r.told.copying(true)
			defer r.told.copying(false)
			s, err := c.Engine.Copy(ctx, pair, func(p database.Progress) { r.Watch(name, p) })
			if err != nil {
				return "", err
			}
			r.snapshot[c.Name] = s
			plan.Measure(ctx, s.Bytes, s.Rows)
			return fmt.Sprintf("%d rows in %d tables, as of %s", s.Rows, len(s.Tables), s.At.Format(time.RFC3339)), nil
		},
		Undo: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, tidyTimeout)
			defer cancel()
			return c.Engine.Discard(ctx, pair)
		},
	}
}

func (r *Run) fix(c Catalog) plan.Step {
	pair := c.pair(r.ID, r.ToLive)
	values := Values{Server: r.Server, Catalog: c.Name, Copy: pair.Names.Live, Standby: r.Standby, DataDir: r.DataDir}
	return plan.Step{
		Name: "fix " + c.Name, Title: fmt.Sprintf("run %d fix-up scripts on %s", len(c.Scripts), pair.Names.Staging), Timeout: fixTimeout,
		Do: func(ctx context.Context) (string, error) {
			return fixUp(ctx, c, pair, values)
		},
	}
}

// fixUp runs the scripts of a catalog on its staging.
func fixUp(ctx context.Context, c Catalog, pair database.Pair, values Values) (note string, err error) {
	for _, path := range c.Scripts {
		text, err := script(path, values)
		if err != nil {
			return "", err
		}
		if err := c.Engine.Fix(ctx, pair, text); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
	}
	return fmt.Sprintf("%d scripts", len(c.Scripts)), nil
}

func (r *Run) verify(c Catalog) plan.Step {
	pair := c.pair(r.ID, r.ToLive)
	return plan.Step{
		Name: "verify " + c.Name, Title: "compare " + pair.Names.Staging + " with what was copied", Timeout: fixTimeout,
		Do: func(ctx context.Context) (string, error) {
			s := r.snapshot[c.Name]
			v, err := c.Engine.Verify(ctx, pair, s)
			if err != nil {
				return "", err
			}
			plan.Measure(ctx, 0, v.Rows)
			next := Complete{Snapshot: s, Verified: time.Now(), Check: v.Check, Operation: r.ID}
			if err := r.remember(ctx, c, r.copies[c.Name].Stage(next, r.ToLive, r.over[c.Name]), ""); err != nil {
				return "", err
			}
			return v.Check, nil
		},
	}
}

func (r *Run) swap(c Catalog) plan.Step {
	pair := c.pair(r.ID, r.ToLive)
	title := fmt.Sprintf("put %s in service as %s, keep the one before as %s", pair.Names.Staging, pair.Names.Live, pair.Names.Previous)
	return plan.Step{
		Name: StepSwap(c.Name), Title: title, Durable: true, Timeout: swapTimeout,
		Do: func(ctx context.Context) (string, error) {
			r.swapping.Store(true)
			err := persist(ctx, func() error {
				return c.Engine.Swap(ctx, pair, func(what string) error {
					return r.remember(ctx, c, r.copies[c.Name].Begin(what), what)
				})
			})
			if err != nil {
				return "", err
			}
			return pair.Names.Live + " is in service", nil
		},
		Undo: func(ctx context.Context) error { return r.takeBack(ctx, c, pair) },
	}
}

// takeBack has the copy that was in service before the swap in service again.
func (r *Run) takeBack(ctx context.Context, c Catalog, pair database.Pair) error {
	staged := r.copies[c.Name].Staged
	if !r.copies[c.Name].Half() {
		return nil // the swap had not begun to act: the copy in service is the one that was
	}
	if staged.Over && len(staged.Taken) > 0 {
		// An earlier start has begun to take it back. When it has come to its end, one more would take what is in
		// service for a first copy, which has nothing before it.
		standing, err := standingOf(ctx, c.Engine, pair)
		if err != nil {
			return err
		}
		if standing.Live && !standing.Previous {
			return r.remember(ctx, c, r.copies[c.Name].Unstaged(), "")
		}
	}
	err := persist(ctx, func() error {
		return c.Engine.Rollback(ctx, pair, func(what string) error {
			return r.remember(ctx, c, r.copies[c.Name].TakeBack(what), what)
		})
	})
	if err != nil {
		return err
	}
	return r.remember(ctx, c, r.copies[c.Name].Unstaged(), "")
}

// settle seals a copy that waits for a takeover, and opens what the primary's own users write to.
func (r *Run) settle(c Catalog) plan.Step {
	if r.ToLive {
		return plan.Step{
			Name: "open " + c.Name, Title: "let applications write to " + c.Primary.Catalog + " of " + c.Primary.Host, Durable: true,
			Timeout: time.Minute,
			Do:      func(ctx context.Context) (string, error) { return "", c.Engine.Release(ctx, c.Primary, true) },
		}
	}
	return plan.Step{
		Name: "seal " + c.Name, Title: "let nobody write to " + c.Standby.Catalog + " until a takeover", Durable: true, Optional: true,
		Timeout: time.Minute,
		Do:      func(ctx context.Context) (string, error) { return "", c.Engine.Release(ctx, c.Standby, false) },
	}
}

// told is how far files are that come beside databases. While a database is on its way, that is what people are told of:
// it says more about what is left.
type told struct {
	mu       sync.Mutex
	database bool
	files    func() // tells it when no database is on its way any more
}

// copying says that a database is on its way, or has come.
func (t *told) copying(database bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.database = database
	if !database && t.files != nil {
		t.files()
		t.files = nil
	}
}

// tell tells how far files are, or keeps it until it matters.
func (t *told) tell(files func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.database {
		t.files = files
		return
	}
	files()
}

// remember makes a change durable, and only then goes on with it.
func (r *Run) remember(ctx context.Context, c Catalog, next Copy, what string) error {
	if err := r.Remember(ctx, c.Name, next, what); err != nil {
		return fmt.Errorf("write down before it is done: %w", err)
	}
	r.copies[c.Name] = next
	return nil
}

// Swapping reports whether the run has begun to put its copies in service.
func (r *Run) Swapping() bool { return r.swapping.Load() }

// Resumable reports whether a run that a crash interrupted can be finished: every copy of it was verified and is
// staged, or is in service, and the swap has begun, or files have begun to come back, which stay at the primary.
// Everything else is taken back.
func (r *Run) Resumable(rec plan.Record) bool {
	if rec.State == plan.Cancelling || !r.begun(rec) {
		return false
	}
	for _, c := range r.Catalogs {
		s := r.copies[c.Name].Staged
		if s == nil || s.Operation != r.ID || len(s.Taken) > 0 {
			return false
		}
	}
	return true
}

// begun reports whether a run has begun to change what is in service.
func (r *Run) begun(rec plan.Record) bool {
	for _, t := range r.Trees {
		if rec.Begun(StepBring(t.Name)) {
			return true
		}
	}
	return len(r.Catalogs) > 0 && rec.Begun(StepSwap(r.Catalogs[0].Name))
}

// Ended is what is to be remembered of each catalog once the plan has ended, and whether a swap had to be undone.
func (r *Run) Ended(rec plan.Record) (copies map[string]Copy, rolledBack bool) {
	a := Attempt{Kind: r.Kind, OK: rec.State == plan.Succeeded || rec.State == plan.Partial, Error: rec.Error, Operation: r.ID}
	if rec.Ended != nil {
		a.At = *rec.Ended
	}
	copies = map[string]Copy{}
	for _, c := range r.Catalogs {
		if a.OK {
			copies[c.Name] = r.copies[c.Name].Served(a)
			continue
		}
		copies[c.Name] = r.copies[c.Name].Failed(a)
		if d := rec.Step(StepSwap(c.Name)); d != nil && d.State == plan.Undone {
			rolledBack = true
		}
	}
	return copies, rolledBack
}

// again is how long a server that cannot be asked is left alone before it is asked again.
const again = 5 * time.Second

// persist does what a swap depends on again while the server cannot be reached: half a swap is worse than a late one.
func persist(ctx context.Context, f func() error) error {
	for {
		err := f()
		var away *database.UnreachableError
		if err == nil || !errors.As(err, &away) {
			return err
		}
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// standingOf asks what stands at the target, and nobody else: the source may be dead.
func standingOf(ctx context.Context, e database.Engine, pair database.Pair) (database.Standing, error) {
	var standing database.Standing
	err := persist(ctx, func() error {
		pair.Source = pair.Target
		report, err := e.Probe(ctx, pair)
		standing = report.Standing
		return err
	})
	return standing, err
}
