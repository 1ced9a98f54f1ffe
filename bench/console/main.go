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

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench-console:", err)
		return 2
	}
	code, done, err := lab.Enter(args)
	if err != nil {
		fmt.Fprintln(stderr, "bench-console:", err)
		for _, missing := range lab.Missing() {
			fmt.Fprintln(stderr, "missing:", missing)
		}
		return 1
	}
	if done {
		return code
	}
	if err := measure(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench-console:", err)
		return 1
	}
	return 0
}

// options are the flags.
type options struct {
	binary, monit string
	servers       []int
	runs          int
	consoles      int
	watch         time.Duration
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench-console", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.binary, "failoverd", "bin/failoverd", "the program that is measured")
	f.StringVar(&o.monit, "monit", "monit", "the program beside it")
	counts := f.String("servers", "1,20,200", "how many servers are watched, one measurement after the other")
	f.IntVar(&o.runs, "runs", 10, "how often each page is opened")
	f.IntVar(&o.consoles, "consoles", 100, "how many consoles are open at a time")
	f.DurationVar(&o.watch, "watch", 10*time.Second, "for how long the memory is looked at each time")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for word := range strings.SplitSeq(*counts, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > 250 {
			return o, fmt.Errorf("-servers: %q: want numbers from 1 to 250", word)
		}
		o.servers = append(o.servers, n)
	}
	if o.runs < 1 || o.consoles < 2 || o.consoles > 500 || o.watch < time.Second {
		return o, errors.New("-runs, -consoles, -watch: want at least 1, 2 to 500, at least 1s")
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
