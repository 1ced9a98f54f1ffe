package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/config"
	"failoverd/monitor/probe"
	"failoverd/replicate"
	"failoverd/replicate/agent/discovery"
	"failoverd/replicate/database"
	"failoverd/status"
)

// trialTime is how long one question of a trial may take.
const trialTime = 30 * time.Second

// try asks once, all at the same time, what a server's configuration names. Nothing is changed anywhere.
func (w *world) try(ctx context.Context, c config.Server) []status.Trial {
	var asked []func(context.Context) status.Trial
	var several []func(context.Context) []status.Trial
	for _, a := range c.Addresses {
		asked = append(asked, func(ctx context.Context) status.Trial { return w.tryPing(ctx, c, a) })
	}
	for _, p := range w.probers(c) {
		asked = append(asked, func(ctx context.Context) status.Trial {
			r := p.Prober.Probe(ctx)
			_, name, _ := strings.Cut(p.Key, "/")
			return status.Trial{Name: "probe " + name, OK: r.Outcome == probe.Answered, Detail: or(r.Evidence, r.Outcome.String())}
		})
	}
	if wantsAgent(c) {
		asked = append(asked, func(ctx context.Context) status.Trial {
			said, err := w.link.hello(ctx, c.Agent.Address)
			return trialOf("agent "+c.Agent.Address.String(), said, err)
		})
	}
	for _, one := range w.catalogs(c) {
		asked = append(asked, func(ctx context.Context) status.Trial { return tryDatabase(ctx, one) })
	}
	if slices.ContainsFunc(c.Files, func(f config.FileTree) bool { return f.Source.Agent != "" }) {
		several = append(several, func(ctx context.Context) []status.Trial { return w.tryTrees(ctx, c) })
	}
	for _, f := range c.Files {
		if f.Source.Path != "" {
			asked = append(asked, func(context.Context) status.Trial {
				list, err := os.ReadDir(f.Source.Path)
				return trialOf("read files "+f.Name, fmt.Sprintf("%s has %d entries", f.Source.Path, len(list)), err)
			})
		}
		asked = append(asked, func(context.Context) status.Trial { return tryCopy(f) })
	}
	for _, ask := range asked {
		several = append(several, func(ctx context.Context) []status.Trial { return []status.Trial{ask(ctx)} })
	}
	answers := make([][]status.Trial, len(several))
	var all sync.WaitGroup
	for i, ask := range several {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, trialTime)
			defer cancel()
			answers[i] = ask(ctx)
		})
	}
	all.Wait()
	list := slices.Concat(answers...)
	slices.SortStableFunc(list, func(a, b status.Trial) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	return list
}

// rankOf orders answers as they would be asked by hand: is the host there, its agent, its data, and the copy's place.
func rankOf(t status.Trial) int {
	first, _, _ := strings.Cut(t.Name, " ")
	return slices.Index([]string{"ping", "probe", "agent", "database", "read", "write"}, first)
}

// tryTrees asks the agent once what it hands out, and looks for the trees that are wanted of it.
func (w *world) tryTrees(ctx context.Context, c config.Server) (list []status.Trial) {
	found, err := w.link.Discover(ctx, c.Agent.Address)
	for _, f := range c.Files {
		if f.Source.Agent == "" {
			continue
		}
		name := "read files " + f.Name
		i := slices.IndexFunc(found.Trees, func(t discovery.Tree) bool { return t.Directory == f.Source.Agent })
		switch {
		case err != nil:
			list = append(list, trialOf(name, "", err))
		case i < 0:
			list = append(list, trialOf(name, "", fmt.Errorf("the agent's configuration does not name %s: add it under trees there", f.Source.Agent)))
		default:
			list = append(list, trialOf(name, f.Source.Agent+": "+treeSize(found.Trees[i]), nil))
		}
	}
	return list
}

// tryCopy finds out whether the copy of a tree could be written. It writes nothing.
func tryCopy(f config.FileTree) status.Trial {
	name := "write files " + f.Name
	dir, missing := f.Directory, ""
	for {
		_, err := os.Stat(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == "/" {
			return trialOf(name, "", err)
		}
		dir, missing = filepath.Dir(dir), ", which is to be made"
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return trialOf(name, "", fmt.Errorf("failoverd may not write in %s: %w", dir, err))
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return trialOf(name, "", fmt.Errorf("the disk of %s: %w", dir, err))
	}
	return trialOf(name, fmt.Sprintf("%s%s: %s free", f.Directory, missing, size(int64(disk.Bavail)*disk.Bsize)), nil)
}

// trialOf is the answer to one question.
func trialOf(name, said string, err error) status.Trial {
	if err != nil {
		return status.Trial{Name: name, Detail: err.Error()}
	}
	return status.Trial{Name: name, OK: true, Detail: said}
}

// tryPing pings one of a server's addresses.
func (w *world) tryPing(ctx context.Context, c config.Server, a netip.Addr) status.Trial {
	r := probe.Ping{Question: probe.Question{Server: c.Name, Addr: a, Timeout: c.Ping.Timeout, Net: w.net}}.Probe(ctx)
	detail := r.Evidence
	if r.Outcome == probe.Answered {
		detail = "answered in " + r.RTT.Round(10*time.Microsecond).String()
	}
	return status.Trial{Name: "ping " + a.String(), OK: r.Outcome == probe.Answered, Detail: or(detail, r.Outcome.String())}
}

// tryDatabase asks both ends of a database whether a copy could be made.
func tryDatabase(ctx context.Context, c replicate.Catalog) status.Trial {
	p := database.Pair{Source: c.Primary, Target: c.Standby, Names: database.NamesOf(c.Standby.Catalog)}
	r, err := c.Engine.Probe(ctx, p)
	name := "database " + c.Name
	if err != nil {
		return status.Trial{Name: name, Detail: err.Error()}
	}
	var wrong []string
	for _, problem := range r.Blocking() {
		wrong = append(wrong, problem.Text+"; "+problem.Remedy)
	}
	if len(wrong) > 0 {
		return status.Trial{Name: name, Detail: strings.Join(wrong, "; ")}
	}
	said := fmt.Sprintf("%s %s with %s, to %s %s", r.Source.Product, r.Source.Version, size(r.Bytes), r.Target.Product, r.Target.Version)
	return status.Trial{Name: name, OK: true, Detail: said}
}
