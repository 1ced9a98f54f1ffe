package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	probing "github.com/prometheus-community/pro-bing"

	"failoverd/internal/netstate"
	"failoverd/monitor/probe"
)

// tally is what a way counted itself.
type tally struct {
	Sent    int // pings whose outcome is known
	Lost    int // of living targets, without an answer in time
	Wrong   int // of dead targets, answered
	Unknown int
	Late    int
	RSS     int // KiB, the most
}

// child is one of the measured processes: failoverd or probing with the number
// of targets, the percentage of dead ones and the duration; or hog.
func child(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 1 && args[0] == "hog" {
		for n := uint64(0); ctx.Err() == nil; {
			n = spin(n)
		}
		return nil
	}
	if len(args) != 4 {
		return fmt.Errorf("want 4 arguments, have %d", len(args))
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	dead, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	duration, err := time.ParseDuration(args[3])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	var t tally
	switch args[0] {
	case "failoverd":
		t, err = failoverd(ctx, addresses(n, dead))
	case "pro-bing":
		t = oneShots(ctx, addresses(n, dead))
	default:
		return fmt.Errorf("no way %q", args[0])
	}
	if err != nil {
		return err
	}
	self, err := running(os.Getpid())
	if err != nil {
		return err
	}
	t.RSS = self.rss
	return json.NewEncoder(stdout).Encode(t)
}

// spin is a millisecond or so of work.
func spin(n uint64) (sum uint64) {
	for i := range uint64(1 << 20) {
		sum = sum*31 + i ^ n
	}
	return sum
}

// count adds an outcome.
func (t *tally) count(a netip.Addr, answered bool) {
	t.Sent++
	switch {
	case alive(a) && !answered:
		t.Lost++
	case !alive(a) && answered:
		t.Wrong++
	}
}

// failoverd pings as the daemon does, with its view of the network.
func failoverd(ctx context.Context, all []netip.Addr) (tally, error) {
	log := slog.New(slog.DiscardHandler)
	network, err := netstate.New(log)
	if err != nil {
		return tally{}, err
	}
	var t tally
	p := probe.NewPinger(probe.PingerConfig{Net: network, Log: log, Deliver: func(results []probe.Result) {
		for _, r := range results {
			switch {
			case r.Late:
				t.Late++
			case r.Outcome == probe.Unknown:
				t.Unknown++
			default:
				t.count(r.Addr, r.Outcome == probe.Answered)
			}
		}
	}})
	targets := make([]probe.Target, len(all))
	for i, a := range all {
		targets[i] = probe.Target{Server: a.String(), Addr: a, Interval: time.Second, Timeout: time.Second}
	}
	p.Set(targets)
	var watching sync.WaitGroup
	watching.Go(func() { err = network.Run(ctx) })
	runErr := p.Run(ctx)
	watching.Wait()
	if runErr != nil {
		return t, runErr
	}
	return t, err
}

// oneShots asks every target once a second by a new pro-bing Pinger.
func oneShots(ctx context.Context, all []netip.Addr) tally {
	var t tally
	var mu sync.Mutex
	var working sync.WaitGroup
	for i, a := range all {
		working.Go(func() {
			beat := time.Now().Add(time.Second * time.Duration(i) / time.Duration(len(all)))
			timer := time.NewTimer(time.Until(beat))
			defer timer.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-timer.C:
				}
				// The time-out that leaves room for pro-bing's last look.
				p := probing.New(a.String())
				p.SetPrivileged(true)
				p.Count, p.Interval, p.Timeout = 1, 900*time.Millisecond, 900*time.Millisecond
				p.RecordRtts, p.RecordTTLs = false, false
				p.SetLogger(probing.NoopLogger{})
				answered := false
				p.OnRecv = func(*probing.Packet) { answered = true }
				err := p.RunWithContext(ctx)
				if ctx.Err() != nil {
					return
				}
				mu.Lock()
				if err != nil {
					t.Unknown++
				} else {
					t.count(a, answered)
				}
				mu.Unlock()
				beat = beat.Add(time.Second)
				timer.Reset(time.Until(beat))
			}
		})
	}
	working.Wait()
	return t
}
