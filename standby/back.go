package standby

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/replicate/files"
	"failoverd/replicate/trees"
	"failoverd/status"
)

// worked are the trees in whose copies the stand-in has been at work, and that the agent of the primary can take back.
func (s *server) worked() []trees.Tree {
	return slices.DeleteFunc(slices.Clone(s.trees), func(t trees.Tree) bool { return t.Agent == "" || !s.tree(t.Name).Diverged })
}

// about reports whether a job brings the files of a tree back.
func (j *job) about(tree string) bool {
	return slices.ContainsFunc(j.trees, func(t trees.Tree) bool { return t.Name == tree })
}

// bringers are trees as a replication to live has them.
func (s *Standby) bringers(v *server, list []trees.Tree) []replicate.Tree {
	var out []replicate.Tree
	for _, t := range list {
		out = append(out, replicate.Tree{
			Name: t.Name, From: s.config.Standby.Name, Source: t.Directory,
			To: fmt.Sprintf("%s (%s)", v.config.Name, v.config.Address), Place: t.Agent,
			Bringer: bringer{s.deps.Trees, trees.Order{Tree: t, Epoch: v.facts.Epoch}},
		})
	}
	return out
}

// bringer brings one tree back.
type bringer struct {
	trees Trees
	order trees.Order
}

func (b bringer) Examine(ctx context.Context) (replicate.TreeReport, error) {
	x, err := b.trees.Examine(ctx, b.order)
	return replicate.TreeReport{
		Copied: !x.Synced.IsZero(), Found: x.Copy.Copy, Files: x.Copy.Files, Bytes: x.Copy.Bytes,
		Known: x.Far.Scanned, There: x.Far.Files, ThereBytes: x.Far.Bytes, Alone: x.Far.Alone, AloneBytes: x.Far.AloneBytes,
		Refused: x.Far.Refused,
	}, err
}

func (b bringer) Bring(ctx context.Context, watch func(database.Progress)) (replicate.Brought, error) {
	got, err := b.trees.Bring(ctx, b.order, b.progress(watch))
	return broughtOf(got), err
}

func (b bringer) Ahead(ctx context.Context, watch func(database.Progress)) (replicate.Brought, error) {
	got, err := b.trees.Ahead(ctx, b.order, b.progress(watch))
	return broughtOf(got), err
}

// progress is how far a tree is, as a replication shows it.
func (b bringer) progress(watch func(database.Progress)) func(trees.Progress) {
	return func(p trees.Progress) {
		object := b.order.Tree.Name
		if p.Missing > 0 {
			object += fmt.Sprintf(" (%d files to come)", p.Missing)
		}
		watch(database.Progress{Phase: p.Phase, Object: object, Done: int64(p.Sent)})
	}
}

// broughtOf is what came of a tree, as a replication has it.
func broughtOf(got trees.Brought) replicate.Brought {
	out := replicate.Brought{Files: got.Files, Bytes: got.Bytes, Sent: got.Sent, Refused: len(got.Refused)}
	if len(got.Refused) > 0 {
		out.First = fmt.Sprintf("%q: %s", got.Refused[0].Path, got.Refused[0].Reason)
	}
	return out
}

// brought notes what came of the trees of an operation that has ended: what was brought back follows the primary again.
func (t *turn) brought(v *server, list []trees.Tree, r plan.Record) {
	for _, tree := range list {
		d := r.Step(replicate.StepBring(tree.Name))
		switch {
		case d == nil || d.State == plan.Queued:
		case succeeded(r) && d.State == plan.Succeeded && v.facts.Role == monitor.StandingBy:
			known := v.tree(tree.Name)
			known.Diverged = false
			t.keepTree(v, tree.Name, known)
			e := journal.Event{Kind: "files.brought_back", Severity: "info", Message: fmt.Sprintf("the files %s of %s are back at the primary, and follow it again", tree.Name, v.config.Name), Reason: d.Note}
			if strings.Contains(d.Note, "DID NOT COME") {
				e.Severity = "warning"
			}
			t.about(v, r, e, false)
		default:
			t.about(v, r, journal.Event{
				Kind: "files.half_back", Severity: "warning", Reason: r.Error,
				Message: fmt.Sprintf("the files %s of %s may have come back in part, and stay diverged: order it again before the primary's application starts", tree.Name, v.config.Name),
			}, false)
		}
	}
}

// about notes an event about an operation.
func (t *turn) about(v *server, r plan.Record, e journal.Event, mail bool) {
	e.Server, e.Operation, e.Actor, e.Incident = v.config.Name, r.ID, actor(r.By), v.facts.Incident
	t.note(e, mail)
}

