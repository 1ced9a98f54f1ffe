package replicate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"failoverd/plan"
	"failoverd/replicate/database"
)

// LeaveFiles is the word by which an operator accepts that files are not brought back: they stay as they are at both ends.
const LeaveFiles = "leave-files"

// Tree is a tree of files on its way to live.
type Tree struct {
	Name          string
	From, To      string // the hosts, for people
	Source, Place string // the copy's directory, and the one at the primary
	Bringer       Bringer
}

// Bringer brings the files of one tree back.
type Bringer interface {
	// Examine asks both ends, and changes nothing.
	Examine(ctx context.Context) (TreeReport, error)
	// Bring makes the primary's tree as the copy is. It may be called again after a crash.
	Bring(ctx context.Context, watch func(database.Progress)) (Brought, error)
	// Ahead brings what the copy has now, while somebody may go on writing in it.
	Ahead(ctx context.Context, watch func(database.Progress)) (Brought, error)
}

// TreeReport is what is found at both ends of a tree.
type TreeReport struct {
	Copied            bool   // there is a copy, and it was complete once
	Found             bool   // there is one
	Files, Bytes      uint64 // of the copy
	Known             bool   // the primary's was looked at whole
	There, ThereBytes uint64 // of the primary
	Alone, AloneBytes uint64 // of these, what the copy never had
	Refused           string // why nothing may be brought back, empty if it may
}

// Brought is what came of the bringing back of a tree.
type Brought struct {
	Files, Bytes uint64 // that the primary has now
	Sent         uint64 // bytes that travelled
	Refused      int    // paths that the primary cannot hold, or that are not copied
	First        string // the first of them, and why
}

// ExaminedTree is what was found about one tree.
type ExaminedTree struct {
	Tree    Tree
	Report  TreeReport
	Err     error // an end cannot be asked
	Refused []Finding
}

// ExamineTrees asks both hosts about every tree, and changes nothing.
func (r *Run) ExamineTrees(ctx context.Context) []ExaminedTree {
	var all []ExaminedTree
	for _, t := range r.Trees {
		x := ExaminedTree{Tree: t}
		x.Report, x.Err = t.Bringer.Examine(ctx)
		x.Refused = x.findings()
		all = append(all, x)
	}
	return all
}

// findings is why a tree is not brought back, given what was found.
func (x ExaminedTree) findings() []Finding {
	name, r := "files "+x.Tree.Name, x.Report
	one := Finding{Catalog: name, Accept: LeaveFiles, Remedy: "or leave these files as they are, and bring them back in another way"}
	switch {
	case x.Err != nil:
		one.Text, one.Limit = x.Err.Error(), "both hosts can be asked"
	case !r.Found || r.Files == 0:
		one.Text, one.Limit = fmt.Sprintf("there is no copy in %s of %s", x.Tree.Source, x.Tree.From), "a copy that the stand-in has worked in"
	case r.Refused != "":
		one.Text, one.Limit = r.Refused, x.Tree.To+" takes them"
	case !r.Copied:
		return []Finding{{
			Catalog: name, Text: "the copy was never complete: what it lacks would go from " + x.Tree.To + " as well", Limit: "a complete copy",
			Accept: OverwriteNewer, Remedy: "it would be set aside there",
		}}
	default:
		return nil
	}
	return []Finding{one}
}

// StepBring is the name of the step that brings a tree back.
func StepBring(tree string) string { return "bring " + tree }

// bring brings a tree back before any database is exchanged: what fails there has changed no database, and what fails
// later finds the files there already.
func (r *Run) bring(t Tree) plan.Step {
	name := StepBring(t.Name)
	return plan.Step{
		Name: name, Title: fmt.Sprintf("make the files in %s of %s as those in %s of %s", t.Place, t.To, t.Source, t.From),
		Durable: true, Timeout: copyTimeout,
		Do: func(ctx context.Context) (string, error) {
			b, err := t.Bringer.Bring(ctx, func(p database.Progress) { r.told.tell(func() { r.Watch(name, p) }) })
			return broughtNote(ctx, b, err)
		},
	}
}

// broughtNote is what came of a tree, for the record.
func broughtNote(ctx context.Context, b Brought, err error) (string, error) {
	if err != nil {
		return "", fmt.Errorf("%w; what has come back stays there, the files stay diverged, and another order goes on from there", err)
	}
	plan.Measure(ctx, int64(b.Sent), 0)
	note := fmt.Sprintf("%d files, %d bytes; %d bytes travelled", b.Files, b.Bytes, b.Sent)
	if b.Refused > 0 {
		note += fmt.Sprintf("; %d PATHS DID NOT COME, the first is %s", b.Refused, b.First)
	}
	return note, nil
}

// refusedTrees is the error of a check whose findings about trees are not all accepted.
func (r *Run) refusedTrees(all []ExaminedTree) error {
	var errs []error
	for _, x := range all {
		errs = append(errs, refused(x.Refused, r.Accepts))
	}
	return errors.Join(errs...)
}

// treeSummary says in a line what is brought back.
func treeSummary(all []ExaminedTree) string {
	var parts []string
	for _, x := range all {
		if x.Err == nil {
			parts = append(parts, fmt.Sprintf("files %s: %d, %d bytes, onto %d", x.Tree.Name, x.Report.Files, x.Report.Bytes, x.Report.There))
		}
	}
	return strings.Join(parts, "; ")
}
