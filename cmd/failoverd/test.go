package main

import (
	"context"

	"github.com/spf13/cobra"
)

// testCommand is `failoverd test`.
func (p *program) testCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "test SERVER",
		Short: "Test every connection of a server, now",
		Long: `Asks once, all at the same time, whatever the configuration of a server names: its
addresses by ping, its probes, its agent; both ends of each database, with the
rights and the room that a copy needs; the directories that its files are read
from, and those that the copies are written to. Nothing is changed.

Exit code 0: all work; 1: one or more do not.`,
		Example:           `  failoverd test DEMOSERVER`,
		Args:              names("SERVER", 1, 1),
		ValidArgsFunction: p.serverNames(false),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, a `TEXT` for the history")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		done, err := client.Test(ctx, args[0], reason)
		if err != nil {
			return err
		}
		if p.global.json {
			err = p.document(done)
		} else {
			writeTrials(p.out, p.colours(), done.Trials)
		}
		for _, t := range done.Trials {
			if !t.OK && err == nil {
				return answer(exitFailed)
			}
		}
		return err
	})
	return cmd
}
