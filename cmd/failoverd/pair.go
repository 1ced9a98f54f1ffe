package main

import (
	"context"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/config"
	"failoverd/replicate/agent"
)

// pairCommand is `failoverd pair`.
func (p *program) pairCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "pair ADDRESS",
		Short: "Pair this standby with the agent on a primary",
		Long: `Asks for the code that failoverd agent pair has shown on the primary, and has the
daemon pair with the agent there: each side proves to the other that it knows the
code, and remembers the other's key. Without a terminal the code is the first line
of standard input.

ADDRESS is the agent's IP address, with a port if it is not 7443. An agent serves
one standby: it stops to serve the one that it was paired with before.`,
		Example: `  failoverd pair 192.168.11.21
  ssh root@192.168.11.21 failoverd agent pair --json | jq -r .code | sudo failoverd pair 192.168.11.21`,
		Args: names("ADDRESS", 1, 1),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, a `TEXT` for the history")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		at, err := agentAddress(args[0])
		if err != nil {
			return err
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		code, err := p.askCode(ctx, at)
		if err != nil {
			return err
		}
		a, err := client.PairAgent(ctx, api.NewPairing{Address: at.String(), Code: code.String(), Reason: reason})
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(a)
		}
		line(p.out, "Paired with the agent on %s at %s, failoverd %s.", plain(a.Name), a.Address, plain(a.Version))
		line(p.out, "Its key: %s", a.Fingerprint)
		if a.Server == "" {
			line(p.out, "No server of the configuration has this address for its agent: write agent: {address: %q} under one.", a.Address)
		}
		if a.VersionDiffers {
			line(p.out, "This standby has another version: upgrade the older of the two.")
		}
		return nil
	})
	return cmd
}

// agentAddress is what somebody wrote as an agent's address.
func agentAddress(text string) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return netip.AddrPortFrom(ip, config.AgentPort), nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return at, usagef("%q is no address of an agent: want an IP address, with a port if it is not %d", text, config.AgentPort)
	}
	return at, nil
}

// askCode asks for the code, or reads it from what is no terminal.
func (p *program) askCode(ctx context.Context, at netip.AddrPort) (agent.Code, error) {
	question := ""
	if p.canAsk() {
		question = "Code that failoverd agent pair has shown on " + at.Addr().String() + ": "
	}
	text, err := p.ask(ctx, question)
	if err != nil {
		return agent.Code{}, err
	}
	if text == "" {
		return agent.Code{}, usagef("no code was given; failoverd agent pair shows one on the primary")
	}
	code, err := agent.ParseCode(text)
	if err != nil {
		return code, usagef("%s", err)
	}
	return code, nil
}
