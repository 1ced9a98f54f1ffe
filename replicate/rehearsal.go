package replicate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"failoverd/plan"
	"failoverd/replicate/database"
)

// Rehearsal is one drill: the copy in service of each catalog is copied once more beside itself, under a name of its own,
// and that copy goes the way that a takeover's data goes, up to the check of the application that works on it. Then all
// of it is dropped. The copy in service is read and never written, the one before is not looked at, and the primary and
// the network have no part in it.
type Rehearsal struct {
	ID       string // of the operation
	Kind     string // of the operation
	Server   string
	Standby  string // the standby's name, for fix-up scripts
	DataDir  string // the server's own directory on the standby, for fix-up scripts
	Catalogs []Catalog
	Check    Check
	// Watch follows a copy. It must not block.
	Watch func(step string, p database.Progress)

	copies   map[string]Copy // as remembered
	snapshot map[string]database.Snapshot
	opened   map[string]bool // the drill's copy can be worked on
}

// Check asks an application whether it would work on the drill's copies.
type Check struct {
	Command string // for people, empty if there is none
	Timeout time.Duration
	Run     func(context.Context) (evidence string, err error)
}

// drillRun is the run of every drill: whatever one has left, the next one and the next start find and drop it.
const drillRun = "drill"

// The names of a drill's steps that others ask for.
const (
	StepCheck = "check"
	StepClear = "clear"
)

// StepBeside is the name of the step that copies a catalog beside itself.
func StepBeside(catalog string) string { return "copy " + catalog }

// Use gives the drill what is remembered of the copies. It is called once, before the plan is carried out.
func (r *Rehearsal) Use(copies map[string]Copy) {
	r.copies, r.snapshot, r.opened = copies, map[string]database.Snapshot{}, map[string]bool{}
}

// beside is the copy in service on its way to the drill's.
func (c Catalog) beside() database.Pair {
	return database.Pair{Source: c.Standby, Target: c.Drill, Names: database.NamesOf(c.Drill.Catalog), Run: drillRun}
}

// Plan is the drill as a plan. A step that fails does not end it: what else would have failed is found out as well. What
// was made is dropped in the last step, or when the drill is cancelled.
func (r *Rehearsal) Plan() plan.Plan {
	out := plan.Plan{Kind: r.Kind, Server: r.Server}
	if len(r.Catalogs) > 0 {
		out.Steps = append(out.Steps, r.look())
	}
	for _, c := range r.Catalogs {
		out.Steps = append(out.Steps, r.copy(c), r.verify(c))
		if len(c.Scripts) > 0 {
			out.Steps = append(out.Steps, r.fix(c))
		}
		out.Steps = append(out.Steps, r.open(c))
	}
	if r.Check.Command != "" {
		out.Steps = append(out.Steps, r.check())
	}
	if len(r.Catalogs) > 0 {
		out.Steps = append(out.Steps, r.clear())
	}
	return out
}

// look drops what a drill may have left, and finds out whether there is a copy of everything, and room beside it.
func (r *Rehearsal) look() plan.Step {
	return plan.Step{
		Name: StepLook, Title: "look for complete copies, and for room beside them", Timeout: checkTimeout,
		Do: func(ctx context.Context) (string, error) {
			var errs []error
			var notes []string
			for _, c := range r.Catalogs {
				note, err := r.examine(ctx, c)
				if err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", c.Name, err))
				}
				notes = append(notes, note)
			}
			return strings.Join(notes, "; "), errors.Join(errs...)
		},
	}
}

// examine says what the copy in service shows, and why it cannot be copied beside itself.
func (r *Rehearsal) examine(ctx context.Context, c Catalog) (string, error) {
	known := r.copies[c.Name]
	switch {
	case known.Half():
		return "", fmt.Errorf("the exchange of %s was neither finished nor taken back", known.Staged.Operation)
	case known.Last == nil:
		return "", errors.New("no copy was ever completed")
	}
	pair := c.beside()
	if err := vanish(ctx, c); err != nil {
		return "", fmt.Errorf("drop what an earlier drill has left: %w", err)
	}
	report, err := c.Engine.Probe(ctx, pair)
	if err != nil {
		return "", err
	}
	if s := report.Standing; s.Live || s.Staging || s.Previous {
		return "", fmt.Errorf("%s stands at %s, and no drill has made it: it is not touched, drop it", pair.Names.Live, pair.Target.Host)
	}
	var errs []error
	for _, p := range report.Blocking() {
		errs = append(errs, errors.New(p.Text))
	}
	return fmt.Sprintf("%s shows %s", c.Standby.Catalog, known.Last.Snapshot.At.Format(time.RFC3339)), errors.Join(errs...)
}

