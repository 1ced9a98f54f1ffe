package standby

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"failoverd/config"
	"failoverd/monitor"
	"failoverd/replicate"
	"failoverd/replicate/files"
	"failoverd/replicate/trees"
)

// Trees keeps copies of trees of files up to date. *trees.Set is the real one.
type Trees interface {
	// Follow says which trees of a server are followed from now on. It never waits.
	Follow(server string, orders []trees.Order)
	// Quiesce returns when nothing is written to the copies of a server any more.
	Quiesce(ctx context.Context, server string) error
	Status(server, tree string) trees.Status
	// Recall reads when a copy was last complete that may not be followed for long; it reads from the disk.
	Recall(t trees.Tree) error
	// Confirm lets deletions happen that are held back, and reports whether any were.
	Confirm(server, tree string) bool
	// Examine asks both ends of a tree before its files are brought back, and Bring brings them back.
	Examine(ctx context.Context, o trees.Order) (trees.Examined, error)
	Bring(ctx context.Context, o trees.Order, watch func(trees.Progress)) (trees.Brought, error)
	// Ahead brings what a copy has now, while the stand-in goes on writing in it.
	Ahead(ctx context.Context, o trees.Order, watch func(trees.Progress)) (trees.Brought, error)
	// Near returns when a copy that is followed has nearly all of its source, Level when it is as its source, in which nobody
	// writes any more.
	Near(ctx context.Context, t trees.Tree, watch func(trees.Progress)) error
	Level(ctx context.Context, o trees.Order, watch func(trees.Progress)) (trees.Brought, error)
	// SetAside lists what was set aside at the primary when they were, and Restore puts one of that into its place again.
	SetAside(ctx context.Context, t trees.Tree, after files.RescuePlace) (list []files.Rescued, more bool, err error)
	Restore(ctx context.Context, t trees.Tree, set, path string) error
	Close()
}

// treeFacts is what the journal keeps of a tree of files, with the facts of its server.
type treeFacts struct {
	// Diverged says that the stand-in has been at work in the copy: nothing comes from live until somebody has decided.
	Diverged bool `json:"diverged,omitempty"`
	// Accept says that somebody has taken the source as it is, and that it was not reached since.
	Accept bool `json:"accept,omitempty"`
	// Told is the ailment that was last mailed, empty if it has passed.
	Told ailment `json:"told,omitempty"`
}

// brakeWindow is how long a deletion counts.
const brakeWindow = time.Hour

// treesOf are the trees of a server as they are kept.
func treesOf(c config.Server, dataDir string) []trees.Tree {
	var list []trees.Tree
	for _, f := range c.Files {
		list = append(list, trees.Tree{
			Server: c.Name, Name: f.Name, Directory: f.Directory, Agent: f.Source.Agent, Path: f.Source.Path,
			StateDir: filepath.Join(dataDir, "servers", c.Name, "trees", f.Name),
			Include:  rulesOf(f.Include), Exclude: rulesOf(f.Exclude), FoldCase: f.IgnoreCase,
			ScanInterval: f.ScanInterval, Retention: f.Retention, Reserve: f.Reserve,
			Brake:     files.Brake{Share: f.Brake.Share, Least: uint64(f.Brake.Least), Window: brakeWindow},
			Bandwidth: bandwidthOf(f.Bandwidth),
		})
	}
	return list
}

func rulesOf(list []config.Inclusion) []files.Rule {
	var out []files.Rule
	for _, i := range list {
		out = append(out, files.Rule{Directory: i.Dir, Patterns: i.Patterns, Recursive: i.Recursive})
	}
	return out
}

// bandwidthOf are the limits of a tree. The configuration has been checked.
func bandwidthOf(list []config.Window) trees.Bandwidth {
	var out trees.Bandwidth
	for _, w := range list {
		from, err := replicate.ParseClock(w.From)
		to, err2 := replicate.ParseClock(w.To)
		if err == nil && err2 == nil {
			out = append(out, trees.Window{From: from, To: to, Limit: w.Limit})
		}
	}
	return out
}

