package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/plan"
	"failoverd/status"
)

// showCommand is `failoverd show`.
func (p *program) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show SERVER",
		Short: "One server in detail",
		Long: `Shows all that is known about one server: who serves its users and why, every
path and probe, how old the copies of its databases and files are, whether a
takeover would succeed now, and what can be ordered.`,
		Example: `  failoverd show DEMOSERVER
  failoverd show DEMOSERVER --json | jq .readiness`,
		Args:              names("SERVER", 1, 1),
		ValidArgsFunction: p.serverNames(false),
		RunE: p.runner(func(ctx context.Context, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			server, err := client.Server(ctx, args[0])
			if err != nil {
				return err
			}
			if p.global.json {
				return p.document(server)
			}
			p.writeServer(p.out, p.colours(), server, replications(ctx, client, server)[server.Name])
			return nil
		}),
	}
}

// writeServer prints one server in detail.
func (p *program) writeServer(w io.Writer, colours palette, s status.Server, running *plan.Record) {
	mark, paint := markOf(s)
	fmt.Fprintf(w, "%s %s  %s\n", colours.paint(paint, mark), colours.paint(bold, plain(s.Name)), colours.paint(paint, plain(p.stateOf(s))))
	if s.Summary != "" {
		line(w, "%s", s.Summary)
	}
	if s.Next != "" {
		line(w, "Next: %s", s.Next)
	}
	fmt.Fprintln(w)
	p.writeFacts(w, colours, s)

	if len(s.Paths) > 0 {
		line(w, "Paths:")
		t := table{indent: "  "}
		for _, v := range s.Paths {
			t.row(v.Address, v.Outcome, fmt.Sprintf("%d missed", v.Misses), rtt(v.RTT), v.Detail)
		}
		t.write(w, colours)
	}
	if len(s.Probes) > 0 {
		line(w, "Probes:")
		t := table{indent: "  "}
		for _, v := range s.Probes {
			result := v.Outcome
			if v.Failed {
				result = "FAILED"
			}
			t.row(v.Name, v.Kind, result, "counts as "+v.Counts, v.Detail)
		}
		t.write(w, colours)
	}
	p.writeCopies(w, colours, s, running)
	p.writeTrees(w, colours, s)
	p.writeDrills(w, colours, s)
	line(w, "Would a takeover succeed now? %s", s.Readiness.Verdict)
	writeReadinessChecks(w, colours, s.Readiness.Checks)
	line(w, "What can be ordered:")
	t := table{indent: "  "}
	for _, a := range s.Actions {
		if a.Allowed {
			t.row(a.Name, "failoverd "+commandOf(a.Name)+" "+s.Name)
		} else {
			t.row(a.Name, "not now: "+a.WhyNot)
		}
	}
	t.write(w, colours)
}

// writeFacts prints the named values of one server.
func (p *program) writeFacts(w io.Writer, colours palette, s status.Server) {
	t := table{indent: "  "}
	t.row("Served by", p.servedBy(s))
	t.row("Address", s.Address)
	if s.ManagementAddress != "" {
		t.row("Management address", s.ManagementAddress)
	}
	if s.AssumeAddress {
		t.row("Service addresses", strings.Join(s.ServiceAddresses, ", "))
	} else {
		t.row("Service addresses", "stay where they are: clients know the standby's own")
	}
	t.row("Takeover", fmt.Sprintf("%s, priority %d", s.Takeover, s.Priority))
	t.row("Health", fmt.Sprintf("%s, %d of %d pings missed in a row", s.Health, s.Misses, s.FailAfter))
	t.row("Last answer", p.maybe(s.LastAnswer, "none since the start"))
	t.row("Last pings", pings(s))
	t.row("Mode", s.Mode)
	if v := s.Suspension; v != nil {
		text := fmt.Sprintf("by %s since %s", v.By, p.clock(v.Since))
		if v.Until != nil {
			text += ", until " + p.clock(*v.Until)
		}
		if v.Reason != "" {
			text += ": " + v.Reason
		}
		t.row("", text)
	}
	t.row("Role", s.Role+" since "+p.maybe(s.RoleSince, "the start"))
	t.row("Activity", s.Activity)
	if v := s.Hold; v != nil {
		t.add(cell{text: "Held"}, cell{v.Reason + " (" + v.Code + ")", yellow})
	}
	if s.WayBack != "" {
		t.row("Way back", s.WayBack)
	}
	if s.Diverged {
		t.row("Data", "diverged: the standby's is newer than the primary's")
	}
	if s.OutOfDate {
		t.row("Data", "out of date: the server was stopped")
	}
	if s.Operation != "" {
		t.row("Operation", "failoverd operation watch "+s.Operation)
	}
	if s.Incident != "" {
		t.row("Incident", s.Incident)
	}
	t.write(w, colours)
}

// limited is what was found beside what is needed.
func limited(value, limit string) string {
	if limit == "" {
		return value
	}
	return fmt.Sprintf("%s (needed: %s)", value, limit)
}

// paintResult is the colour of a check's result.
func paintResult(result string) colour {
	switch result {
	case "ok":
		return green
	case "warning":
		return yellow
	case "critical":
		return red
	}
	return grey
}
