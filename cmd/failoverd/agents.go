package main

import (
	"context"

	"github.com/spf13/cobra"
)

// agentsCommand is `failoverd agents`.
func (p *program) agentsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "agents",
		Short: "The agents on the primaries: paired or not, version, last heard",
		Long: `Lists the agents that this standby is paired with, and those that the
configuration wants and that are not paired yet. An agent is heard when it is
asked: by a probe of kind agent, or for its files.`,
		Example: `  failoverd agents
  failoverd agents --json | jq -r '.agents[] | select(.paired | not).address'`,
		Args: names("", 0, 0),
		RunE: p.runner(func(ctx context.Context, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			list, err := client.Agents(ctx)
			if err != nil {
				return err
			}
			if p.global.json {
				return p.document(list)
			}
			if len(list.Agents) == 0 {
				line(p.out, "No agents. On a primary: failoverd agent pair; then here: failoverd pair ADDRESS.")
				return nil
			}
			t := table{}
			t.row("SERVER", "ADDRESS", "HOST", "VERSION", "HEARD", "KEY")
			for _, a := range list.Agents {
				version := plain(a.Version)
				if a.VersionDiffers {
					version += " (differs)"
				}
				if !a.Paired {
					t.row(or(a.Server, "none"), a.Address, "", "", "", "not paired: failoverd pair "+a.Address)
					continue
				}
				t.row(or(a.Server, "none"), a.Address, plain(a.Name), version, p.maybe(a.HeardAt, "not since the start"), a.Fingerprint)
			}
			t.write(p.out, p.colours())
			line(p.out, "The key of this standby: %s", list.Fingerprint)
			return nil
		}),
	}
}