func (r *Rehearsal) copy(c Catalog) plan.Step {
	pair, name := c.beside(), StepBeside(c.Name)
	return plan.Step{
		Name: name, Title: fmt.Sprintf("copy %s beside itself, as %s", c.Standby.Catalog, pair.Names.Live),
		Durable: true, Optional: true, Timeout: copyTimeout,
		Do: func(ctx context.Context) (string, error) {
			s, err := c.Engine.Copy(ctx, pair, func(p database.Progress) { r.Watch(name, p) })
			if err != nil {
				return "", err
			}
			r.snapshot[c.Name] = s
			plan.Measure(ctx, s.Bytes, s.Rows)
			return fmt.Sprintf("%d rows in %d tables", s.Rows, len(s.Tables)), nil
		},
		Undo: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, tidyTimeout)
			defer cancel()
			return vanish(ctx, c)
		},
	}
}

// unrehearsed is the note of a step that there is nothing to do in, because an earlier one has failed.
func unrehearsed(names ...string) string {
	return "NOT REHEARSED: there is no drill's copy of " + strings.Join(names, ", ")
}

func (r *Rehearsal) verify(c Catalog) plan.Step {
	pair := c.beside()
	return plan.Step{
		Name: "verify " + c.Name, Title: "compare " + pair.Names.Staging + " with what was copied", Optional: true, Timeout: fixTimeout,
		Do: func(ctx context.Context) (string, error) {
			s, made := r.snapshot[c.Name]
			if !made {
				return unrehearsed(c.Name), nil
			}
			v, err := c.Engine.Verify(ctx, pair, s)
			if err != nil {
				return "", err
			}
			plan.Measure(ctx, 0, v.Rows)
			return v.Check, nil
		},
	}
}

func (r *Rehearsal) fix(c Catalog) plan.Step {
	pair := c.beside()
	values := Values{Server: r.Server, Catalog: c.Name, Copy: pair.Names.Live, Standby: r.Standby, DataDir: r.DataDir}
	return plan.Step{
		Name: "fix " + c.Name, Title: fmt.Sprintf("run %d fix-up scripts on %s", len(c.Scripts), pair.Names.Staging), Optional: true, Timeout: fixTimeout,
		Do: func(ctx context.Context) (string, error) {
			if _, made := r.snapshot[c.Name]; !made {
				return unrehearsed(c.Name), nil
			}
			return fixUp(ctx, c, pair, values)
		},
	}
}

// open puts the drill's copy in service under its own name, and lets the application write to it, as a swap and a
// takeover do.
func (r *Rehearsal) open(c Catalog) plan.Step {
	pair := c.beside()
	return plan.Step{
		Name: "open " + c.Name, Title: "let the application work on " + pair.Names.Live, Durable: true, Optional: true, Timeout: swapTimeout,
		Do: func(ctx context.Context) (string, error) {
			if _, made := r.snapshot[c.Name]; !made {
				return unrehearsed(c.Name), nil
			}
			if err := c.Engine.Swap(ctx, pair, nothingToNote); err != nil {
				return "", err
			}
			if err := c.Engine.Release(ctx, c.Drill, true); err != nil {
				return "", err
			}
			r.opened[c.Name] = true
			return pair.Names.Live + " can be written to", nil
		},
	}
}

// check asks the application. What it works on has to be there.
func (r *Rehearsal) check() plan.Step {
	return plan.Step{
		Name: StepCheck, Title: "ask in a network of its own: " + r.Check.Command, Optional: true, Timeout: r.Check.Timeout + 10*time.Second,
		Do: func(ctx context.Context) (string, error) {
			var missing []string
			for _, c := range r.Catalogs {
				if !r.opened[c.Name] {
					missing = append(missing, c.Name)
				}
			}
			if len(missing) > 0 {
				return unrehearsed(missing...), nil
			}
			return r.Check.Run(ctx)
		},
	}
}

// clear drops what the drill has made.
func (r *Rehearsal) clear() plan.Step {
	return plan.Step{
		Name: StepClear, Title: "drop the drill's copies", Durable: true, Timeout: swapTimeout,
		Do: func(ctx context.Context) (string, error) {
			var errs []error
			for _, c := range r.Catalogs {
				if err := vanish(ctx, c); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", c.Name, err))
				}
			}
			if err := errors.Join(errs...); err != nil {
				return "", err
			}
			return "nothing is left", nil
		},
	}
}

// nothingToNote is for what a drill changes: that it is about to is on disk since its copy was begun, and all of it is
// dropped in any case.
func nothingToNote(string) error { return nil }

// vanish drops whatever a drill has made of a catalog, as far as it had come. A drill makes no previous copy: where one
// stands, somebody else's copies have these names.
func vanish(ctx context.Context, c Catalog) error {
	pair := c.beside()
	return persist(ctx, func() error {
		report, err := c.Engine.Probe(ctx, pair)
		switch {
		case err != nil:
			return err
		case report.Standing.Previous:
			return fmt.Errorf("%s stands at %s, and no drill has made it: nothing of that name is touched", pair.Names.Previous, pair.Target.Host)
		}
		if err := c.Engine.Rollback(ctx, pair, nothingToNote); err != nil {
			return err
		}
		return c.Engine.Discard(ctx, pair)
	})
}
