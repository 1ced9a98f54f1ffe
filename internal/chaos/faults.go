package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/internal/lab"
	"failoverd/internal/site"
)

// faults are what can happen to things and hosts, by verb. What has nothing to do does nothing.
func faults() map[string]func(*company, context.Context, string) error {
	return map[string]func(*company, context.Context, string) error{
		"crash":  (*company).crash,
		"return": func(c *company, ctx context.Context, of string) error { return c.powerOn(ctx, of, true) },
		"revive": func(c *company, ctx context.Context, of string) error { return c.powerOn(ctx, of, false) },
		"serve":  func(c *company, ctx context.Context, _ string) error { return c.serve(ctx) },

		"pull":    func(c *company, _ context.Context, of string) error { return c.cable(of, true) },
		"connect": func(c *company, _ context.Context, of string) error { return c.cable(of, false) },
		"cut":     network((*lab.Host).Unplug, func(c *company) map[string]bool { return c.cut }, true),
		"mend":    network((*lab.Host).Plug, func(c *company) map[string]bool { return c.cut }, false),
		"deafen":  network(func(h *lab.Host) error { return h.Deafen(true) }, func(c *company) map[string]bool { return c.deaf }, true),
		"mute":    network(func(h *lab.Host) error { return h.Mute(true) }, func(c *company) map[string]bool { return c.mute }, true),
		"hear": func(c *company, ctx context.Context, of string) error {
			return errors.Join(
				network(func(h *lab.Host) error { return h.Deafen(false) }, func(c *company) map[string]bool { return c.deaf }, false)(c, ctx, of),
				network(func(h *lab.Host) error { return h.Mute(false) }, func(c *company) map[string]bool { return c.mute }, false)(c, ctx, of))
		},
		"lose":   network(func(h *lab.Host) error { return h.RandomLoss(25) }, func(c *company) map[string]bool { return c.lossy }, true),
		"find":   network(func(h *lab.Host) error { return h.RandomLoss(0) }, func(c *company) map[string]bool { return c.lossy }, false),
		"filter": network(func(h *lab.Host) error { return h.DropICMP(true) }, nil, true),
		"pass":   network(func(h *lab.Host) error { return h.DropICMP(false) }, nil, false),

		"kill":  (*company).killed,
		"start": (*company).started,
		"stop": func(c *company, _ context.Context, _ string) error {
			return c.endDaemon("stopped", (*site.Daemon).Stop)
		},
		"freeze": func(c *company, _ context.Context, of string) error { return c.signal(of, syscall.SIGSTOP) },
		"thaw":   func(c *company, _ context.Context, of string) error { return c.signal(of, syscall.SIGCONT) },
		"reboot": func(c *company, _ context.Context, _ string) error { return c.reboot() },
		"remove": func(c *company, _ context.Context, _ string) error { return c.removeAddress() },
		"fill":   func(c *company, _ context.Context, of string) error { return c.fill(of) },
		"empty":  func(c *company, _ context.Context, of string) error { return c.empty(of) },
	}
}

// fault lets one happen.
func (c *company) fault(ctx context.Context, s Step) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return faults()[s.Verb](c, ctx, s.Of)
}

// host is one by its name.
func (c *company) host(name string) (*lab.Host, error) {
	for _, h := range c.world.Hosts() {
		if h.Name == name {
			return h, nil
		}
	}
	return nil, fmt.Errorf("there is no host %s", name)
}

// network does something to a host's connection, and remembers that, if there is where.
func network(do func(*lab.Host) error, where func(*company) map[string]bool, on bool) func(*company, context.Context, string) error {
	return func(c *company, _ context.Context, of string) error {
		h, err := c.host(of)
		if err != nil {
			return err
		}
		if where != nil && on {
			where(c)[of] = true
			c.record.reach(of, c.within(of)) // before the deed: it is not reached a moment too early rather than too late
		}
		if err := do(h); err != nil {
			return err
		}
		if where != nil && !on {
			delete(where(c), of)
			c.record.reach(of, c.within(of))
		}
		return nil
	}
}

// within says whether nothing is between a host and its neighbours.
func (c *company) within(host string) bool {
	return !c.dark[host] && !c.pulled[host] && !c.cut[host] && !c.deaf[host] && !c.mute[host] && !c.lossy[host]
}

