package replicate

import (
	"context"
	"fmt"

	"failoverd/plan"
	"failoverd/replicate/database"
)

// Followed is a tree of files whose copy follows the primary, on its way to being handed over.
type Followed struct {
	Name          string
	From, To      string // the hosts, for people
	Source, Place string // the directory at the primary, and the copy's
	Follower      Follower
}

// Follower brings a copy up to date that follows its source.
type Follower interface {
	// Near says how far the copy is, or why it does not follow.
	Near(ctx context.Context) (text string, err error)
	// Ahead returns when the copy has nearly all, while users may go on writing at the source.
	Ahead(ctx context.Context, watch func(database.Progress)) error
	// Level returns when the copy is as its source, in which nobody writes any more.
	Level(ctx context.Context, watch func(database.Progress)) (Brought, error)
}

// StepLevel is the name of the step that makes the copy of a tree as its source.
func StepLevel(tree string) string { return "level " + tree }

// Preparing are the steps of a hand-over that are done while the primary's application is still at work.
func (r *Run) Preparing(trees []Followed) []plan.Step {
	var steps []plan.Step
	if len(r.Catalogs) > 0 {
		steps = append(steps, r.look())
	}
	for _, t := range trees {
		steps = append(steps, r.near(t))
	}
	return steps
}

// Handing are the steps of a hand-over that are done while nobody serves: the files that have changed last, then all of the
// databases, which are put in service on the standby.
func (r *Run) Handing(trees []Followed) []plan.Step {
	var steps []plan.Step
	for _, t := range trees {
		steps = append(steps, r.level(t))
	}
	if len(r.Catalogs) > 0 {
		steps = append(steps, r.Plan().Steps...)
	}
	return steps
}

// near waits until the copy of a tree has nearly all.
func (r *Run) near(t Followed) plan.Step {
	name := "ahead " + t.Name
	return plan.Step{
		Name: name, Title: fmt.Sprintf("let the files in %s of %s catch up with %s of %s while its application works", t.Place, t.To, t.Source, t.From),
		Timeout: copyTimeout,
		Check: func(ctx context.Context) plan.Finding {
			text, err := t.Follower.Near(ctx)
			if err != nil {
				return plan.Finding{Blocked: true, Will: "refuse", Value: err.Error(), Limit: "a copy that follows its source"}
			}
			return plan.Finding{Will: "wait until they have caught up", Value: text}
		},
		Do: func(ctx context.Context) (string, error) {
			if err := t.Follower.Ahead(ctx, func(p database.Progress) { r.Watch(name, p) }); err != nil {
				return "", err
			}
			return t.Follower.Near(ctx)
		},
	}
}

// level brings the last changes of a tree over.
func (r *Run) level(t Followed) plan.Step {
	name := StepLevel(t.Name)
	return plan.Step{
		Name: name, Title: fmt.Sprintf("make the files in %s of %s as those in %s of %s", t.Place, t.To, t.Source, t.From), Timeout: levelTimeout,
		Do: func(ctx context.Context) (string, error) {
			b, err := t.Follower.Level(ctx, func(p database.Progress) { r.Watch(name, p) })
			if err != nil {
				return "", err
			}
			plan.Measure(ctx, int64(b.Sent), 0)
			note := fmt.Sprintf("%d files; %d bytes travelled", b.Files, b.Sent)
			if b.Refused > 0 {
				note += fmt.Sprintf("; %d PATHS ARE NOT COPIED, the first is %s", b.Refused, b.First)
			}
			return note, nil
		},
	}
}
