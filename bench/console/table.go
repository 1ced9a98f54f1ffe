package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// spread is the median of some values, with the least and the most.
func spread[T any](all []T, decimals int, value func(T) float64) string {
	if len(all) == 0 {
		return "–"
	}
	var values []float64
	for _, one := range all {
		values = append(values, value(one))
	}
	slices.SortFunc(values, cmp.Compare)
	return fmt.Sprintf("%.*f (%.*f–%.*f)", decimals, values[len(values)/2], decimals, values[0], decimals, values[len(values)-1])
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// table prints everything in Markdown.
func table(ctx context.Context, o options, all []results, out io.Writer) {
	ctx = context.WithoutCancel(ctx)
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	fmt.Fprintf(out, "%s; %d cores, Linux %s, %s; %s; %s\n", version(ctx, o.binary, "version"), runtime.NumCPU(),
		strings.TrimSpace(string(kernel)), runtime.Version(), version(ctx, "chromium", "--version"), version(ctx, o.monit, "-V"))
	fmt.Fprintf(out, "median (least–most) of %d; memory and processor time over %s\n", o.runs, o.watch)

	fmt.Fprintln(out, "\n| servers | after a start of | first byte (ms) | its page painted (ms) | from the token to the overview (ms) |\n| --- | --- | --- | --- | --- |")
	for _, r := range all {
		signIn := "–"
		if r.who == "failoverd" {
			signIn = spread(r.starts, 0, func(s start) float64 { return ms(s.signIn) })
		}
		fmt.Fprintf(out, "| %d | %s | %s | %s | %s |\n", r.servers, r.who, spread(r.starts, 0, func(s start) float64 { return ms(s.firstByte) }),
			spread(r.starts, 0, func(s start) float64 { return ms(s.painted) }), signIn)
	}

	fmt.Fprintln(out, "\n| servers | page of | cache | first byte (ms) | first text (ms) | overview, live (ms) | travelled (KiB) |\n| --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range all {
		for _, c := range []struct {
			cache string
			all   []opened
		}{{"empty", r.empty}, {"full", r.full}} {
			fmt.Fprintf(out, "| %d | %s | %s | %s | %s | %s | %s |\n", r.servers, r.who, c.cache,
				spread(c.all, 1, func(o opened) float64 { return o.FirstByte }), spread(c.all, 0, func(o opened) float64 { return o.Text }),
				live(c.all), spread(c.all, 1, func(o opened) float64 { return o.bytes / 1024 }))
		}
	}

	fmt.Fprintln(out, "\n| servers | who | open | resident (MiB) | of it its own (PSS, MiB) | processor (cores) | one more, full cache: first text (ms) | overview, live (ms) |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range all {
		for _, s := range r.states {
			fmt.Fprintf(out, "| %d | %s | %s | %s | %s | %.2f | %s | %s |\n", r.servers, r.who, s.what,
				spread(s.memory, 1, func(m memory) float64 { return float64(m.rss) / 1024 }), spread(s.memory, 1, func(m memory) float64 { return float64(m.pss) / 1024 }),
				s.processor, spread(s.opened, 0, func(o opened) float64 { return o.Text }), live(s.opened))
		}
	}
}

// live is when the overview was there, of pages that have one.
func live(all []opened) string {
	if len(all) == 0 || all[0].Overview == 0 {
		return "–"
	}
	return spread(all, 0, func(o opened) float64 { return o.Overview })
}
