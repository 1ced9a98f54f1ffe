package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"failoverd/replicate/agent"
	"failoverd/replicate/agent/agentconfig"
	"failoverd/takeover/address"
)

// bootGate is `failoverd agent gate`.
type bootGate struct {
	file      string // of the agent's configuration
	link      string
	addresses []netip.Addr
	wait      time.Duration
	lift      bool
}

// gated is what `agent gate --json` prints.
type gated struct {
	Open   bool   `json:"open"`
	Reason string `json:"reason"`
}

// agentGateCommand is `failoverd agent gate`.
func (p *program) agentGateCommand() *cobra.Command {
	var g bootGate
	var wait string
	cmd := &cobra.Command{
		Use:   "gate [ADDRESS...]",
		Short: "Say whether this host's application may start",
		Long: `For the units of the application and of the service address on a primary, before
they start: exit code 0 if they may, 5 if they may not. As root, since it reads
what the agent remembers and listens on the network.

It waits until the standby has told the agent since this host has booted whether
it stands in; what it said before counts if it does not in time. While it stands
in the gate is closed. Of each ADDRESS, which this host would have, the network
is asked as well (address conflict detection, RFC 5227): somebody who answers
closes the gate. So it is no worse than arping -D where the standby cannot be
heard.

A failback lifts the hold before the agent starts the application, and so does a
release. Where the standby is gone for good, --lift does: under the same takeover
nothing is held again.`,
		Example: `  failoverd agent gate 192.168.11.1
  failoverd agent gate 192.168.11.1 --interface eth0 --wait 30s
  failoverd agent gate --lift`,
	}
	cmd.Args = names("ADDRESS", 0, 16)
	f := cmd.Flags()
	f.StringVar(&g.file, "config", agentconfig.DefaultFile, "configuration `FILE` of the agent")
	f.StringVar(&g.link, "interface", "", "`INTERFACE` on which is asked; default: the one whose network has the address")
	f.StringVar(&wait, "wait", "15s", "how long the standby's word is waited for, a `TIME`")
	f.BoolVar(&g.lift, "lift", false, "forget that the standby stands in")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		d, err := parseDuration(wait)
		if err != nil {
			return usagef("--wait: %q is no duration: write 15s or 1m", wait)
		}
		g.wait = d
		for _, text := range args {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return usagef("%q is no address: write 192.168.11.1", text)
			}
			g.addresses = append(g.addresses, a.Unmap())
		}
		return p.passGate(ctx, g)
	})
	return cmd
}

// passGate says whether the gate is open.
func (p *program) passGate(ctx context.Context, g bootGate) (err error) {
	c, err := agentconfig.Load(g.file)
	if err != nil {
		return err
	}
	dir, err := os.OpenRoot(c.DataDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open the agent's data directory: %w", err)
	}
	var h agent.Hold
	if dir != nil {
		defer func() { err = errors.Join(err, dir.Close()) }()
		if g.lift {
			if err := agent.LiftHold(dir, time.Now().UTC()); err != nil {
				return err
			}
			return p.toldGate(gated{Open: true, Reason: "what the standby has said is forgotten, up to its next takeover"})
		}
		if h, err = awaitWord(ctx, dir, bootID(), g.wait); err != nil {
			return err
		}
	}
	heard := ""
	if !h.Held {
		if heard, err = g.ask(ctx); err != nil {
			return err
		}
	}
	v := gated{}
	v.Open, v.Reason = h.Passes(bootID(), heard)
	return p.toldGate(v)
}

// toldGate says whether the gate is open.
func (p *program) toldGate(v gated) error {
	if p.global.json {
		if err := p.document(v); err != nil {
			return err
		}
	} else {
		line(p.out, "%s: %s.", map[bool]string{true: "Open", false: "CLOSED"}[v.Open], v.Reason)
	}
	if !v.Open {
		return answer(exitRefused)
	}
	return nil
}

// gateLook is how often it is looked whether the standby has said something.
const gateLook = 200 * time.Millisecond

// awaitWord returns the standby's word of this boot, or after a while the last one.
func awaitWord(ctx context.Context, dir *os.Root, boot string, wait time.Duration) (agent.Hold, error) {
	late := time.NewTimer(wait)
	defer late.Stop()
	tick := time.NewTicker(gateLook)
	defer tick.Stop()
	for {
		h, err := agent.ReadHold(dir)
		if err != nil {
			return h, fmt.Errorf("read what the standby has said: %w", err)
		}
		_, paired, err := agent.Paired(dir)
		if err != nil || h.Boot == boot || !paired {
			return h, err
		}
		select {
		case <-tick.C:
		case <-late.C:
			return h, nil
		case <-ctx.Done():
			return h, context.Cause(ctx)
		}
	}
}

// How often an address is asked for, and with what pause: as RFC 5227 has it, but sooner.
const (
	gateQuestions = 3
	gateSpacing   = 300 * time.Millisecond
)

// ask asks the network for the addresses, and says who answers; empty if nobody does.
func (g bootGate) ask(ctx context.Context) (heard string, err error) {
	for _, a := range g.addresses {
		link := g.link
		if link == "" {
			if link, err = linkWith(a); err != nil {
				return "", err
			}
		}
		if heard, err = askFor(ctx, link, a); heard != "" || err != nil {
			return heard, err
		}
	}
	return "", nil
}

// askFor asks for one address on an interface.
func askFor(ctx context.Context, link string, a netip.Addr) (heard string, err error) {
	claims := make(chan address.Claim, 1)
	seg, err := address.Listen(link, func(c address.Claim) {
		if c.IP == a && !c.Probe { // whoever asks for it, as a standby does that has released it, has it not
			select {
			case claims <- c:
			default:
			}
		}
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	var hearing sync.WaitGroup
	defer hearing.Wait()
	defer cancel()
	hearing.Go(func() { _ = seg.Run(ctx) }) // it ends with ctx
	for range gateQuestions {
		if err := seg.Ask(a); err != nil {
			return "", err
		}
		timer := time.NewTimer(gateSpacing)
		select {
		case c := <-claims:
			timer.Stop()
			return fmt.Sprintf("%s answers for %s: another host has the address", c.MAC, a), nil
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", context.Cause(ctx)
		}
	}
	return "", nil
}

// linkWith is the interface with a network that has an address.
func linkWith(a netip.Addr) (string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	var names []string
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, one := range addrs {
			if p, err := netip.ParsePrefix(one.String()); err == nil && p.Masked().Contains(a) && i.Flags&net.FlagLoopback == 0 {
				return i.Name, nil
			}
		}
		names = append(names, i.Name)
	}
	return "", fmt.Errorf("no interface of this host has a network with %s: name it with --interface (there are %s)", a, strings.Join(names, ", "))
}
