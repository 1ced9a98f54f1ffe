package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// cell is one line of the table.
type cell struct {
	n         int
	condition string
	way       string
}

// measure asks in every way under every condition and prints the table.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "bench-ping")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := newWorld(ctx, dir)
	if w != nil {
		defer func() { err = errors.Join(err, w.Close()) }()
	}
	if err != nil {
		return err
	}
	// Said, not hidden: a way that is missing has no line in the table.
	var possible []string
	for _, way := range o.ways {
		program := map[string]string{"fping": "fping", "smokeping_prober": "prometheus-smokeping-prober"}[way]
		if program != "" {
			if err := find(program); err != nil {
				fmt.Fprintln(stdout, "Left out:", err)
				continue
			}
		}
		possible = append(possible, way)
	}
	results := make(map[cell][]used)
	for round := range o.rounds {
		for _, n := range o.targets {
			for _, condition := range o.conditions {
				for _, way := range possible {
					fmt.Fprintf(stderr, "round %d: %d targets, %s, %s\n", round+1, n, condition, way)
					u, err := once(ctx, w, condition, way, n, o.duration)
					if ctx.Err() != nil {
						return ctx.Err()
					}
					if err != nil {
						fmt.Fprintf(stdout, "No result: %d targets, %s, %s: %v\n", n, condition, way, err)
						continue
					}
					results[cell{n, condition, way}] = append(results[cell{n, condition, way}], u)
				}
			}
		}
	}
	o.ways = possible
	table(o, results, stdout)
	return nil
}

// once asks in one way under one condition.
func once(ctx context.Context, w *world, condition, way string, n int, duration time.Duration) (used, error) {
	dead := 0
	switch condition {
	case "dead10":
		dead = 10
	case "dead50":
		dead = 50
	case "busy":
		stop, err := busy(ctx)
		if err != nil {
			return used{}, err
		}
		defer stop()
	}
	return ask(ctx, w.asker, way, n, dead, duration)
}

// table prints the medians in Markdown.
func table(o options, results map[cell][]used, out io.Writer) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	fmt.Fprintf(out, "\n%d cores, Linux %s, %s; one ping a second per target, %s each, median of %d\n\n",
		runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version(), o.duration, o.rounds)
	fmt.Fprintln(out, "| targets | condition | way | processor per ping (µs) | of fping's | memory (MiB) | per target (KiB) | pings | false misses | late | unknown |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, n := range o.targets {
		for _, condition := range o.conditions {
			reference := medianCost(results[cell{n, condition, "fping"}])
			for _, way := range o.ways {
				all := results[cell{n, condition, way}]
				if len(all) == 0 {
					fmt.Fprintf(out, "| %d | %s | %s | no result |  |  |  |  |  |  |  |\n", n, condition, way)
					continue
				}
				cost := medianCost(all)
				ratio := "–"
				if reference > 0 {
					ratio = fmt.Sprintf("%.2f ×", cost/reference)
				}
				rss := median(all, func(u used) float64 { return float64(u.rss) })
				var t tally
				for _, u := range all {
					t.Sent, t.Lost, t.Late, t.Unknown = t.Sent+u.Sent, t.Lost+u.Lost, t.Late+u.Late, t.Unknown+u.Unknown
				}
				fmt.Fprintf(out, "| %d | %s | %s | %.1f%s | %s | %.1f | %.1f | %d | %d | %d | %d |\n",
					n, condition, way, cost, spread(all), ratio, rss/1024, rss/float64(n), t.Sent, t.Lost, t.Late, t.Unknown)
			}
		}
	}
}

// spread is the least and the most processor time per ping of several rounds.
func spread(all []used) string {
	if len(all) < 2 {
		return ""
	}
	least, most := all[0].cost(), all[0].cost()
	for _, u := range all[1:] {
		least, most = min(least, u.cost()), max(most, u.cost())
	}
	return fmt.Sprintf(" (%.1f–%.1f)", least, most)
}

// cost is the processor time per ping, in µs.
func (u used) cost() float64 { return float64(u.cpu.Microseconds()) / float64(max(u.Sent, 1)) }

// medianCost is the processor time per ping, in µs.
func medianCost(all []used) float64 {
	return median(all, used.cost)
}

// median is the middle value, 0 of none.
func median[T any, N cmp.Ordered](all []T, value func(T) N) N {
	var values []N
	for _, v := range all {
		values = append(values, value(v))
	}
	slices.Sort(values)
	if len(values) == 0 {
		var none N
		return none
	}
	return values[len(values)/2]
}
