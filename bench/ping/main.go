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
	"strconv"
	"strings"
	"syscall"
	"time"

	"failoverd/internal/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: the measurement, or with "child" as its first argument
// one of the processes that are measured.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "child" {
		if err := child(ctx, args[1:], stdout); err != nil {
			fmt.Fprintln(stderr, "bench-ping child:", err)
			return 1
		}
		return 0
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench-ping:", err)
		return 2
	}
	code, done, err := lab.Enter(args)
	if err != nil {
		fmt.Fprintln(stderr, "bench-ping:", err)
		for _, missing := range lab.Missing() {
			fmt.Fprintln(stderr, "missing:", missing)
		}
		return 1
	}
	if done {
		return code
	}
	if err := measure(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench-ping:", err)
		return 1
	}
	return 0
}

// options are the flags.
type options struct {
	duration   time.Duration
	rounds     int
	targets    []int
	conditions []string
	ways       []string
}

// conditions and ways are what can be measured, in the order of the table.
func conditions() []string { return []string{"quiet", "dead10", "dead50", "busy"} }
func ways() []string       { return []string{"failoverd", "fping", "smokeping_prober", "pro-bing"} }

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench-ping", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.DurationVar(&o.duration, "duration", time.Minute, "how long each way pings")
	f.IntVar(&o.rounds, "rounds", 1, "how often everything is measured; the table shows the median")
	targets := f.String("targets", "100,1000,5000", "numbers of targets, one ping a second each")
	conds := f.String("conditions", strings.Join(conditions(), ","), "quiet; dead10, dead50: so many percent of the targets dead; busy: every core kept busy by others")
	which := f.String("ways", strings.Join(ways(), ","), "who pings")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for _, word := range strings.Split(*targets, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > maxTargets {
			return o, fmt.Errorf("-targets %s: want numbers from 1 to %d", word, maxTargets)
		}
		o.targets = append(o.targets, n)
	}
	o.conditions, o.ways = strings.Split(*conds, ","), strings.Split(*which, ",")
	for _, c := range o.conditions {
		if !slices.Contains(conditions(), c) {
			return o, fmt.Errorf("-conditions %s: want some of %s", c, strings.Join(conditions(), ","))
		}
	}
	for _, w := range o.ways {
		if !slices.Contains(ways(), w) {
			return o, fmt.Errorf("-ways %s: want some of %s", w, strings.Join(ways(), ","))
		}
	}
	if o.duration < time.Second || o.rounds < 1 {
		return o, errors.New("-duration and -rounds: want at least 1s and 1")
	}
	return o, nil
}
