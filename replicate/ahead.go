package replicate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"failoverd/plan"
	"failoverd/replicate/database"
)

// Ahead are the steps of a failback that are done while the stand-in is still at work: both hosts are asked about
// everything, and the files that there are by then are brought back. What comes later, and every database, waits for the
// final stop: a database that is written to has no state that could be put in service at the primary.
func (r *Run) Ahead() []plan.Step {
	steps := []plan.Step{r.look()}
	for _, t := range r.Trees {
		steps = append(steps, r.ahead(t))
	}
	return steps
}

// StepLook is the name of the step, of a failback and of a drill, that asks before anything is done.
const StepLook = "look"

// look finds what would refuse the final stop before there is one.
func (r *Run) look() plan.Step {
	return plan.Step{
		Name: StepLook, Title: r.about(), Timeout: checkTimeout,
		Do: func(ctx context.Context) (string, error) {
			found, trees := r.ExamineAtWork(ctx), r.ExamineTrees(ctx)
			r.looked = true // the final stop does not wait for an agent to look through its trees
			summary := strings.Join(slices.DeleteFunc([]string{found.Summary(), treeSummary(trees)}, func(s string) bool { return s == "" }), "; ")
			return summary, errors.Join(found.refused(r.Accepts), r.refusedTrees(trees))
		},
	}
}

// How often, and with what pause, a database that the stand-in works on is asked: one that is locked at one instant is not at
// the next.
const (
	triesAtWork = 10
	pauseAtWork = 250 * time.Millisecond
)

// ExamineAtWork is Examine while the stand-in is at work: who writes is no reason against it, because it is stopped later.
func (r *Run) ExamineAtWork(ctx context.Context) Examination {
	early := Run{
		ID: r.ID, Kind: r.Kind, Server: r.Server, ToLive: r.ToLive, Diverged: r.Diverged, working: true,
		Accepts: r.Accepts, Catalogs: r.Catalogs, copies: r.copies,
	}
	for tries := 1; ; tries++ {
		found := early.Examine(ctx)
		if tries == triesAtWork || !slices.ContainsFunc(found, passing) {
			return found
		}
		timer := time.NewTimer(pauseAtWork)
		select {
		case <-ctx.Done():
			timer.Stop()
			return found
		case <-timer.C:
		}
	}
}

// passing reports whether what keeps a catalog from being asked may pass by itself, and soon.
func passing(x Examined) bool {
	_, away := errors.AsType[*database.UnreachableError](x.Err)
	return x.Err != nil && !away
}

// ahead brings the files back that there are now.
func (r *Run) ahead(t Tree) plan.Step {
	name := "ahead " + t.Name
	return plan.Step{
		Name: name, Title: fmt.Sprintf("bring the files in %s of %s to %s while the stand-in works", t.Source, t.From, t.To),
		Timeout: copyTimeout,
		Do: func(ctx context.Context) (string, error) {
			b, err := t.Bringer.Ahead(ctx, func(p database.Progress) { r.Watch(name, p) })
			return broughtNote(ctx, b, err)
		},
	}
}

// BegunData reports whether a run has begun to move databases, so that what is remembered of them has changed.
func BegunData(rec plan.Record) bool { return rec.Begun("check") }