// tree is what is remembered of a tree. One of which nothing is, is as its server.
func (s *server) tree(name string) treeFacts {
	if f, ok := s.treeFacts[name]; ok {
		return f
	}
	return treeFacts{Diverged: s.facts.Diverged}
}

// following reports whether files may come from live.
func following(f *monitor.Facts) bool {
	return f.Mode == monitor.Active && f.Role == monitor.StandingBy && f.State() != monitor.StateFailure
}

// follow has the trees of a server followed that may be, and the others rest.
func (s *Standby) follow(v *server) {
	if s.unreadable != "" {
		return // what is at the standby may be the newer
	}
	var orders []trees.Order
	epoch, leaving := v.facts.Epoch, v.leaving()
	if leaving {
		epoch-- // under the takeover that a hand-over has begun the copies are the stand-in's
	}
	for _, tree := range v.trees {
		f := v.tree(tree.Name)
		if (following(&v.facts) || leaving) && !f.Diverged {
			orders = append(orders, trees.Order{Tree: tree, Epoch: epoch, Accept: f.Accept})
		}
	}
	s.deps.Trees.Follow(v.config.Name, orders)
}

// keepTree has what is remembered of a tree written down with the turn.
func (t *turn) keepTree(v *server, name string, f treeFacts) {
	t.remember(v)
	v.treeFacts = maps.Clone(v.treeFacts)
	if v.treeFacts == nil {
		v.treeFacts = map[string]treeFacts{}
	}
	v.treeFacts[name] = f
}

// diverge notes what an event means for the copies of files: the stand-in has been at work in them, or what it wrote was
// given up by order.
func (t *turn) diverge(v *server, was monitor.Facts, e monitor.Event) {
	f := v.facts
	worked := was.Role == monitor.TakingOver && (f.Role == monitor.StandingIn || e.Touched) || was.Role == monitor.Releasing && f.Role == monitor.StandingBy
	givenUp := was.Discarding && was.Diverged && !f.Diverged
	for _, tree := range v.trees {
		known := v.tree(tree.Name)
		switch {
		case worked && f.Diverged && !known.Diverged, worked && f.Diverged && !v.knows(tree.Name):
			known.Diverged = true
			t.keepTree(v, tree.Name, known)
		case givenUp && known.Diverged:
			known.Diverged = false
			t.keepTree(v, tree.Name, known)
		}
	}
}

// knows reports whether anything is remembered of a tree.
func (s *server) knows(tree string) bool {
	_, ok := s.treeFacts[tree]
	return ok
}

// filePromotion is what a takeover does with the copies of a server's files: the stand-in writes to them.
type filePromotion struct {
	trees  Trees
	server string
	names  []string
}

// patienceWithFiles is how long a takeover waits until what has arrived is on disk and nothing is written any more.
const patienceWithFiles = 30 * time.Second

// quiesce ends the copying, and says what the copies show.
func (p filePromotion) quiesce(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patienceWithFiles, fmt.Errorf("not within %s", patienceWithFiles))
	defer cancel()
	if err := p.trees.Quiesce(ctx, p.server); err != nil {
		return nil, err
	}
	var notes []string
	for _, name := range p.names {
		s := p.trees.Status(p.server, name)
		if s.Synced.IsZero() {
			notes = append(notes, "files "+name+" were never copied whole")
			continue
		}
		notes = append(notes, fmt.Sprintf("files %s are as they were at %s", name, s.Synced.Format("2006-01-02 15:04:05")))
	}
	return notes, nil
}

// treeNames are the names of a server's trees.
func (s *server) treeNames() []string {
	var names []string
	for _, t := range s.trees {
		names = append(names, t.Name)
	}
	return names
}

// findTree returns the configuration of a tree.
func (s *server) findTree(name string) (config.FileTree, bool) {
	i := slices.IndexFunc(s.config.Files, func(f config.FileTree) bool { return f.Name == name })
	if i < 0 {
		return config.FileTree{}, false
	}
	return s.config.Files[i], true
}
