package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"failoverd/replicate/agent"
	"failoverd/replicate/agent/agentconfig"
)

// agentCommand runs the agent on a primary.
func (p *program) agentCommand() *cobra.Command {
	var file, level, format string
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run the agent on a primary: serve its files to the paired standby",
		Long: `Runs the agent on a primary until it is told to stop. Started by the system
service failoverd-agent.

The agent serves one standby, the one that was paired with it, and gives it what
its configuration names and nothing else. It takes no orders from anybody else.`,
		Example: `  failoverd agent
  failoverd agent --config /tmp/agent.yaml --log-level debug`,
	}
	cmd.Flags().StringVar(&file, "config", agentconfig.DefaultFile, "configuration `FILE`")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error (`LEVEL`)")
	cmd.Flags().StringVar(&format, "log-format", "text", "text or json (`FORMAT`)")
	cmd.AddCommand(p.agentPairCommand(), p.agentConfigCommand(), p.agentGateCommand())
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return nil
	}
	cmd.RunE = p.runner(func(ctx context.Context, _ []string) error {
		log, err := newLog(p.err, level, format)
		if err != nil {
			return err
		}
		return agentService{file: file, log: log}.run(ctx)
	})
	return cmd
}

// agentService is the agent.
type agentService struct {
	file string // of the configuration
	log  *slog.Logger
}

// run makes everything, runs it until the context ends, and undoes it in reverse.
func (a agentService) run(ctx context.Context) (err error) {
	c, err := agentconfig.Load(a.file)
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
	l, err := net.Listen("tcp", listenAddress(c.Listen))
	if err != nil {
		return fmt.Errorf("listen for the standby: %w", err)
	}
	trees, err := agent.OpenTrees(c, a.log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	bases, err := newBases(c)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	services := trees.Services()
	services[discoverService], services[backupsService], services[databasesService] = newDiscoverer(c), backups{c}, bases
	services[agent.ServiceApplication] = applicationOf(c, func() error { return agent.LiftHold(dir, time.Now().UTC()) }, a.log)
	services[agent.ServiceHold] = agent.NewHolding(dir, bootID(), a.log)
	server, err := agent.NewServer(agent.ServerConfig{
		Data: dir, Identity: identity, Name: c.Name, Version: versionOf().Version, BootID: bootID(), Files: trees, Log: a.log,
		Services: services,
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	a.log.Info("the agent listens", "address", l.Addr(), "fingerprint", identity.Key().Fingerprint(), "trees", len(c.Trees), "backups", len(c.Backups), "databases", len(c.Databases), "version", versionOf().Version)
	if _, paired := server.Standby(); !paired {
		a.log.Warn("no standby is paired yet: run failoverd agent pair here, then failoverd pair on the standby")
	}
	// The server stops first: its conversations hold the trees.
	g, running := errgroup.WithContext(context.WithoutCancel(ctx))
	others, end := context.WithCancel(running)
	defer end()
	g.Go(func() error {
		defer end()
		stop, cancel := context.WithCancel(running)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		return server.Run(stop, l)
	})
	g.Go(func() error { trees.Run(others); return nil })
	g.Go(func() error { return a.notify(others, server, trees) })
	return g.Wait()
}

// agentData opens the agent's data directory, and makes it if it is missing.
func agentData(c *agentconfig.Config) (*os.Root, error) {
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	dir, err := os.OpenRoot(c.DataDir)
	if err != nil {
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	return dir, nil
}

// listenAddress is an address as net takes it. Of all addresses it takes IPv4's too, and does without IPv6 on a host that
// has none.
func listenAddress(at netip.AddrPort) string {
	if at.Addr() == netip.IPv6Unspecified() {
		return fmt.Sprintf(":%d", at.Port())
	}
	return at.String()
}

// notify tells systemd that the agent serves, how its trees are, and that it can still say so.
func (a agentService) notify(ctx context.Context, server *agent.Server, trees *agent.Trees) error {
	tell(a.log, daemon.SdNotifyReady)
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.log.Warn("the watchdog is not fed", "err", err)
	}
	beat := 10 * time.Second
	if every > 0 {
		beat = every / 3
	}
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		// A lock that is never given back stands still here, and is not taken for life.
		tell(a.log, "STATUS="+agentText(server, trees))
		if every > 0 {
			tell(a.log, daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			tell(a.log, daemon.SdNotifyStopping)
			return nil
		case <-tick.C:
		}
	}
}

// agentText is the line that `systemctl status` shows.
func agentText(server *agent.Server, trees *agent.Trees) string {
	text := "not paired: run failoverd agent pair"
	if key, paired := server.Standby(); paired {
		text = "serving the standby " + key.Fingerprint()[:11] + "…"
	}
	list := trees.Status()
	text += ", " + count(len(list), "tree", "trees")
	for _, t := range list {
		if t.Problem != "" {
			text += "; NOT WATCHED: " + plain(t.Name)
		}
	}
	return text
}
