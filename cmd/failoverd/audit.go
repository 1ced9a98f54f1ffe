package main

import (
	"context"

	"github.com/spf13/cobra"
)

// auditCommand is `failoverd audit`.
func (p *program) auditCommand() *cobra.Command {
	var flags eventFlags
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Who did what, from where, and why",
		Long: `Shows the orders that people and programs gave, what was done about access (tokens
created and revoked), and the requests that were refused. The newest come last.
With --json it prints one event a line.`,
		Example: `  failoverd audit --since 7d
  failoverd audit --server DEMOSERVER --json | jq -r .actor.name`,
		Args: names("", 0, 0),
	}
	flags.add(cmd, p)
	cmd.RunE = p.runner(func(ctx context.Context, _ []string) error {
		q, err := flags.query(p)
		if err != nil {
			return err
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		found, err := client.Audit(ctx, q)
		if err != nil {
			return err
		}
		if len(found.Events) == 0 && !p.global.json {
			line(p.err, "Nothing yet.")
		}
		if found.Next != nil {
			p.aside("There are earlier events: --before %d shows them.", *found.Next)
		}
		for _, e := range oldestFirst(found.Events) {
			if e.Actor.From != "" && !p.global.json {
				e.Message += " [" + e.Actor.Via + " " + e.Actor.From + "]"
			}
			if err := p.event(p.out, e); err != nil {
				return err
			}
		}
		return nil
	})
	return cmd
}
