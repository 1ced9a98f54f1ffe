package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/status"
)

// incidentsCommand is `failoverd incidents`.
func (p *program) incidentsCommand() *cobra.Command {
	var server string
	var all bool
	var page pageFlags
	cmd := &cobra.Command{
		Use:   "incidents",
		Short: "What is wrong and who takes care of it",
		Long: `Lists the incidents that are open: what people were told of and is not over, since
when, and who takes care of it. With --all also those that are over, the newest
first.`,
		Example: `  failoverd incidents
  failoverd incidents --all --server DEMOSERVER
  failoverd incidents --json | jq -r '.incidents[] | select(.acknowledged == null) | .id'`,
		Args: names("", 0, 0),
	}
	cmd.Flags().StringVar(&server, "server", "", "only about this `SERVER`")
	cmd.Flags().BoolVar(&all, "all", false, "also those that are over")
	page.add(cmd)
	cmd.RegisterFlagCompletionFunc("server", p.serverNames(false))
	cmd.RunE = p.runner(func(ctx context.Context, _ []string) error {
		q, err := page.query()
		if err != nil {
			return err
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		list, err := client.Incidents(ctx, server, !all, q)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(list)
		}
		if len(list.Incidents) == 0 && !all {
			line(p.out, "No incident is open.")
			return nil
		}
		p.writeIncidents(p.out, p.colours(), list.Incidents)
		p.earlier("incidents", list.Next)
		return nil
	})
	return cmd
}

// writeIncidents prints a list of incidents.
func (p *program) writeIncidents(w io.Writer, colours palette, list []status.Incident) {
	if len(list) == 0 {
		line(w, "No incidents yet.")
		return
	}
	t := table{}
	t.row("INCIDENT", "SINCE", "LASTED", "SEVERITY", "WHO TAKES CARE", "WHAT")
	for _, i := range list {
		paint := yellow
		if i.Severity == "critical" {
			paint = red
		}
		lasted := "is open"
		if i.Ended != nil {
			lasted, paint = duration(i.Ended.Sub(i.Opened)), 0
		}
		t.add(cell{i.ID, bold}, cell{text: p.stamp(i.Opened)}, cell{text: lasted}, cell{i.Severity, paint}, cell{text: p.carer(i)}, cell{text: i.Title})
	}
	t.write(w, colours)
}

// carer is who takes care of an incident.
func (p *program) carer(i status.Incident) string {
	switch {
	case i.Taken != nil:
		return i.Taken.By + " since " + p.clock(i.Taken.At)
	case i.Ended != nil:
		return "-"
	case i.Escalated != nil:
		return "NOBODY, escalated"
	case i.Reminders > 0:
		return fmt.Sprintf("NOBODY, %d reminders", i.Reminders)
	}
	return "NOBODY"
}

// ackCommand is `failoverd ack`.
func (p *program) ackCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "ack INCIDENT...",
		Short: "Say that you take care of an incident",
		Long: `Notes that you take care of an incident. Nobody is reminded of it any more, and it
is not escalated, unless it gets worse; whoever was told of it is told that you
do, and why. Who did first is kept.

INCIDENT is its identifier, from the mail or from failoverd incidents, or the name
of a server, which stands for all its open incidents.`,
		Example: `  failoverd ack DEMOSERVER-20260812-021132 --reason "on my way"
  failoverd ack DEMOSERVER`,
		Args: names("INCIDENT", 1, 100),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "what you do about it, a `TEXT` for the others")
	cmd.ValidArgsFunction = p.incidentIDs
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		ids, err := incidentsNamed(ctx, client, args)
		if err != nil {
			return err
		}
		done := []status.Incident{}
		for _, id := range ids {
			i, err := client.Acknowledge(ctx, id, reason)
			if err != nil {
				return err
			}
			done = append(done, i)
			if !p.global.json {
				line(p.out, "%s: %s takes care of it since %s.", i.ID, i.Taken.By, p.clock(i.Taken.At))
			}
		}
		if p.global.json {
			return p.document(api.IncidentList{Incidents: done})
		}
		return nil
	})
	return cmd
}

// incidentsNamed are the identifiers of the incidents that somebody means.
func incidentsNamed(ctx context.Context, client *api.Client, args []string) ([]string, error) {
	open, err := client.Incidents(ctx, "", true, api.Page{Limit: mostEvents})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, arg := range args {
		before := len(ids)
		for _, i := range open.Incidents {
			if i.Server == arg && i.ID != arg {
				ids = append(ids, i.ID)
			}
		}
		if len(ids) == before {
			ids = append(ids, arg) // The daemon knows whether there is one.
		}
	}
	return ids, nil
}

// incidentIDs completes the identifiers of open incidents, the newest first.
func (p *program) incidentIDs(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	client, err := p.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	open, err := client.Incidents(ctx, "", true, api.Page{Limit: 20})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []cobra.Completion
	for _, i := range open.Incidents {
		found = append(found, cobra.CompletionWithDesc(plain(i.ID), plain(i.Title)))
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
