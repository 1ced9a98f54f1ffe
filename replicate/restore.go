package replicate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"failoverd/plan"
	"failoverd/replicate/database"
)

// Restore puts the previous copies of a server's catalogs back into service at the standby. What was in service is
// dropped, so it cannot be taken back; after a crash it is finished.
type Restore struct {
	ID       string
	Kind     string
	Server   string
	Catalogs []Catalog
	Resumed  bool
	// Note says in the history what is about to be done, and is durable when it returns.
	Note func(ctx context.Context, catalog, what string) error
}

// Plan is the restoring as a plan: nothing is dropped before every catalog was found to have a previous copy.
func (r *Restore) Plan() plan.Plan {
	out := plan.Plan{Kind: r.Kind, Server: r.Server, OnFailure: plan.Keep, Steps: []plan.Step{r.check()}}
	for _, c := range r.Catalogs {
		out.Steps = append(out.Steps, r.restore(c))
	}
	return out
}

func (r *Restore) check() plan.Step {
	return plan.Step{
		Name: "check", Title: "ask the standby's database server for the previous copies", Timeout: time.Minute,
		Do: func(ctx context.Context) (string, error) {
			var errs []error
			for _, c := range r.Catalogs {
				standing, err := standingOf(ctx, c.Engine, c.pair(r.ID, false))
				switch {
				case err != nil:
					errs = append(errs, fmt.Errorf("%s: %w", c.Name, err))
				case !standing.Previous && !r.Resumed:
					errs = append(errs, fmt.Errorf("%s: no previous copy is kept", c.Name))
				}
			}
			return "", errors.Join(errs...)
		},
	}
}

// StepRestore is the name of the step that puts a catalog's previous copy in service.
func StepRestore(catalog string) string { return "restore " + catalog }

func (r *Restore) restore(c Catalog) plan.Step {
	pair := c.pair(r.ID, false)
	return plan.Step{
		Name: StepRestore(c.Name), Title: fmt.Sprintf("put %s in service as %s", pair.Names.Previous, pair.Names.Live), Durable: true,
		Timeout: swapTimeout,
		Do: func(ctx context.Context) (string, error) {
			standing, err := standingOf(ctx, c.Engine, pair)
			if err != nil {
				return "", err
			}
			if standing.Staging && !r.Resumed {
				// What an earlier run could not clear away would be taken for a swap that was not made.
				if err := c.Engine.Discard(ctx, pair); err != nil {
					return "", fmt.Errorf("drop what an earlier run has left: %w", err)
				}
			}
			if standing.Previous || !standing.Live {
				err = persist(ctx, func() error {
					return c.Engine.Rollback(ctx, pair, func(what string) error { return r.Note(ctx, c.Name, what) })
				})
				if err == nil {
					standing, err = standingOf(ctx, c.Engine, pair)
				}
			}
			if err != nil {
				return "", err
			}
			if standing.Previous || !standing.Live {
				return "", fmt.Errorf("%s is not in service as %s", pair.Names.Previous, pair.Names.Live)
			}
			note := pair.Names.Live + " is the copy before"
			// A crash in the middle may have left something of what was in service.
			if err := c.Engine.Discard(ctx, pair); err != nil {
				note += "; what is left of the other was not dropped: " + err.Error()
			}
			return note, c.Engine.Release(ctx, c.Standby, false)
		},
	}
}

// Ended is what is to be remembered once the plan has ended.
func (r *Restore) Ended(rec plan.Record, copies map[string]Copy) map[string]Copy {
	out := map[string]Copy{}
	for _, c := range r.Catalogs {
		if d := rec.Step(StepRestore(c.Name)); d != nil && d.State == plan.Succeeded {
			out[c.Name] = copies[c.Name].Restored()
		}
	}
	return out
}

// Probe asks both ends of every catalog how a replication would fare now.
func Probe(ctx context.Context, catalogs []Catalog) map[string]Probed {
	out := map[string]Probed{}
	for _, c := range catalogs {
		p := Probed{At: time.Now()}
		p.Report, p.Err = c.Engine.Probe(ctx, c.pair("probe", false))
		out[c.Name] = p
	}
	return out
}

// Probed is what a probe of both ends has found, and when.
type Probed struct {
	At     time.Time
	Report database.Report
	Err    error
}
