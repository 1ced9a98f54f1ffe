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

// run is the program: the measurement, or with "hog" as its only argument one
// of the processes that keep a core busy.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if slices.Equal(args, []string{"hog"}) {
		hog(ctx)
		return 0
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench-takeover:", err)
		return 2
	}
	code, done, err := lab.Enter(args)
	if err != nil {
		fmt.Fprintln(stderr, "bench-takeover:", err)
		for _, missing := range lab.Missing() {
			fmt.Fprintln(stderr, "missing:", missing)
		}
		return 1
	}
	if done {
		return code
	}
	b := &bench{options: o, out: stdout, progress: stderr, args: args}
	if err := b.all(ctx); err != nil {
		fmt.Fprintln(stderr, "bench-takeover:", err)
		return 1
	}
	return 0
}

// options are the flags.
type options struct {
	binary   string
	parts    []string
	peers    []string
	runs     int
	losses   []float64
	lossFor  time.Duration
	busyFor  time.Duration
	restFor  time.Duration
	keepLogs string
}

// parts and peers are what can be measured, in the order of the tables.
func parts() []string { return []string{"race", "loss", "busy", "rest"} }
func peers() []string { return []string{"failoverd", "keepalived", "script"} }

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench-takeover", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.binary, "failoverd", "bin/failoverd", "the program that is measured")
	f.IntVar(&o.runs, "runs", 20, "race: how often a primary dies under the eyes of each")
	f.DurationVar(&o.lossFor, "loss-duration", 10*time.Minute, "loss: how long packets are lost")
	f.DurationVar(&o.busyFor, "busy-duration", time.Minute, "busy: how long the processors are busy")
	f.DurationVar(&o.restFor, "rest-duration", time.Minute, "rest: how long nothing happens")
	f.StringVar(&o.keepLogs, "keep-logs", "", "a directory that gets the logs of everybody")
	which := f.String("parts", strings.Join(parts(), ","), "what is measured")
	who := f.String("peers", strings.Join(peers(), ","), "who is measured")
	losses := f.String("losses", "10,20", "loss: percent of the frames lost on the standby's cable, each way")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.parts, o.peers = strings.Split(*which, ","), strings.Split(*who, ",")
	for _, list := range []struct {
		flag        string
		given, know []string
	}{{"parts", o.parts, parts()}, {"peers", o.peers, peers()}} {
		for _, word := range list.given {
			if !slices.Contains(list.know, word) {
				return o, fmt.Errorf("-%s %s: want some of %s", list.flag, word, strings.Join(list.know, ","))
			}
		}
	}
	for _, word := range strings.Split(*losses, ",") {
		percent, err := strconv.ParseFloat(word, 64)
		if err != nil || percent <= 0 || percent >= 100 {
			return o, fmt.Errorf("-losses %s: want percentages", word)
		}
		o.losses = append(o.losses, percent)
	}
	if o.runs < 1 {
		return o, errors.New("-runs: want at least 1")
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
