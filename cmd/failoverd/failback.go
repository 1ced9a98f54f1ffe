package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

// failbackCommand is `failoverd failback`.
func (p *program) failbackCommand() *cobra.Command {
	o := &order{
		verb: status.Failback, kind: status.Failback, lines: true, words: []string{status.OverwriteNewer, status.LeaveFiles},
		submit: func(ctx context.Context, c *api.Client, o *order) (plan.Record, error) {
			return c.Failback(ctx, o.server, o.reason, o.accept)
		},
		effect: homecoming,
	}
	cmd := p.orderCommand(o)
	cmd.Use = "failback SERVER"
	cmd.Short = "Bring a server's data and its role back after a takeover"
	cmd.Long = `One operation from the standby that stands in to the primary that serves:

  while the users work   the primary is back, and does not hold its service
                         address; both hosts are asked about everything; the
                         files that there are by now are brought to the primary
  the final stop         the stand-in is stopped; its databases, and what has
                         changed of the files, are brought to the primary; the
                         service address is dropped
  the point of no return the primary's application is started by its agent,
                         where the agent's configuration names one; otherwise
                         you start it now
  afterwards             when the primary answers pings of its service address,
                         it is OK, and is replicated from live again

The primary has to be reached by its management_address or agent, since the
standby has its service address; its application must not run. Databases are
copied in the final stop, all of them: how long that takes is how long nobody
serves. The end says how long it was.

Until the application is started everything is taken back if a step fails, if
you cancel it (failoverd operation cancel ID), or if failoverd crashes before
the first database was exchanged: the stand-in goes on with its data, and an
operation ordered again begins anew; files that have come do not come again.
If only the start of the application fails, start it on the primary by hand.

On a terminal the plan is shown first, then a question is asked that names both
hosts and what is overwritten; where newer data would be set aside, the server's
name must be typed. --yes answers the question and nothing else: a failed check
still needs its --accept. Without a terminal, --yes is needed.

The steps are shown as they end, with progress. With --json the operation is
printed anew, one document a line, whenever something about it has changed.
Ctrl-C leaves the client, not the operation.`
	cmd.Example = `  failoverd failback DEMOSERVER --dry-run
  failoverd failback DEMOSERVER --reason "power supply replaced"
  failoverd failback DEMOSERVER --yes --accept overwrite-newer`
	return cmd
}

// homecoming is what the question before a failback says.
func homecoming(s status.Server, standby string, v status.Preview) string {
	var parts, then []string
	if len(v.Crossings) > 0 {
		parts = append(parts, cargo(v.Crossings))
		then = append(then, " The databases on "+s.Name+" are replaced, and kept as previous.")
	}
	if len(v.Trees) > 0 {
		parts = append(parts, load(v.Trees))
		then = append(then, " "+aside(s.Name, v.Trees))
	}
	text := fmt.Sprintf("Fail %s back? %s --> %s: %s.%s Nobody serves during the final stop", s.Name, standby, s.Name,
		or(strings.Join(parts, "; "), "no data, the role only"), strings.Join(then, ""))
	for _, step := range v.Steps {
		if step.Name == "application" {
			return text + "; the start of the application on " + s.Name + " is the POINT OF NO RETURN."
		}
	}
	return text + "; when its application is started on " + s.Name + ", by you, there is no way back."
}

// afterFailback is what a person does after a failback that succeeded.
func afterFailback(r plan.Record) string {
	text := fmt.Sprintf("%s has the standby's data and its role.", r.Server)
	d := r.Step("application")
	if d == nil || strings.Contains(d.Note, "by hand") {
		text += " Start its application there now, with its service address."
	}
	return text + fmt.Sprintf(" To see that it serves: failoverd status %s", r.Server)
}
