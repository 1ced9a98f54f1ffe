package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"failoverd/config"
	"failoverd/monitor/probe"
	"failoverd/replicate"
	"failoverd/replicate/database"
	"failoverd/status"
)

// trialTime is how long one question of a trial may take.
const trialTime = 30 * time.Second

// try asks once, all at the same time, what a server's configuration names. Nothing is changed anywhere.
func (w *world) try(ctx context.Context, c config.Server) []status.Trial {
	var asked []func(context.Context) status.Trial
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
	for _, f := range c.Files {
		if f.Source.Path != "" {
			asked = append(asked, func(context.Context) status.Trial {
				list, err := os.ReadDir(f.Source.Path)
				return trialOf("files "+f.Name, fmt.Sprintf("%s has %d entries", f.Source.Path, len(list)), err)
			})
		}
	}
	answers := make([]status.Trial, len(asked))
	var all sync.WaitGroup
	for i, ask := range asked {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, trialTime)
			defer cancel()
			answers[i] = ask(ctx)
		})
	}
	all.Wait()
	return answers
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
