package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"failoverd/internal/lab"
	"failoverd/internal/site"
	"failoverd/status"
)

// vrrpAddress is the service address that keepalived moves: it gives it to the
// primary as well, so that it is none that the primary has by itself.
const vrrpAddress = "10.99.0.100"

// peer is one who watches the primary from the standby.
type peer struct {
	name    string
	address string // the service address that it takes over

	// inevitable is the time from the primary's last sign of life to the earliest
	// moment at which the configuration lets it be taken over.
	inevitable time.Duration
	why        string

	// sign says whether a frame is a sign of life that this peer goes by.
	sign func(w *world, f lab.Frame) bool

	// start returns when the peer watches; the returned function ends it and
	// everything that it started.
	start func(ctx context.Context, w *world) (stop func() error, err error)
}

// everybody lists the peers.
func everybody() []peer {
	return []peer{
		{
			name: "failoverd", address: site.PBXAddress,
			inevitable: failAfter*beat + timeout, why: "3 × 100 ms + 90 ms",
			sign: echoReply, start: startFailoverd,
		},
		{
			name: "keepalived", address: vrrpAddress,
			// RFC 5798, section 6.1: 3 × Advertisement_Interval + Skew_Time.
			inevitable: 3*beat + (256-backupPriority)*beat/256, why: "3 × 100 ms + skew",
			sign: advertisement, start: startKeepalived,
		},
		{
			name: "script", address: site.PBXAddress,
			inevitable: 3 * 2 * beat, why: "3 × (100 ms + 100 ms)",
			sign: echoReply, start: startScript,
		},
	}
}

// echoReply says whether the primary answers a ping of the standby.
func echoReply(w *world, f lab.Frame) bool {
	return f.ICMP != nil && f.ICMP.Reply() && f.ICMP.Src == netip.MustParseAddr(site.PBXAddress) &&
		f.Src.String() == w.PBX.MAC().String() && f.ICMP.Dst == netip.MustParseAddr(site.StandbyAddress)
}

// advertisement says whether the frame is VRRP from the primary.
func advertisement(w *world, f lab.Frame) bool {
	const vrrp = 112
	return f.Type == 0x0800 && len(f.Bytes) > 24 && f.Bytes[14+9] == vrrp && f.Src.String() == w.PBX.MAC().String()
}

// startFailoverd starts the real daemon on an empty journal.
func startFailoverd(ctx context.Context, w *world) (func() error, error) {
	if err := os.RemoveAll(w.DataDir()); err != nil {
		return nil, err
	}
	if err := os.Mkdir(w.DataDir(), 0o700); err != nil {
		return nil, err
	}
	d, err := w.Start(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"pbx", "crm"} {
		_, err := w.WaitServer(ctx, name, "answering", func(v status.Server) bool { return v.LastAnswer != nil })
		if err != nil {
			log, _ := os.ReadFile(w.Log())
			return nil, errors.Join(err, d.Kill(), fmt.Errorf("its log:\n%s", log))
		}
	}
	return d.Stop, nil
}

// backupPriority decides how long keepalived's skew is.
const backupPriority = 100

// keepalivedConfiguration is one of the two hosts, for one virtual router.
const keepalivedConfiguration = `global_defs {
    router_id %s
    vrrp_version 3
}
vrrp_instance service {
    state %s
    interface eth0
    virtual_router_id 51
    priority %d
    advert_int 0.1
    virtual_ipaddress {
        %s/24
    }
}
`

// startKeepalived starts it on the primary and on the standby.
func startKeepalived(ctx context.Context, w *world) (stop func() error, err error) {
	var all []*background
	stop = func() error {
		var errs []error
		for i := range all {
			errs = append(errs, all[len(all)-1-i].stop())
		}
		return errors.Join(errs...)
	}
	for _, host := range []struct {
		*lab.Host
		state    string
		priority int
	}{{w.PBX.Host, "MASTER", 200}, {w.Standby, "BACKUP", backupPriority}} {
		text := fmt.Sprintf(keepalivedConfiguration, host.Name, host.state, host.priority, vrrpAddress)
		k, err := keepalived(ctx, w, host.Host, text)
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		all = append(all, k)
		// The standby begins to listen when the primary has begun to speak.
		err = until(ctx, "the primary, and nobody else, to have the address", func() bool {
			ip := netip.MustParseAddr(vrrpAddress)
			return holds(w.PBX.Host, ip) && !holds(w.Standby, ip)
		})
		if err != nil {
			return nil, errors.Join(err, stop())
		}
	}
	return stop, nil
}

// keepalived starts one keepalived with this configuration.
func keepalived(ctx context.Context, w *world, host *lab.Host, text string) (*background, error) {
	file := filepath.Join(w.dir, "keepalived-"+host.Name)
	if err := os.WriteFile(file+".conf", []byte(text), 0o600); err != nil {
		return nil, err
	}
	program, err := lookup("keepalived")
	if err != nil {
		return nil, err
	}
	return startBackground(ctx, host, file+".log", program, "--dont-fork", "--log-console", "--log-detail", "--vrrp",
		"--use-file", file+".conf", "--pid", file+".pid", "--vrrp_pid", file+".vrrp.pid")
}

// script is how an administrator would write it: three pings without an answer,
// and the address is moved.
const script = `#!/bin/sh
# Takes %[1]s over when it has missed three pings.
misses=0
while [ $misses -lt 3 ]; do
    sleep 0.1
    if ping -n -q -c 1 -W 0.1 %[1]s >/dev/null 2>&1; then misses=0; else misses=$((misses + 1)); fi
done
ip addr add %[1]s/32 dev eth0
arping -U -c 5 -I eth0 %[1]s
`

// startScript starts it on the standby.
func startScript(ctx context.Context, w *world) (func() error, error) {
	file := filepath.Join(w.dir, "watch.sh")
	if err := os.WriteFile(file, fmt.Appendf(nil, script, site.PBXAddress), 0o700); err != nil {
		return nil, err
	}
	s, err := startBackground(ctx, w.Standby, filepath.Join(w.dir, "script.log"), "/bin/sh", file)
	if err != nil {
		return nil, err
	}
	return s.stop, nil
}

// background is a program that runs until it is stopped.
type background struct {
	cmd *exec.Cmd
	log *os.File
}

func startBackground(ctx context.Context, host *lab.Host, log, name string, args ...string) (*background, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &background{cmd: host.Command(context.WithoutCancel(ctx), name, args...), log: f}
	p.cmd.Stdout, p.cmd.Stderr = f, f
	// Those that it starts are of its group.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s on %s: %w", name, host.Name, err), f.Close())
	}
	return p, nil
}

// stop asks the program to end, and waits for it and what it started.
func (p *background) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // It may have ended already.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.cmd.Wait() // It was told to end; how is no matter.
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-ended
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // What it started and left.
	return p.log.Close()
}

// holds says whether a host has an address.
func holds(h *lab.Host, ip netip.Addr) bool {
	for _, p := range h.Addresses() {
		if p.Addr() == ip {
			return true
		}
	}
	return false
}

// until looks again and again whether something has become true.
func until(ctx context.Context, what string, soFar func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !soFar() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s", what)
		}
	}
	return nil
}

// wait lets time pass.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
