package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"failoverd/internal/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == readersCommand {
		os.Exit(runReaders(ctx, os.Args[2]))
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// runReaders is the process that reads streams.
func runReaders(ctx context.Context, count string) int {
	n, err := strconv.Atoi(count)
	if err == nil {
		err = readStreams(ctx, n, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-loop: readers:", err)
		return 1
	}
	return 0
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench-loop:", err)
		return 2
	}
	code, done, err := lab.Enter(args)
	if err != nil {
		fmt.Fprintln(stderr, "bench-loop:", err)
		for _, missing := range lab.Missing() {
			fmt.Fprintln(stderr, "missing:", missing)
		}
		return 1
	}
	if done {
		return code
	}
	if err := measure(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench-loop:", err)
		return 1
	}
	return 0
}

// options are the flags.
type options struct {
	binary      string
	duration    time.Duration
	runs        int
	streams     int
	loss        int
	replicating int
	deaths      int
	nice        int
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench-loop", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.binary, "failoverd", "bin/failoverd", "the program that is measured")
	f.DurationVar(&o.duration, "duration", 30*time.Second, "how long a run takes")
	f.IntVar(&o.runs, "runs", 3, "how often it is measured")
	f.IntVar(&o.streams, "streams", 100, "event streams that are read")
	f.IntVar(&o.loss, "loss", 50, "percent of the pings that are lost")
	f.IntVar(&o.replicating, "replicating", 2, "replications that go on all the time")
	f.IntVar(&o.deaths, "deaths", mortal, "primaries that die, over all runs")
	f.IntVar(&o.nice, "nice", 19, "niceness of the process that reads the streams; at 19 it takes next to nothing from the daemon, as another host would not")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.duration < 5*time.Second || o.runs < 1:
		return o, errors.New("-duration and -runs: want at least 5s and 1")
	case o.loss < 0 || o.loss > 90 || o.streams < 0 || o.streams > 1000 || o.replicating < 0 || o.replicating > 16:
		return o, errors.New("-loss, -streams, -replicating: want 0 to 90, 1000, 16")
	case o.nice < 0 || o.nice > 19:
		return o, errors.New("-nice: want 0 to 19")
	case o.deaths < 0 || o.deaths > mortal:
		return o, fmt.Errorf("-deaths: want 0 to %d", mortal)
	}
	var err error
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return o, err
	}
	if _, err := os.Stat(o.binary); err != nil {
		return o, fmt.Errorf("-failoverd: %w (make build)", err)
	}
	return o, nil
}
