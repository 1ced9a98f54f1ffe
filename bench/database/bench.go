package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"failoverd/replicate/database"
)

// ours is the name of failoverd's way.
const ours = "failoverd"

// bench measures one engine.
type bench struct {
	options
	kind          kind
	out, progress io.Writer

	bed      bed
	snapshot database.Snapshot
	results  map[string][]result
}

// result is one copy.
type result struct {
	copied   time.Duration
	checked  time.Duration // in the way's own manner, 0 if it has none
	verified time.Duration // by failoverd
	memory   int64         // the most that failoverd's process had, in bytes
}

func (b *bench) all(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp(b.dir, "bench-database")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if b.bed, err = b.kind.start(ctx, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.bed.Close()) }()
	fmt.Fprintf(b.progress, "%s: making about %s of data\n", b.kind.name, humanize.IBytes(uint64(b.size)))
	if err := b.bed.Fill(ctx, b.size); err != nil {
		return fmt.Errorf("fill the source: %w", err)
	}
	report, err := b.bed.Engine().Probe(ctx, b.bed.Pair())
	if err != nil {
		return err
	}
	if list := report.Blocking(); len(list) > 0 {
		return fmt.Errorf("%s: %s", list[0].Text, list[0].Remedy)
	}
	ways := b.possible()
	b.results = map[string][]result{}
	for n := range b.runs {
		// Everybody is first at times: the first one meets a source that has not been read for longest. Only in the
		// first round failoverd begins, since its snapshot is what everybody's result is held against.
		for i := range ways {
			w := ways[(i+n)%len(ways)]
			r, err := b.once(ctx, w)
			if err != nil {
				return fmt.Errorf("run %d of %s: %w", n+1, w.name, err)
			}
			fmt.Fprintf(b.progress, "run %d: %s %.2f s, verified in %.2f s\n", n+1, w.name, r.copied.Seconds(), r.verified.Seconds())
			b.results[w.name] = append(b.results[w.name], r)
		}
	}
	b.table(report, ways)
	return nil
}

// possible are the ways that are wanted and can be gone here. What is left out is said.
func (b *bench) possible() []way {
	all := []way{{name: ours, copy: b.copy, check: &check{name: "its verification"}}}
	for _, w := range b.bed.Peers() {
		if len(b.ways) > 0 && !slices.Contains(b.ways, w.name) {
			continue
		}
		if lack := w.missing(); lack != "" {
			fmt.Fprintf(b.out, "Left out: %s: %s\n", w.name, lack)
			continue
		}
		all = append(all, w)
	}
	return all
}

// copy is failoverd's way.
func (b *bench) copy(ctx context.Context) (err error) {
	b.snapshot, err = b.bed.Engine().Copy(ctx, b.bed.Pair(), nil)
	return err
}

// once copies in one way, and verifies the result in ours, whoever made it.
func (b *bench) once(ctx context.Context, w way) (r result, err error) {
	if err := b.bed.Engine().Discard(ctx, b.bed.Pair()); err != nil {
		return r, err
	}
	if err := b.bed.Settle(ctx); err != nil {
		return r, fmt.Errorf("settle: %w", err)
	}
	if err := forgetPeak(); err != nil {
		return r, err
	}
	begun := time.Now()
	if err := w.copy(ctx); err != nil {
		return r, err
	}
	r.copied = time.Since(begun)
	if w.check != nil && w.check.do != nil {
		begun = time.Now()
		if err := w.check.do(ctx); err != nil {
			return r, err
		}
		r.checked = time.Since(begun)
	}
	begun = time.Now()
	if _, err := b.bed.Engine().Verify(ctx, b.bed.Pair(), b.snapshot); err != nil {
		return r, fmt.Errorf("the copy is not complete: %w", err)
	}
	r.verified = time.Since(begun)
	if w.name == ours {
		r.checked = r.verified
	}
	r.memory, err = peak()
	return r, err
}

// forgetPeak lets the kernel measure this process's memory from now on.
func forgetPeak() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peak is the most memory that this process has had since.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10, nil
		}
	}
	return 0, errors.New("/proc/self/status does not tell the peak")
}
