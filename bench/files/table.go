package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// headline says what is measured, where and how.
func (b *bench) headline(ctx context.Context) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	fmt.Fprintf(b.out, "`bench-files %s`\n\n", strings.Join(b.args, " "))
	fmt.Fprintf(b.out, "%s; %d cores, Linux %s, %s; %d runs each, taking turns; load at the beginning: %s\n",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version(), b.runs, load())
	for _, way := range b.ways {
		name, args := version(way)
		if name == "" {
			continue
		}
		program, err := lookup(name)
		if err != nil {
			continue
		}
		// Some print their version where errors go.
		said, _ := exec.CommandContext(ctx, program, args...).CombinedOutput()
		first, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
		fmt.Fprintf(b.out, "- %s\n", first)
	}
}

// version is the command by which a way tells its version.
func version(way string) (name string, args []string) {
	switch way {
	case "rsync", "lsyncd", "syncthing":
		return way, []string{"--version"}
	case "ssh":
		return way, []string{"-V"}
	}
	return "", nil
}

// leaveOut leaves out whose programs are not installed.
func (b *bench) leaveOut() {
	needs := map[string][]string{
		ours: {"rsync"}, "rsync": {"rsync"}, "ssh": {"rsync", "ssh", "sshd"}, "lsyncd": {"rsync", "lsyncd"}, "syncthing": {"rsync", "syncthing"},
	}
	packages := map[string]string{"rsync": "rsync", "ssh": "openssh-client", "sshd": "openssh-server", "lsyncd": "lsyncd", "syncthing": "syncthing"}
	b.ways = slices.DeleteFunc(b.ways, func(way string) bool {
		for _, program := range needs[way] {
			if _, err := lookup(program); err != nil {
				fmt.Fprintf(b.out, "Left out: %s: %s is not installed: Debian package %s\n", way, program, packages[program])
				return true
			}
		}
		return false
	})
}

// load is how busy the machine is, by its own account.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

func size(n int64) string { return humanize.IBytes(uint64(n)) }

// printTimes prints every run, the medians and their ratios in Markdown.
func printTimes(b *bench, c scene, samples map[string][]sample) {
	fmt.Fprintf(b.out, "\n%s\n\n", c.title)
	fmt.Fprintln(b.out, "| way | runs (s) | median (s) | said to be done (s) | travelled | failoverd's median to this one |")
	fmt.Fprintln(b.out, "| --- | --- | --- | --- | --- | --- |")
	mine := median(samples[ours], func(s sample) time.Duration { return s.time })
	for _, way := range c.ways {
		list := samples[way]
		var runs []string
		var bytes int64
		for _, s := range list {
			runs = append(runs, fmt.Sprintf("%.3f", s.time.Seconds()))
			bytes = max(bytes, s.bytes)
		}
		middle := median(list, func(s sample) time.Duration { return s.time })
		early, moved, ratio := "–", "–", "–"
		if d := median(list, func(s sample) time.Duration { return s.early }); d > 0 && c.name != "burst" {
			early = fmt.Sprintf("%.3f", d.Seconds())
		}
		if bytes > 0 {
			moved = size(bytes)
		}
		if way != ours && mine > 0 {
			ratio = fmt.Sprintf("%.2f", float64(mine)/float64(middle))
		}
		fmt.Fprintf(b.out, "| %s | %s | %.3f | %s | %s | %s |\n", way, strings.Join(runs, ", "), middle.Seconds(), early, moved, ratio)
	}
}

// printLatencies prints how long files took, over all runs.
func printLatencies(b *bench, c scene, samples map[string][]sample) {
	fmt.Fprintf(b.out, "\n%s\n\n", c.title)
	fmt.Fprintln(b.out, "| way | p50 of each run (ms) | p50 (ms) | p99 (ms) | longest (ms) |")
	fmt.Fprintln(b.out, "| --- | --- | --- | --- | --- |")
	for _, way := range c.ways {
		var all []time.Duration
		var runs []string
		for _, s := range samples[way] {
			all = append(all, s.latencies...)
			runs = append(runs, ms(quantile(s.latencies, 0.5)))
		}
		fmt.Fprintf(b.out, "| %s | %s | %s | %s | %s |\n", way, strings.Join(runs, ", "),
			ms(quantile(all, 0.5)), ms(quantile(all, 0.99)), ms(slices.Max(all)))
	}
}

// memories measures and prints what both sides have in memory.
func (b *bench) memories(ctx context.Context) error {
	fmt.Fprint(b.out, "\nMemory, the most that each side has had after a first copy\n\n| files | source | sink |\n| --- | --- | --- |\n")
	for _, n := range []int{b.files, b.most} {
		source, sink, err := b.memory(ctx, n)
		if err != nil {
			return err
		}
		fmt.Fprintf(b.out, "| %d | %s | %s |\n", n, size(source), size(sink))
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

// median is the middle one, or the mean of the two in the middle.
func median(list []sample, of func(sample) time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	times := make([]time.Duration, len(list))
	for i, s := range list {
		times[i] = of(s)
	}
	slices.Sort(times)
	n := len(times)
	return (times[n/2] + times[(n-1)/2]) / 2
}

// quantile is the time that a share of them all does not exceed.
func quantile(times []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
