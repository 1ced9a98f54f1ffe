package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"failoverd/status"
)

// checkCommand is `failoverd check`.
func (p *program) checkCommand() *cobra.Command {
	var nagios bool
	cmd := &cobra.Command{
		Use:   "check [SERVER...]",
		Short: "Would a takeover succeed now? Every check of the readiness",
		Long: `Shows the readiness of every server, or of those named: each check with what was
found, what is needed, and the command that helps. The daemon computes it all the
time; nothing is changed, and nothing is tried out.

Exit code: 0 all ready, 3 a server is degraded, not ready or unverified, or its
role is with the standby, 4 a server is down and nobody serves it.

--nagios is for Nagios, Icinga and what runs their plugins: one line with what is
wrong and performance data, then a line for each check that is not in order. Exit
code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
  CRITICAL  a server is down and nobody serves it; a takeover would not succeed;
            the standby is cut off or cannot write; no daemon answers
  WARNING   degraded, unverified, suspended or stopped by an operator; the standby
            stands in
An error in the command line ends with 2 as everywhere.`,
		Example: `  failoverd check
  failoverd check DEMOSERVER --json
  failoverd check --nagios`,
		Args:              names("SERVER", 0, -1),
		ValidArgsFunction: p.serverNames(true),
	}
	cmd.Flags().BoolVar(&nagios, "nagios", false, "print and exit as a plugin of Nagios does")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		if nagios && p.global.json {
			return usagef("--nagios and --json exclude each other")
		}
		s, err := p.readiness(ctx, args)
		if nagios {
			return p.plugin(s, err)
		}
		if err != nil {
			return err
		}
		if p.global.json {
			err = p.document(readinessOfAll(s))
		} else {
			p.writeReadiness(p.out, p.colours(), s)
		}
		if exit := exitOfReadiness(s); err == nil && exit != exitDone {
			return answer(exit)
		}
		return err
	})
	return cmd
}

// readiness asks for the status and narrows it to some servers.
func (p *program) readiness(ctx context.Context, only []string) (status.Snapshot, error) {
	client, err := p.connect()
	if err != nil {
		return status.Snapshot{}, err
	}
	return p.snapshot(ctx, client, only)
}

// checkDocument is what `failoverd check --json` prints.
type checkDocument struct {
	GeneratedAt time.Time     `json:"generated_at"`
	Servers     []checkServer `json:"servers"`
}

// checkServer is the readiness of one server.
type checkServer struct {
	Name    string         `json:"name"`
	State   string         `json:"state"`
	Role    string         `json:"role"`
	Verdict string         `json:"verdict"`
	Checks  []status.Check `json:"checks"`
}

// readinessOfAll is the readiness of the servers as a document.
func readinessOfAll(s status.Snapshot) checkDocument {
	d := checkDocument{GeneratedAt: s.GeneratedAt}
	for _, v := range s.Servers {
		d.Servers = append(d.Servers, checkServer{
			Name: v.Name, State: v.State, Role: v.Role, Verdict: v.Readiness.Verdict, Checks: v.Readiness.Checks,
		})
	}
	return d
}

// writeReadiness prints every check of every server.
func (p *program) writeReadiness(w io.Writer, colours palette, s status.Snapshot) {
	if len(s.Servers) == 0 {
		line(w, "No servers are configured in %s.", or(s.Standby.Config.File, "the configuration"))
		return
	}
	for i, v := range s.Servers {
		if i > 0 {
			fmt.Fprintln(w)
		}
		mark, paint := markOf(v)
		fmt.Fprintf(w, "%s %s  %s\n", colours.paint(paint, mark), colours.paint(bold, plain(v.Name)), plain(p.stateOf(v)+", "+v.Role))
		writeReadinessChecks(w, colours, v.Readiness.Checks)
		line(w, "%s", tally(v.Readiness))
	}
}

// writeReadinessChecks prints checks with what was found and what helps.
func writeReadinessChecks(w io.Writer, colours palette, checks []status.Check) {
	t := table{indent: "  "}
	for _, c := range checks {
		help := c.Help
		if c.Result == "ok" {
			help = "" // nothing is to be helped
		}
		t.add(cell{text: c.Name}, cell{c.Result, paintResult(c.Result)}, cell{text: limited(c.Value, c.Limit)}, cell{help, bold})
	}
	t.write(w, colours)
}

// tally is a readiness in one line, with how many checks are not in order.
func tally(r status.Readiness) string {
	found := map[string]int{}
	for _, c := range r.Checks {
		found[c.Result]++
	}
	if len(r.Checks) == found["ok"] {
		return r.Verdict + ": " + count(found["ok"], "check", "checks") + " in order"
	}
	text := fmt.Sprintf("%s: %d critical, %s", r.Verdict, found["critical"], count(found["warning"], "warning", "warnings"))
	if n := found["unknown"]; n > 0 {
		text += fmt.Sprintf(", %d unknown", n)
	}
	return text
}

// exitOfReadiness is the exit code of `failoverd check`.
func exitOfReadiness(s status.Snapshot) int {
	exit := exitDone
	for _, v := range s.Servers {
		switch {
		case nobodyServes(v):
			return exitUncovered
		case v.Readiness.Verdict != "ready" || v.Role != "standing by":
			exit = exitAttention
		}
	}
	return exit
}
