package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: the measurement, or with "source" or "sink" as its first argument one of failoverd's sides.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && (args[0] == "source" || args[0] == "sink") {
		if err := side(ctx, args, stdin, stdout); err != nil {
			fmt.Fprintf(stderr, "bench-files: %s: %v\n", args[0], err)
			return 1
		}
		return 0
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench-files:", err)
		return 2
	}
	if err := (&bench{options: o, out: stdout, progress: stderr, args: args}).all(ctx); err != nil {
		fmt.Fprintln(stderr, "bench-files:", err)
		return 1
	}
	return 0
}

// options are the flags.
type options struct {
	cases []string
	ways  []string
	runs  int
	files int
	size  int64
	live  int
	burst int
	most  int
	dir   string
}

// cases and ways are what can be measured, in the order of the tables.
func cases() []string {
	return []string{"first", "same", "live", "burst", "large", "changed", "memory"}
}
func ways() []string { return []string{ours, "rsync", "ssh", "lsyncd", "syncthing"} }

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench-files", flag.ContinueOnError)
	f.SetOutput(stderr)
	which := f.String("cases", strings.Join(cases(), ","), "what is measured")
	who := f.String("ways", strings.Join(ways(), ","), "who is measured")
	size := f.String("size", "2GiB", "large, changed: how large the file is")
	f.IntVar(&o.runs, "runs", 5, "how often everybody does everything")
	f.IntVar(&o.files, "files", 100_000, "how many files of 4 to 16 KiB the tree has")
	f.IntVar(&o.live, "live", 200, "live: how many files of 32 KiB are written in a run, 20 a second")
	f.IntVar(&o.burst, "burst", 10_000, "burst: how many files are written at once")
	f.IntVar(&o.most, "most", 1_000_000, "memory: how many files the larger tree has")
	f.StringVar(&o.dir, "dir", "/var/tmp", "where the trees lie meanwhile: on a disk, not in memory")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.cases, o.ways = strings.Split(*which, ","), strings.Split(*who, ",")
	for _, list := range []struct {
		flag        string
		given, know []string
	}{{"cases", o.cases, cases()}, {"ways", o.ways, ways()}} {
		for _, word := range list.given {
			if !slices.Contains(list.know, word) {
				return o, fmt.Errorf("-%s %s: want some of %s", list.flag, word, strings.Join(list.know, ","))
			}
		}
	}
	bytes, err := humanize.ParseBytes(*size)
	if err != nil || bytes < 1<<20 || bytes > 1<<40 {
		return o, fmt.Errorf("-size %s: want 1MiB to 1TiB", *size)
	}
	o.size = int64(bytes)
	if min(o.runs, o.files, o.live, o.burst, o.most) < 1 {
		return o, errors.New("-runs, -files, -live, -burst and -most: want at least 1")
	}
	return o, nil
}
