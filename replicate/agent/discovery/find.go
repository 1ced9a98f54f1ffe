package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"failoverd/replicate/agent/agentconfig"
)

// limits bound how long and how far is looked.
type limits struct {
	question time.Duration // for each question but those about databases
	greeting time.Duration // for each question to a database server
	grace    time.Duration // for a question to end after its time
	depth    int           // of directories
	entries  int           // of directories that are looked at in one walk
	opened   int           // files whose first bytes are read in one walk
	count    int64         // files of a tree that are counted
	listed   int           // rows of each list
}

func usual() limits {
	return limits{
		question: 8 * time.Second, greeting: 2 * time.Second, grace: time.Second,
		depth: 8, entries: 50_000, opened: 5_000, count: 500_000, listed: maxRows,
	}
}

// question fills in its part of what is found.
type question struct {
	what string
	ask  func(ctx context.Context, f *Found)
}

// Find looks at this host. What could not be learnt is among the gaps; the error is the context's alone.
func Find(ctx context.Context, c *agentconfig.Config) (Found, error) {
	return find(ctx, c, usual())
}

func find(ctx context.Context, c *agentconfig.Config, l limits) (Found, error) {
	list := []question{
		{"the host", func(_ context.Context, f *Found) { f.lookAtHost() }},
		{"the addresses", func(_ context.Context, f *Found) { f.lookAtNetwork() }},
		{"database servers", func(ctx context.Context, f *Found) { f.lookForServers(ctx, c.Discover.Ports, l) }},
	}
	for _, d := range c.Discover.Directories {
		list = append(list, question{"SQLite databases in " + d, func(ctx context.Context, f *Found) { f.lookForSQLite(ctx, d, l) }})
	}
	for _, d := range c.Databases {
		list = append(list, question{"the database " + d.File, func(_ context.Context, f *Found) { f.lookAtDatabase(d) }})
	}
	for _, t := range c.Trees {
		list = append(list, question{"the tree " + t.Directory, func(ctx context.Context, f *Found) { f.measureTree(ctx, t, l) }})
	}
	for _, b := range c.Backups {
		list = append(list, question{"the directory " + b.Directory, func(_ context.Context, f *Found) { f.measureBackup(b) }})
	}
	found := gather(ctx, list, l)
	if ctx.Err() != nil {
		return Found{}, context.Cause(ctx)
	}
	found.Name = c.Name
	found.arrange(l.listed)
	return found, nil
}

// atOnce is how many questions are open at a time: the walks among them share one disk.
const atOnce = 8

// gather puts the questions and waits for the answers, but not for one that is stuck in the kernel: a dead disk lets go
// of nobody, and would keep the whole answer. Such a question's goroutine ends when the kernel lets it go, and what it
// says then is not heard any more.
func gather(ctx context.Context, list []question, l limits) Found {
	answers := make([]chan Found, len(list))
	late := make([]<-chan time.Time, len(list))
	var all Found
	ask := func(i int) {
		asked, cancel := context.WithTimeoutCause(ctx, l.question, fmt.Errorf("there was no more time after %v", l.question))
		answers[i] = make(chan Found, 1)
		late[i] = time.After(l.question + l.grace)
		go func() {
			defer cancel()
			var f Found
			list[i].ask(asked, &f)
			answers[i] <- f
		}()
	}
	for i := range min(atOnce, len(list)) {
		ask(i)
	}
	for i, q := range list {
		select {
		case f := <-answers[i]:
			all.add(f)
		case <-late[i]:
			select {
			case f := <-answers[i]: // both are so: it was in time, and we were not
				all.add(f)
			default:
				all.miss(q.what, fmt.Errorf("there was no answer within %v", l.question+l.grace))
			}
		case <-ctx.Done():
			return all
		}
		if next := i + atOnce; next < len(list) {
			ask(next)
		}
	}
	return all
}

// add takes over what a question has found.
func (f *Found) add(g Found) {
	f.Hostname, f.OS, f.Kernel = cmp.Or(f.Hostname, g.Hostname), cmp.Or(f.OS, g.OS), cmp.Or(f.Kernel, g.Kernel)
	f.Addresses = append(f.Addresses, g.Addresses...)
	f.Gateways = append(f.Gateways, g.Gateways...)
	f.Databases = append(f.Databases, g.Databases...)
	f.SQLite = append(f.SQLite, g.SQLite...)
	f.Trees = append(f.Trees, g.Trees...)
	f.Backups = append(f.Backups, g.Backups...)
	f.Gaps = append(f.Gaps, g.Gaps...)
}

// miss notes what was not learnt.
func (f *Found) miss(what string, why error) {
	f.Gaps = append(f.Gaps, Gap{What: what, Why: why.Error()})
}

// arrange sorts the lists, drops what cannot be shown, and cuts what is longer than most rows.
func (f *Found) arrange(most int) {
	slices.SortStableFunc(f.Addresses, func(a, b Address) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	})
	slices.SortFunc(f.Databases, func(a, b Database) int {
		return cmp.Or(cmp.Compare(a.Engine, b.Engine), cmp.Compare(a.Listens, b.Listens))
	})
	// What is granted was perhaps found once more by the walk, which does not know of it.
	slices.SortFunc(f.SQLite, func(a, b SQLite) int { return cmp.Or(cmp.Compare(a.Path, b.Path), -cmp.Compare(a.Grant, b.Grant)) })
	f.SQLite = slices.CompactFunc(f.SQLite, func(a, b SQLite) bool { return a.Path == b.Path })
	var strange int
	f.SQLite = slices.DeleteFunc(f.SQLite, func(s SQLite) bool {
		if printable(s.Path) != nil {
			strange++
			return true
		}
		return false
	})
	if strange > 0 {
		f.miss("SQLite databases", fmt.Errorf("%d have a path that cannot be shown", strange))
	}
	f.Addresses = cut(f, "addresses", f.Addresses, most)
	f.Databases = cut(f, "database servers", f.Databases, most)
	f.SQLite = cut(f, "SQLite databases", f.SQLite, most)
	f.Trees = cut(f, "trees", f.Trees, most)
	f.Backups = cut(f, "backup directories", f.Backups, most)
	if len(f.Gaps) > most {
		f.Gaps = append(f.Gaps[:most-1], Gap{What: "gaps", Why: fmt.Sprintf("there are %d more", len(f.Gaps)-most+1)})
	}
	for i := range f.Gaps {
		f.Gaps[i].What, f.Gaps[i].Why = tidy(f.Gaps[i].What), tidy(f.Gaps[i].Why)
	}
}

// cut shortens a list and says so.
func cut[T any](f *Found, what string, list []T, most int) []T {
	if len(list) <= most {
		return list
	}
	f.miss(what, fmt.Errorf("there are %d, and %d of them are listed", len(list), most))
	return list[:most]
}

// errNoTime says that a walk ended before it was done.
func errNoTime(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return errors.New("it was cancelled")
}
