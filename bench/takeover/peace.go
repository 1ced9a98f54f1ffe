package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"time"

	"failoverd/api"
	"failoverd/internal/site"
)

// trouble is what a standby did while every primary lived.
type trouble struct {
	watched   time.Duration
	takeovers int           // addresses that it assumed
	twice     int           // how often two hosts held an address
	longest   time.Duration // for how long, at most
	together  time.Duration // for how long in all
	verdicts  int           // failoverd: primaries that were silent for long enough
	held      int           // failoverd: decisions not to take over
	isolated  int           // failoverd: how often it took itself for isolated
}

// loss loses packets at random on the standby's cable; nobody dies.
func (b *bench) loss(ctx context.Context) error {
	return b.peace(ctx, "Packets are lost at random on the standby's cable, each way; every primary lives", b.lossFor, b.losses, 0)
}

// busy lets other processes use every core; nobody dies.
func (b *bench) busy(ctx context.Context) error {
	return b.peace(ctx, "Four processes keep the cores busy; every primary lives", b.busyFor, []float64{0}, 4)
}

// peace watches both standbys at the same time, each in a world of its own, and
// counts what there was no reason for.
func (b *bench) peace(ctx context.Context, title string, duration time.Duration, losses []float64, hogs int) error {
	fmt.Fprintf(b.out, "\n%s\n\n", title)
	fmt.Fprintln(b.out, "| lost | busy processes | who | watched | false takeovers | instants with two holders | longest, in all | silent for 3 pings | held, isolated |")
	fmt.Fprintln(b.out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	stop, err := busy(ctx, hogs)
	if err != nil {
		return err
	}
	defer stop()
	for _, percent := range losses {
		var done sync.WaitGroup
		found, errs := map[string]trouble{}, make(chan error, len(everybody()))
		var mu sync.Mutex
		var names []string
		for _, p := range everybody() {
			if !b.wants(p.name) || p.name == "script" {
				continue
			}
			names = append(names, p.name)
			done.Go(func() {
				t, err := b.watchInPeace(ctx, p, percent, duration)
				if err != nil {
					errs <- fmt.Errorf("%s: %w", p.name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				found[p.name] = t
			})
		}
		done.Wait()
		close(errs)
		for err := range errs {
			return err
		}
		for _, name := range names {
			t := found[name]
			verdicts, held := "–", "–"
			if name == "failoverd" {
				verdicts, held = fmt.Sprint(t.verdicts), fmt.Sprintf("%d, %d", t.held, t.isolated)
			}
			fmt.Fprintf(b.out, "| %g %% | %d | %s | %s | %d | %d | %.0f ms, %.0f ms | %s | %s |\n", percent, hogs, name,
				t.watched.Round(time.Second), t.takeovers, t.twice, ms(t.longest), ms(t.together), verdicts, held)
		}
	}
	return nil
}

// watchInPeace lets one peer watch for a while.
func (b *bench) watchInPeace(ctx context.Context, p peer, percent float64, duration time.Duration) (t trouble, err error) {
	w, err := b.newWorld()
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, w.close(b.keepLogs)) }()
	stop, err := p.start(ctx, w)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	services := []string{p.address}
	if p.name == "failoverd" {
		services = append(services, site.CRMAddress)
	}
	if err := wait(ctx, time.Second+rand.N(beat)); err != nil {
		return t, err
	}
	h, err := watchHolders(w.Standby, services)
	if err != nil {
		return t, err
	}
	defer h.close()
	if percent > 0 {
		if err := w.Standby.RandomLoss(percent); err != nil {
			return t, err
		}
	}
	b.say("%s: %g %% lost for %s", p.name, percent, duration)
	began := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for time.Since(began) < duration {
		select {
		case <-ctx.Done():
			return t, ctx.Err()
		case <-tick.C:
		}
		// A standby that stands in for somebody makes no second mistake: it is
		// told to give the address back, as an operator would.
		if p.name == "failoverd" && h.holding() > time.Second {
			b.say("failoverd: a false takeover")
			if err := giveBack(ctx, w); err != nil {
				b.say("failoverd: release: %v", err)
			}
		}
	}
	t = h.trouble()
	t.watched = time.Since(began)
	if percent > 0 {
		if err := w.Standby.RandomLoss(0); err != nil {
			return t, err
		}
	}
	if p.name == "failoverd" {
		err = count(ctx, w, &t)
	}
	return t, err
}

// giveBack releases whatever the standby holds.
func giveBack(ctx context.Context, w *world) error {
	client, err := w.API()
	if err != nil {
		return err
	}
	defer client.Close()
	servers, err := client.Servers(ctx)
	if err != nil {
		return err
	}
	for _, s := range servers {
		if s.Role == "standing in" {
			if _, err := client.Release(ctx, s.Name, "a false takeover", nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// count reads in the daemon's own history what it made of the time.
func count(ctx context.Context, w *world, t *trouble) error {
	client, err := w.API()
	if err != nil {
		return err
	}
	defer client.Close()
	for kind, n := range map[string]*int{"server.failure": &t.verdicts, "decision.*": &t.held, "standby.isolated": &t.isolated} {
		q := api.EventQuery{Kind: kind, Limit: 1000}
		for {
			list, err := client.Events(ctx, q)
			if err != nil {
				return err
			}
			for _, e := range list.Events {
				if e.Kind != "decision.takeover" && e.Kind != "decision.release" {
					*n++
				}
			}
			if list.Next == nil {
				break
			}
			q.After = *list.Next
		}
	}
	return nil
}

// busy starts processes that do nothing but work, and returns what ends them.
func busy(ctx context.Context, n int) (stop func(), err error) {
	var hogs []*exec.Cmd
	stop = func() {
		for _, h := range hogs {
			_ = h.Process.Kill()
			_ = h.Wait() // It was killed.
		}
	}
	for range n {
		h := exec.CommandContext(ctx, "/proc/self/exe", "hog")
		h.Env = append(os.Environ(), "GOMAXPROCS=1")
		if err := h.Start(); err != nil {
			stop()
			return nil, fmt.Errorf("start a busy process: %w", err)
		}
		hogs = append(hogs, h)
	}
	return stop, nil
}

// hog works until it is killed.
func hog(ctx context.Context) {
	x := uint64(88172645463325252)
	for ctx.Err() == nil {
		for range 1 << 20 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
	}
}
