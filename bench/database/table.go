package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"failoverd/replicate/database"
)

// table prints every run, the medians and their ratios in Markdown.
func (b *bench) table(report database.Report, ways []way) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	fmt.Fprintf(b.out, "\n%s %s, %s, %d rows; %d cores, Linux %s, %s; %d runs each, taking turns\n\n",
		report.Source.Product, report.Source.Version, humanize.IBytes(uint64(report.Bytes)), b.snapshot.Rows,
		runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version(), b.runs)
	fmt.Fprintln(b.out, "| way | runs (s) | median (s) | least to most | failoverd's median to this one |")
	fmt.Fprintln(b.out, "| --- | --- | --- | --- | --- |")
	for _, w := range ways {
		b.line(w.name, b.times(w.name, false), b.times(ours, false))
	}
	// Where the others are checked as well, everybody with his check.
	other := slices.ContainsFunc(ways, func(w way) bool { return w.name != ours && w.check != nil })
	for _, w := range ways {
		if other && w.check != nil {
			b.line(w.name+" and "+w.check.name, b.times(w.name, true), b.times(ours, true))
		}
	}
	var verified []time.Duration
	var memory int64
	for _, r := range b.results[ours] {
		verified = append(verified, r.verified)
		memory = max(memory, r.memory)
	}
	fmt.Fprintf(b.out, "\nfailoverd's verification took %.2f s more (median); its process had %s at most.\n",
		median(verified).Seconds(), humanize.IBytes(uint64(memory)))
}

// line is what a way took, beside what failoverd took for the same.
func (b *bench) line(name string, times, mine []time.Duration) {
	var runs []string
	for _, t := range times {
		runs = append(runs, fmt.Sprintf("%.2f", t.Seconds()))
	}
	ratio := "–"
	if !slices.Equal(times, mine) {
		ratio = fmt.Sprintf("%.2f", float64(median(mine))/float64(median(times)))
	}
	fmt.Fprintf(b.out, "| %s | %s | %.2f | %.2f – %.2f | %s |\n", name, strings.Join(runs, ", "),
		median(times).Seconds(), slices.Min(times).Seconds(), slices.Max(times).Seconds(), ratio)
}

// times are what the runs of a way took, in their order, with the way's own check or without.
func (b *bench) times(name string, checked bool) []time.Duration {
	var list []time.Duration
	for _, r := range b.results[name] {
		took := r.copied
		if checked {
			took += r.checked
		}
		list = append(list, took)
	}
	return list
}

// median is the middle one, or the mean of the two in the middle.
func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	n := len(sorted)
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}
