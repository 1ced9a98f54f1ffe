package standby

import (
	"context"
	"fmt"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/status"
)

// ConfirmDeletions lets the deletions in the copy of a tree happen that are held back, by order of an operator.
func (s *Standby) ConfirmDeletions(ctx context.Context, name, tree string, o status.Order) (status.Server, error) {
	return s.orderTree(ctx, name, tree, o, func(t *turn, v *server) (journal.Event, error) {
		held := s.deps.Trees.Status(name, tree).Held
		if held == 0 {
			return journal.Event{}, refuse(status.WrongState, fmt.Sprintf("no deletions of %s in %s are held back", name, tree))
		}
		t.after(func() { s.deps.Trees.Confirm(name, tree) })
		return journal.Event{
			Kind: "files.confirmed", Severity: "warning",
			Message: fmt.Sprintf("%s confirms %d deletions in %s of %s", o.By.Name, held, tree, name),
		}, nil
	})
}

// AcceptSource takes the source of a tree as it is, though it is another directory than before, by order of an operator.
func (s *Standby) AcceptSource(ctx context.Context, name, tree string, o status.Order) (status.Server, error) {
	return s.orderTree(ctx, name, tree, o, func(t *turn, v *server) (journal.Event, error) {
		known := v.tree(tree)
		if !s.deps.Trees.Status(name, tree).Root {
			return journal.Event{}, refuse(status.WrongState, fmt.Sprintf("the source of %s in %s is the directory that it was, or cannot be reached", tree, name))
		}
		known.Accept = true
		t.keepTree(v, tree, known)
		return journal.Event{
			Kind: "files.accepted", Severity: "warning", Message: fmt.Sprintf("%s takes the source of %s of %s as it is now", o.By.Name, tree, name),
		}, nil
	})
}

// DiscardFiles gives up what the stand-in has written in the copy of a tree, by order of an operator: it follows its
// source again.
func (s *Standby) DiscardFiles(ctx context.Context, name, tree string, o status.Order) (status.Server, error) {
	return s.orderTree(ctx, name, tree, o, func(t *turn, v *server) (journal.Event, error) {
		known := v.tree(tree)
		switch {
		case v.facts.Role != monitor.StandingBy:
			return journal.Event{}, refuse(status.WrongState, fmt.Sprintf("the standby is %s for %s", v.facts.Role, name))
		case !known.Diverged:
			return journal.Event{}, refuse(status.WrongState, fmt.Sprintf("the copy of %s of %s is not newer than its source: it has not diverged", tree, name))
		}
		known.Diverged = false
		t.keepTree(v, tree, known)
		return journal.Event{
			Kind: "files.discarded", Severity: "warning",
			Message: fmt.Sprintf("%s gives up what the stand-in wrote in %s of %s", o.By.Name, tree, name),
		}, nil
	})
}

// orderTree carries out an order about a tree, and notes it.
func (s *Standby) orderTree(ctx context.Context, name, tree string, o status.Order, do func(*turn, *server) (journal.Event, error)) (status.Server, error) {
	_, err := order(ctx, s, func(t *turn) (none, error) {
		v, err := s.find(name)
		if err != nil {
			return none{}, err
		}
		if _, ok := v.findTree(tree); !ok {
			return none{}, v.noTree(tree)
		}
		if j := v.job; j != nil && j.about(tree) {
			return none{}, busy(v, j.record)
		}
		e, err := do(t, v)
		if err != nil {
			return none{}, err
		}
		e.Server, e.Actor, e.Reason = name, actor(o.By), o.Reason
		t.note(e, false)
		return none{}, nil
	})
	if err != nil {
		return status.Server{}, err
	}
	return s.one(ctx, name)
}
