package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// bench is one run of the program.
type bench struct {
	options
	out, progress io.Writer
	args          []string

	work, keys    string
	rsyncURL, ssh string
	pair          *pair // the one that follows
	seed          uint64
}

// sample is one measurement.
type sample struct {
	time      time.Duration // until it was on the disk; of a burst, until all had come
	early     time.Duration // when the way said that it was done; of a burst, what writing it took
	bytes     int64         // that have travelled
	latencies []time.Duration
}

// scene is one case.
type scene struct {
	name, title string
	ways        []string
	measure     func(ctx context.Context, way string) (sample, error)
	print       func(b *bench, c scene, samples map[string][]sample)
}

func (b *bench) scenes() []scene {
	copies := []string{ours, "rsync", "ssh", "lsyncd"}
	one := []string{ours, "rsync", "ssh"}
	follow := []string{ours, "lsyncd", "syncthing"}
	return []scene{
		{"first", fmt.Sprintf("First copy of %d files of 4 to 16 KiB", b.files), copies, b.first, printTimes},
		{"same", fmt.Sprintf("Nothing has changed, %d files", b.files), one, b.same, printTimes},
		{"live", fmt.Sprintf("Files of 32 KiB, 20 a second, %d in a run: from close to identical in the copy", b.live), follow, b.liveRun, printLatencies},
		{"burst", fmt.Sprintf("A burst of %d files: after the last close", b.burst), follow, b.burstOf, printTimes},
		{"large", "A file of " + size(b.size), one, b.large, printTimes},
		{"changed", "A hundredth of the 8 KiB pages of a file of " + size(b.size) + " changed in place", one, b.changed, printTimes},
	}
}

func (b *bench) all(ctx context.Context) (err error) {
	b.leaveOut()
	if b.work, err = os.MkdirTemp(b.dir, "bench-files-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	b.keys = filepath.Join(b.work, "keys.pem")
	if err := writeKeys(b.keys); err != nil {
		return err
	}
	if slices.Contains(b.ways, "rsync") || slices.Contains(b.ways, "lsyncd") {
		stop, err := b.rsyncDaemon(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = stop() }()
	}
	if slices.Contains(b.ways, "ssh") {
		stop, err := b.sshDaemon(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = stop() }()
	}
	b.headline(ctx)
	if slices.ContainsFunc([]string{"first", "same", "memory"}, b.wanted) {
		b.say("making %d files", b.files)
		if err := makeTree(filepath.Join(b.work, "tree"), b.files, 4<<10, 16<<10, 0); err != nil {
			return err
		}
	}
	for _, c := range b.scenes() {
		if b.wanted(c.name) {
			if err := b.play(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	if b.wanted("memory") && slices.Contains(b.ways, ours) {
		if err := b.memories(ctx); err != nil {
			return fmt.Errorf("memory: %w", err)
		}
	}
	fmt.Fprintf(b.out, "\nLoad at the end: %s\n", load())
	return nil
}

// wanted says whether a case is measured.
func (b *bench) wanted(name string) bool { return slices.Contains(b.cases, name) }

// play measures one case: everybody takes turns, and everybody is first at times.
func (b *bench) play(ctx context.Context, c scene) error {
	c.ways = slices.DeleteFunc(c.ways, func(w string) bool { return !slices.Contains(b.ways, w) })
	samples := map[string][]sample{}
	for n := range b.runs {
		for i := range c.ways {
			way := c.ways[(i+n)%len(c.ways)]
			if err := syncDisk(b.work); err != nil {
				return err
			}
			s, err := c.measure(ctx, way)
			if err != nil {
				return fmt.Errorf("run %d of %s: %w", n+1, way, err)
			}
			b.say("%s, run %d: %s %.3f s, %d bytes", c.name, n+1, way, s.time.Seconds(), s.bytes)
			samples[way] = append(samples[way], s)
		}
	}
	c.print(b, c, samples)
	return nil
}

// say tells whoever waits what is being done.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