// cable pulls a host's cable, or puts it back unless the host has no power.
func (c *company) cable(of string, pull bool) error {
	h, err := c.host(of)
	if err != nil {
		return err
	}
	c.pulled[of] = pull
	if pull {
		c.record.reach(of, false)
	}
	if pull || c.dark[of] {
		return h.Down()
	}
	err = h.Up()
	c.record.reach(of, c.within(of))
	return err
}

// crash is a power cut of a primary.
func (c *company) crash(ctx context.Context, of string) error {
	if c.dark[of] {
		return nil
	}
	c.dark[of] = true
	c.record.reach(of, false)
	if of == "crm" {
		return c.CRM.Die()
	}
	errs := []error{c.PBX.Down(), c.stopOwn(ctx)}
	if c.agent != nil {
		errs = append(errs, c.endAgent())
	}
	return errors.Join(append(errs, os.Rename(c.path("mnt-pbx"), c.path("mnt-pbx.gone")))...)
}

// powerOn lets a primary come back: with its address and its application, as it went, or with neither, as one does that
// waits for a failback.
func (c *company) powerOn(ctx context.Context, of string, serving bool) error {
	if !c.dark[of] {
		return nil
	}
	delete(c.dark, of)
	if of == "crm" {
		err := c.CRM.Serve()
		if !c.pulled[of] {
			err = errors.Join(err, c.CRM.Up())
		}
		c.record.reach(of, c.within(of))
		return err
	}
	if !serving {
		if err := c.unserve(ctx); err != nil {
			return err
		}
	}
	errs := []error{os.Rename(c.path("mnt-pbx.gone"), c.path("mnt-pbx"))}
	if !c.pulled[of] {
		errs = append(errs, c.PBX.Up())
	}
	if serving {
		errs = append(errs, c.serve(ctx))
	}
	c.record.reach(of, c.within(of))
	return errors.Join(append(errs, c.startAgent())...)
}

// serve has pbx take its address and start its application, if it has power.
func (c *company) serve(ctx context.Context) error {
	if c.dark["pbx"] {
		return nil
	}
	// The application outlives the command that starts it, and the one that waits for it.
	return c.PBX.Command(ctx, c.path("own-start")).Run()
}

// unserve has pbx stop its application and give its address away.
func (c *company) unserve(ctx context.Context) error {
	err := c.stopOwn(ctx)
	for _, p := range c.PBX.Addresses() {
		if p.Addr().String() == site.PBXAddress {
			err = errors.Join(err, c.PBX.RemoveAddress(p.String()))
		}
	}
	return err
}

// takeOwn gives pbx its service address, if it has power and has it not.
func (c *company) takeOwn() error {
	if c.dark["pbx"] || slices.ContainsFunc(c.PBX.Addresses(), func(p netip.Prefix) bool { return p.Addr().String() == site.PBXAddress }) {
		return nil
	}
	return c.PBX.AddAddress(site.PBXAddress + "/24")
}

// stopOwn ends the application of pbx.
func (c *company) stopOwn(ctx context.Context) error {
	return exec.CommandContext(ctx, c.path("own-stop")).Run()
}

// killed ends something by SIGKILL, or takes it off the network.
func (c *company) killed(ctx context.Context, of string) error {
	switch of {
	case "daemon":
		return c.endDaemon("killed", func(d *site.Daemon) error { return d.Kill() })
	case "agent":
		if c.agent == nil {
			return nil
		}
		return c.endAgent()
	case "application":
		return c.stopOwn(ctx)
	case "standin":
		return c.signal(of, syscall.SIGKILL)
	case "mail":
		return c.Mail.Down()
	}
	return fmt.Errorf("there is no %s to kill", of)
}

// started starts what does not run.
func (c *company) started(ctx context.Context, of string) error {
	switch of {
	case "daemon":
		return c.startDaemon(ctx)
	case "agent":
		if c.dark["pbx"] {
			return nil
		}
		return c.startAgent()
	case "mail":
		return c.Mail.Up()
	}
	return fmt.Errorf("there is no %s to start", of)
}

// endDaemon ends the daemon in a way.
func (c *company) endDaemon(how string, end func(*site.Daemon) error) error {
	if !c.running() {
		return nil
	}
	c.ending = true
	if err := c.signal("daemon", syscall.SIGCONT); err != nil {
		return err
	}
	err := end(c.daemon)
	c.record.died(how)
	return err
}

