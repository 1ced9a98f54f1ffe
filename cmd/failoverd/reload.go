package main

import (
	"context"

	"github.com/spf13/cobra"
)

// reloadCommand is `failoverd reload`.
func (p *program) reloadCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the daemon read its configuration again",
		Long: `The daemon reads its configuration again: all of it or nothing. With any error the
old one stays in force, the errors are shown, and the exit code is 1. What takes
effect only after a restart is named. Nothing that runs is interrupted.

A server that was added is not copied before its first daily run; as long as there
is no copy of its databases, the command that makes the first one is named.`,
		Example: `  failoverd config check && failoverd reload`,
		Args:    names("", 0, 0),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, a `TEXT` for the history")
	cmd.RunE = p.runner(func(ctx context.Context, _ []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		done, err := client.Reload(ctx, reason)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(done)
		}
		if len(done.Changed)+len(done.NeedsRestart) == 0 {
			line(p.out, "Read again; nothing has changed.")
		}
		for _, key := range done.Changed {
			line(p.out, "Changed: %s", key)
		}
		for _, key := range done.NeedsRestart {
			line(p.out, "Changed, but only after systemctl restart failoverd: %s", key)
		}
		for _, n := range done.Notices {
			line(p.out, "Notice: %s", n)
		}
		for _, u := range done.Uncopied {
			line(p.out, "%s: there is no copy of %s, so a takeover would have no data. Copy now: %s", u.Server, joined(u.Catalogs), u.Next)
		}
		return nil
	})
	return cmd
}