// treeCrossing is a tree of a replication as the question before it shows it.
func treeCrossing(x replicate.ExaminedTree) status.TreeCrossing {
	out := status.TreeCrossing{
		Tree: x.Tree.Name, From: x.Tree.From, FromDir: x.Tree.Source, To: x.Tree.To, ToDir: x.Tree.Place,
		Files: -1, Bytes: -1, There: -1, ThereBytes: -1, Alone: -1, AloneBytes: -1,
	}
	r := x.Report
	if x.Err != nil {
		out.Problem = x.Err.Error()
		return out
	}
	out.Files, out.Bytes = int64(r.Files), int64(r.Bytes)
	if r.Known {
		out.There, out.ThereBytes, out.Alone, out.AloneBytes = int64(r.There), int64(r.ThereBytes), int64(r.Alone), int64(r.AloneBytes)
	}
	return out
}

// SetAside lists what was set aside at the primary when the files of a tree were brought back: up to limit of what comes after a
// place in that list.
func (s *Standby) SetAside(ctx context.Context, name, tree string, after status.AsidePlace, limit int) (status.SetAside, error) {
	t, err := consult(ctx, s, func(*turn) (trees.Tree, error) { return s.agentTree(name, tree) })
	if err != nil {
		return status.SetAside{}, err
	}
	list, more, err := s.deps.Trees.SetAside(ctx, t, files.RescuePlace(after))
	if err != nil {
		return status.SetAside{}, unreached(err)
	}
	out := status.SetAside{Files: []status.Aside{}}
	if len(list) > limit {
		list, more = list[:limit], true
	}
	if more && len(list) > 0 {
		last := list[len(list)-1]
		out.Next = new(status.AsidePlace{Set: last.Set, Path: last.Path}.String())
	}
	for _, r := range list {
		out.Files = append(out.Files, asideOf(r))
	}
	return out, nil
}

// asideOf is something that was set aside, as people see it.
func asideOf(r files.Rescued) status.Aside {
	return status.Aside{
		Set: r.Set, Path: strings.ToValidUTF8(r.Path, "\ufffd"), Reason: r.Reason, Kind: r.Kind.String(), Size: r.Size, ModTime: r.ModTime,
	}
}

// RestoreAside puts something that was set aside at the primary into its place again, by order of an operator.
func (s *Standby) RestoreAside(ctx context.Context, name, tree, set, path string, o status.Order) (status.Server, error) {
	t, err := consult(ctx, s, func(*turn) (trees.Tree, error) {
		v, err := s.find(name)
		if err == nil && v.job != nil && v.job.about(tree) {
			return trees.Tree{}, busy(v, v.job.record)
		}
		return s.agentTree(name, tree)
	})
	if err != nil {
		return status.Server{}, err
	}
	// Written down first that it is about to be done.
	what := fmt.Sprintf("%q, set aside at %s, into its place in %s of %s", path, set, tree, name)
	if err := s.noteRestore(ctx, name, o, "files.restoring", "info", o.By.Name+" puts "+what, o.Reason); err != nil {
		return status.Server{}, err
	}
	if err := s.deps.Trees.Restore(ctx, t, set, path); err != nil {
		if noted := s.noteRestore(context.WithoutCancel(ctx), name, o, "files.not_restored", "warning", "not done: "+what, err.Error()); noted != nil {
			s.log.Warn("that nothing was restored is not in the history", "server", name, "err", noted)
		}
		return status.Server{}, unreached(err)
	}
	if err := s.noteRestore(context.WithoutCancel(ctx), name, o, "files.restored", "info", "done: "+what, o.Reason); err != nil {
		return status.Server{}, err
	}
	return s.one(ctx, name)
}

// noteRestore notes what becomes of an order to restore something.
func (s *Standby) noteRestore(ctx context.Context, name string, o status.Order, kind, severity, message, reason string) error {
	_, err := order(ctx, s, func(t *turn) (none, error) {
		t.note(journal.Event{Kind: kind, Severity: severity, Server: name, Actor: actor(o.By), Message: message, Reason: reason}, false)
		return none{}, nil
	})
	return err
}

// agentTree is a tree that an agent has.
func (s *Standby) agentTree(name, tree string) (trees.Tree, error) {
	v, err := s.find(name)
	if err != nil {
		return trees.Tree{}, err
	}
	i := slices.IndexFunc(v.trees, func(t trees.Tree) bool { return t.Name == tree })
	switch {
	case i < 0:
		return trees.Tree{}, v.noTree(tree)
	case v.trees[i].Agent == "":
		return trees.Tree{}, refuse(status.WrongState, fmt.Sprintf("the files %s of %s are mounted here: no agent has set anything of them aside", tree, name))
	}
	return v.trees[i], nil
}

// noTree is the refusal of an order about a tree that there is not.
func (s *server) noTree(tree string) error {
	return &status.Refusal{
		Code:   status.NotFound,
		Detail: fmt.Sprintf("%s has no tree of files %q; it has: %s", s.config.Name, tree, orNone(strings.Join(s.treeNames(), ", "))),
		Try:    "failoverd files " + s.config.Name,
	}
}

// unreached is the refusal of what an agent does not do or does not answer.
func unreached(err error) error {
	if r, ok := errors.AsType[*status.Refusal](err); ok {
		return r
	}
	return &status.Refusal{Code: status.AgentSilent, Detail: err.Error(), Try: "on the primary: systemctl status failoverd-agent"}
}
