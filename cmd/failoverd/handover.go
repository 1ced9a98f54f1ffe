package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
	"failoverd/takeover"
)

// handoverCommand is `failoverd handover`.
func (p *program) handoverCommand() *cobra.Command {
	o := &order{
		verb: status.Handover, kind: status.Handover, lines: true, words: []string{takeover.StopByHand},
		submit: func(ctx context.Context, c *api.Client, o *order) (plan.Record, error) {
			return c.Handover(ctx, o.server, o.reason, o.accept)
		},
		effect: leavetaking,
	}
	cmd := p.orderCommand(o)
	cmd.Use = "handover SERVER"
	cmd.Short = "Move a server that lives to the standby, and lose nothing"
	cmd.Long = `A planned takeover of a server that serves: one operation from the primary that
is to be switched off to the standby that stands in. Where the primary has failed
already, it is failover that helps.

  while the users work   the primary answers, and its agent can stop its
                         application; both hosts are asked about everything; the
                         copies of the files catch up
  the final stop         the application is stopped by the agent, and the primary
                         has to give its service address up; what has changed of
                         the files, and the databases, are brought to the
                         standby, which takes the address
  the point of no return the stand-in is started: what users write from then on,
                         only the standby has
  afterwards             the standby stands in, as after a takeover; failback
                         brings everything back

The service address belongs to what the agent stops, or you take it off the
primary when the step "gone" waits for it, ten minutes at most. Where no agent
stops the application, --accept stop-by-hand is your promise to stop it then,
before you take the address off. What is asked for at the primary, databases and
agent, must be reached by an address that stays there. Databases are copied in
the final stop, all of them: how long that takes is how long nobody serves. The
end says how long it was.

Until the stand-in runs everything is taken back if a step fails, if you cancel
it (failoverd operation cancel ID), or if failoverd crashes before the first copy
was put in service: the agent starts the primary's application again, with data
that was complete all the time.

On a terminal the plan is shown first, then a question is asked that names both
hosts. --yes answers the question and nothing else: a failed check still needs
its --accept. Without a terminal, --yes is needed.

The steps are shown as they end, with progress. With --json the operation is
printed anew, one document a line, whenever something about it has changed.
Ctrl-C leaves the client, not the operation.`
	cmd.Example = `  failoverd handover DEMOSERVER --dry-run
  failoverd handover DEMOSERVER --reason "new power supply"
  failoverd handover DEMOSERVER --yes --accept stop-by-hand`
	return cmd
}

// leavetaking is what the question before a hand-over says.
func leavetaking(s status.Server, standby string, v status.Preview) string {
	var parts []string
	if len(v.Crossings) > 0 {
		parts = append(parts, cargo(v.Crossings))
	}
	if n := len(s.Trees); n > 0 {
		parts = append(parts, "what has changed of "+count(n, "tree of files", "trees of files"))
	}
	who := "you stop its application, and take its service address off, when it waits for that"
	for _, step := range v.Steps {
		if step.Name == takeover.StepLeave && !strings.HasPrefix(step.Will, "nothing") {
			who = "its agent stops its application"
		}
	}
	text := fmt.Sprintf("Hand %s over? %s --> %s: %s; %s.", s.Name, s.Name, standby, or(strings.Join(parts, "; "), "no data, the role only"), who)
	if s.AssumeAddress {
		text += fmt.Sprintf(" %s then answers for %s.", standby, strings.Join(s.ServiceAddresses, ", "))
	}
	return text + " Nobody serves during the final stop; the start of the stand-in is the POINT OF NO RETURN."
}

// afterHandover is what a person does after a hand-over that succeeded.
func afterHandover(r plan.Record) string {
	return fmt.Sprintf("The standby stands in for %s, with all of its data. Keep its application and its service address down there. To bring it back: failoverd failback %s", r.Server, r.Server)
}
