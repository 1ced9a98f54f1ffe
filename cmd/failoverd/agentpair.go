package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"failoverd/config"
	"failoverd/replicate/agent"
	"failoverd/replicate/agent/agentconfig"
)

// invited is what `agent pair --json` prints.
type invited struct {
	Code        string    `json:"code"`
	Expires     time.Time `json:"expires_at"`
	Address     string    `json:"address"`     // where the agent listens
	Fingerprint string    `json:"fingerprint"` // of the agent's key
	Replaces    *string   `json:"replaces"`    // fingerprint of the standby that is paired now, null if none is
}

// agentPairCommand is `failoverd agent pair`.
func (p *program) agentPairCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "pair",
		Short: "Show a one-time code with which a standby pairs",
		Long: `Makes a code and shows it, this once. Type it on the standby, where failoverd pair
asks for it. It is good for ten minutes and for one pairing; after five wrong
tries it is void, and so is one that was made before.

The agent serves one standby: another one that pairs takes its place.`,
		Example: `  sudo failoverd agent pair`,
		Args:    names("", 0, 0),
		RunE: p.runner(func(context.Context, []string) error {
			return p.invite(file)
		}),
	}
	cmd.Flags().StringVar(&file, "config", agentconfig.DefaultFile, "configuration `FILE` of the agent")
	return cmd
}

// invite makes a code below the data directory of the agent, and shows it.
func (p *program) invite(file string) (err error) {
	c, err := agentconfig.Load(file)
	if err != nil {
		return err
	}
	dir, err := agentData(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	identity, err := agent.OpenIdentity(dir)
	if err != nil {
		return err
	}
	now := time.Now()
	code, err := agent.Invite(dir, now)
	if err != nil {
		return err
	}
	v := invited{Code: code.String(), Expires: now.Add(agent.InvitationLife), Address: c.Listen.String(), Fingerprint: identity.Key().Fingerprint()}
	key, paired, err := agent.Paired(dir)
	if err != nil {
		return err
	}
	if paired {
		before := key.Fingerprint()
		v.Replaces = &before
	}
	if p.global.json {
		return p.document(v)
	}
	line(p.out, "Code: %s", v.Code)
	line(p.out, "It is good for %s and for one pairing. On the standby:", duration(agent.InvitationLife))
	line(p.out, "  sudo failoverd pair %s", pairAddress(c.Listen))
	line(p.out, "The key of this agent: %s", v.Fingerprint)
	if v.Replaces != nil {
		line(p.out, "It serves the standby %s now, which then is not served any more.", *v.Replaces)
	}
	return nil
}

// pairAddress is what is written behind `failoverd pair` on the standby.
func pairAddress(listen netip.AddrPort) string {
	host := "ADDRESS"
	if !listen.Addr().IsUnspecified() {
		host = listen.Addr().String()
	}
	switch {
	case listen.Port() == config.AgentPort:
		return host
	case listen.Addr().IsUnspecified():
		return fmt.Sprintf("%s:%d", host, listen.Port())
	}
	return listen.String()
}
