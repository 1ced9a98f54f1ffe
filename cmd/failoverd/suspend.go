package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/status"
)

// wish is an operator's wish about the monitoring of a server.
type wish func(ctx context.Context, client *api.Client, name, reason string, until time.Time) (status.Server, error)

// suspendCommand is `failoverd suspend`.
func (p *program) suspendCommand() *cobra.Command {
	cmd := p.wishCommand(true, true, func(ctx context.Context, c *api.Client, name, reason string, until time.Time) (status.Server, error) {
		return c.Suspend(ctx, name, reason, until)
	})
	cmd.Use = "suspend SERVER --reason TEXT"
	cmd.Short = "Suspend the monitoring, for maintenance"
	cmd.Long = `The server is not watched and not taken over until it is resumed, or until the
time given by --for is over. Database sync goes on, file sync does not. Nothing
is asked: resume takes it back.`
	cmd.Example = `  failoverd suspend DEMOSERVER --reason "OS patches" --for 2h
  failoverd resume DEMOSERVER`
	return cmd
}

// stopCommand is `failoverd stop`.
func (p *program) stopCommand() *cobra.Command {
	cmd := p.wishCommand(false, false, func(ctx context.Context, c *api.Client, name, reason string, _ time.Time) (status.Server, error) {
		return c.Stop(ctx, name, reason, time.Time{})
	})
	cmd.Use = "stop SERVER"
	cmd.Short = "Stop looking after a server"
	cmd.Long = `The server is not watched, not taken over, and neither its files nor its database
are copied. After resume its data counts as out of date until the next complete
replication.

To make the standby stop standing in for a server: failoverd release SERVER.`
	cmd.Example = `  failoverd stop DEMOSERVER --reason "moved to the new site"`
	return cmd
}

// resumeCommand is `failoverd resume`.
func (p *program) resumeCommand() *cobra.Command {
	cmd := p.wishCommand(false, false, func(ctx context.Context, c *api.Client, name, reason string, _ time.Time) (status.Server, error) {
		return c.Resume(ctx, name, reason)
	})
	cmd.Use = "resume SERVER"
	cmd.Short = "Watch a suspended or stopped server again"
	cmd.Long = `Takes suspend or stop back: the server is watched again and taken over when it
fails. Counting starts afresh.`
	cmd.Example = `  failoverd resume DEMOSERVER`
	return cmd
}

// wishCommand is what suspend, stop and resume share.
func (p *program) wishCommand(needsReason, mayEnd bool, order wish) *cobra.Command {
	var reason, length string
	cmd := &cobra.Command{
		Args:              names("SERVER", 1, 1),
		ValidArgsFunction: p.serverNames(false),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, a `TEXT` for the history and the status")
	if mayEnd {
		cmd.Flags().StringVar(&length, "for", "", "ends by itself after this `TIME`: 30m, 2h, 1d")
	}
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		if needsReason && reason == "" {
			f := usagef("say why, for those who find it later: --reason TEXT")
			f.try = cmd.CommandPath() + " " + args[0] + ` --reason "OS patches" --for 2h`
			return f
		}
		var until time.Time
		if length != "" {
			d, err := parseDuration(length)
			if err != nil || d == 0 {
				return usagef("--for: %q is no duration: write 30m, 2h or 1d", length)
			}
			until = p.now().Add(d)
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		server, err := order(ctx, client, args[0], reason, until)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(server)
		}
		p.writeWish(server)
		return nil
	})
	return cmd
}

// writeWish says how the server stands now.
func (p *program) writeWish(s status.Server) {
	line(p.out, "%s: %s", s.Name, p.stateOf(s))
	switch {
	case s.Mode == "active":
	case s.Suspension != nil && s.Suspension.Until != nil:
		line(p.out, "It is not taken over until %s. Before that: failoverd resume %s", p.clock(*s.Suspension.Until), s.Name)
	default:
		line(p.out, "It is not taken over until: failoverd resume %s", s.Name)
	}
}
