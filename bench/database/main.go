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
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench-database:", err)
		return 2
	}
	for _, k := range o.kinds {
		if err := (&bench{options: o, kind: k, out: stdout, progress: stderr}).all(ctx); err != nil {
			fmt.Fprintf(stderr, "bench-database: %s: %v\n", k.name, err)
			return 1
		}
	}
	return 0
}

// options are the flags.
type options struct {
	kinds []kind
	size  int64
	runs  int
	dir   string
	ways  []string // all of them if empty
}

// kinds are the engines that are measured, each in a file of its own.
func kinds() []kind { return []kind{postgresKind(), mariadbKind(), sqliteKind()} }

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	f := flag.NewFlagSet("bench-database", flag.ContinueOnError)
	f.SetOutput(stderr)
	engines := f.String("engine", strings.Join(names, ","), "the engines that are measured")
	size := f.String("size", "1GiB", "about how large the catalog is, in the server")
	ways := f.String("ways", "", "who copies, by the names in the table; everybody if empty")
	f.IntVar(&o.runs, "runs", 5, "how often everybody copies")
	f.StringVar(&o.dir, "dir", "", "where the servers' files lie meanwhile; a temporary directory if empty")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	bytes, err := humanize.ParseBytes(*size)
	if err != nil || bytes < 1<<20 || bytes > 1<<40 {
		return o, fmt.Errorf("-size %s: want 1MiB to 1TiB", *size)
	}
	o.size = int64(bytes)
	if o.runs < 1 {
		return o, errors.New("-runs: want at least 1")
	}
	for _, name := range strings.Split(*engines, ",") {
		i := slices.Index(names, name)
		if i < 0 {
			return o, fmt.Errorf("-engine %s: want some of %s", name, strings.Join(names, ","))
		}
		o.kinds = append(o.kinds, kinds()[i])
	}
	if *ways != "" {
		o.ways = strings.Split(*ways, ",")
	}
	return o, nil
}
