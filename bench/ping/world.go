package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"

	"failoverd/internal/lab"
)

// The targets live in two networks behind one neighbour, so that the size of
// the neighbour table does not take part: 10.64.0.0/16 answers, 10.65.0.0/16 is
// a black hole.
const (
	maxTargets = 250 * 250
	askerNet   = "10.99.0.1/24"
	targetNet  = "10.99.0.2/24"
	targetHost = "10.99.0.2"
)

// addresses are n targets, of which the given percentage is dead, spread evenly.
func addresses(n, dead int) []netip.Addr {
	all := make([]netip.Addr, n)
	for i := range all {
		network := byte(64)
		if i*dead/100 != (i+1)*dead/100 {
			network = 65
		}
		all[i] = netip.AddrFrom4([4]byte{10, network, byte(i / 250), byte(i%250 + 1)})
	}
	return all
}

// alive says whether an address answers.
func alive(a netip.Addr) bool { return a.As4()[1] == 64 }

// world is a host that asks and one that has every address.
type world struct {
	*lab.World
	asker *lab.Host
}

func newWorld(ctx context.Context, dir string) (*world, error) {
	lw, err := lab.Open(dir)
	if err != nil {
		return nil, err
	}
	w := &world{World: lw}
	targets, err := lw.AddHost("targets", targetNet)
	if err != nil {
		return w, err
	}
	if w.asker, err = lw.AddHost("asker", askerNet); err != nil {
		return w, err
	}
	for _, step := range []struct {
		host *lab.Host
		args []string
	}{
		{targets, []string{"route", "add", "local", "10.64.0.0/16", "dev", "lo"}},
		{targets, []string{"route", "add", "blackhole", "10.65.0.0/16"}},
		{w.asker, []string{"route", "add", "10.64.0.0/15", "via", targetHost}},
	} {
		if out, err := step.host.Run(ctx, "ip", step.args...); err != nil {
			return w, fmt.Errorf("ip (Debian package iproute2) %v: %w: %s", step.args, err, out)
		}
	}
	return w, nil
}

// busy keeps every core busy until the returned function is called.
func busy(ctx context.Context) (stop func(), err error) {
	var hogs []*exec.Cmd
	stop = func() {
		for _, h := range hogs {
			_ = h.Process.Kill()
			_ = h.Wait() // It was killed.
		}
	}
	for range runtime.NumCPU() {
		h := exec.CommandContext(ctx, "/proc/self/exe", "child", "hog")
		h.Env = append(os.Environ(), "GOMAXPROCS=1")
		if err := h.Start(); err != nil {
			stop()
			return nil, fmt.Errorf("start hog: %w", err)
		}
		hogs = append(hogs, h)
	}
	return stop, nil
}
