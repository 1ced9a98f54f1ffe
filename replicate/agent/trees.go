package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"failoverd/replicate/agent/agentconfig"
	"failoverd/replicate/files"
)

// Trees are the directories that the standby may have, each watched all the time.
type Trees struct {
	grants *agentconfig.Config
	trees  map[string]*tree // by directory
}

// OpenTrees makes the trees of a configuration ready, with what is remembered of them below its data directory.
func OpenTrees(c *agentconfig.Config, log *slog.Logger) (*Trees, error) {
	t := &Trees{grants: c, trees: map[string]*tree{}}
	for _, grant := range c.Trees {
		state := filepath.Join(c.DataDir, "trees", grant.Name)
		if err := os.MkdirAll(state, 0o700); err != nil {
			return nil, fmt.Errorf("make a place for tree %s: %w", grant.Name, err)
		}
		one, err := newTree(grant, state, log.With("tree", grant.Name))
		if err != nil {
			return nil, fmt.Errorf("open tree %s: %w", grant.Name, err)
		}
		t.trees[grant.Directory] = one
	}
	return t, nil
}

// Run watches the trees until ctx ends. What is wrong with one of them is its own affair.
func (t *Trees) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, one := range t.trees {
		running.Go(func() { one.run(ctx) })
	}
}

// Begin is the service files: the conversation of one tree.
func (t *Trees) Begin(ctx context.Context, r Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	one, err := t.granted(r)
	if err != nil {
		return nil, err
	}
	rules, err := r.rules()
	if err != nil {
		return nil, err
	}
	if err := one.use(ctx, r.Rules, rules); err != nil {
		return nil, err
	}
	return func(ctx context.Context, stream io.ReadWriteCloser) error {
		return one.serve(ctx, stream, rules, r.Epoch)
	}, nil
}

// granted is the tree that a request is about.
func (t *Trees) granted(r Request) (*tree, error) {
	grant, ok := t.grants.Tree(r.Directory)
	if !ok {
		return nil, &Problem{NotGranted, fmt.Sprintf("the agent's configuration has no tree %.256q: write it under trees there, and restart the agent", r.Directory)}
	}
	return t.trees[grant.Directory], nil
}

// rules are the rules of a request, made ready.
func (r Request) rules() (*files.Rules, error) {
	rules, err := r.Rules.compile()
	if err != nil {
		return nil, &Problem{BadRequest, "the rules of the tree: " + err.Error()}
	}
	return rules, nil
}

// TreeStatus is how a tree is.
type TreeStatus struct {
	Name, Directory string
	Problem         string // why it is not served, empty if it is
}

// Status tells how the trees are, in the order of the configuration.
func (t *Trees) Status() []TreeStatus {
	var list []TreeStatus
	for _, grant := range t.grants.Trees {
		v := TreeStatus{Name: grant.Name, Directory: grant.Directory}
		if err := t.trees[grant.Directory].state(); err != nil {
			v.Problem = err.Error()
		}
		list = append(list, v)
	}
	return list
}