// startDaemon starts it, and watches that it does not end by itself. Whether it answers is the checker's business.
func (c *company) startDaemon(ctx context.Context) error {
	if c.running() {
		return nil
	}
	d, err := c.Start(ctx)
	if err != nil {
		return err
	}
	c.daemon, c.ending = d, false
	c.record.lives()
	c.record.all.Go(func() {
		<-d.Exited()
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.daemon == d && !c.ending {
			c.record.died("by itself")
		}
	})
	return nil
}

// startAgent starts the agent of pbx. The caller holds mu.
func (c *company) startAgent() error {
	if c.agent != nil {
		return nil
	}
	log, err := os.OpenFile(c.path("agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := c.PBX.Command(context.Background(), c.Binary(), "agent", "--config", c.path("agent.yaml"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		return err
	}
	c.agent = cmd
	return nil
}

// endAgent kills it. The caller holds mu, and the agent runs.
func (c *company) endAgent() error {
	err := c.agent.Process.Kill()
	_ = c.agent.Wait() // it says that it was killed
	c.agent = nil
	return err
}

// signal sends a signal to the daemon, the agent, the stand-in of pbx or the mail host, if it runs.
func (c *company) signal(of string, signal syscall.Signal) error {
	pid := 0
	switch of {
	case "mail":
		c.Inbox.Hang(signal == syscall.SIGSTOP)
		return nil
	case "daemon":
		if c.running() {
			pid = c.daemon.PID()
			c.frozen = signal == syscall.SIGSTOP
			c.record.froze(c.frozen)
		}
	case "agent":
		if c.agent != nil {
			pid = c.agent.Process.Pid
		}
	case "standin":
		if b, err := os.ReadFile(c.path("pbx.pid")); err == nil {
			pid, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		}
	}
	if pid <= 0 {
		return nil
	}
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// reboot is a power cut of the standby. It comes up again with "start daemon".
func (c *company) reboot() error {
	c.ending = true
	var errs []error
	if !c.running() {
		// Reboot wants a daemon to kill.
		if err := c.startDaemon(context.Background()); err != nil {
			return err
		}
		c.ending = true
	}
	errs = append(errs, c.signal("daemon", syscall.SIGCONT))
	c.reboots++
	err := c.Reboot(c.daemon, fmt.Sprintf("6f9619ff-8b86-d011-b42d-%012d", c.reboots))
	c.record.died("killed")
	return errors.Join(append(errs, err)...)
}

// removeAddress is somebody who takes an address away from the standby by hand.
func (c *company) removeAddress() error {
	for _, p := range c.Standby.Addresses() {
		if a := p.Addr().String(); a == site.PBXAddress || a == site.CRMAddress {
			return c.Standby.RemoveAddress(p.String())
		}
	}
	return nil
}

// disks are those of the standby that can be full.
func disks() map[string]string { return map[string]string{"journal": "data", "copies": "copies"} }

// fill takes all the room that is left on a disk.
func (c *company) fill(of string) error {
	dir, known := disks()[of]
	if !known {
		return fmt.Errorf("there is no disk %s", of)
	}
	c.full[of] = true
	f, err := os.Create(filepath.Join(c.path(dir), "ballast"))
	if err != nil {
		return err
	}
	var room unix.Statfs_t
	if err := errors.Join(unix.Statfs(c.path(dir), &room)); err != nil {
		return errors.Join(err, f.Close())
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, int64(room.Bavail)*room.Bsize)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL) { // somebody was faster, or there is nothing left
		err = nil
	}
	return errors.Join(err, f.Close())
}

// empty gives the room back.
func (c *company) empty(of string) error {
	delete(c.full, of)
	err := os.Remove(filepath.Join(c.path(disks()[of]), "ballast"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// mendEverything takes every fault away, but for a primary that has no power.
func (c *company) mendEverything(ctx context.Context) error {
	var errs []error
	for _, h := range c.world.Hosts() {
		for _, verb := range []string{"connect", "mend", "hear", "find", "pass"} {
			errs = append(errs, c.fault(ctx, Step{Verb: verb, Of: h.Name}))
		}
	}
	for _, act := range []string{"thaw daemon", "thaw agent", "thaw standin", "thaw mail", "start mail", "empty journal", "empty copies", "start agent", "start daemon"} {
		errs = append(errs, c.fault(ctx, step(0, act)))
	}
	return errors.Join(errs...)
}

// roomy says whether no disk of the standby is full.
func (c *company) roomy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.full) == 0
}

// plugged says whether nothing is between the standby and its neighbours.
func (c *company) plugged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.within(theStandby)
}

// startPatience bounds how long a start may take until the daemon answers.
const startPatience = 30 * time.Second
