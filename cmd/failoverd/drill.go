package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

// drillCommand is `failoverd drill`.
func (p *program) drillCommand() *cobra.Command {
	cmd := p.orderCommand(&order{
		verb: "drill", kind: status.Drill, lines: true, harmless: true,
		submit: func(ctx context.Context, c *api.Client, o *order) (plan.Record, error) {
			return c.Drill(ctx, o.server, o.reason)
		},
	})
	cmd.Use = "drill SERVER"
	cmd.Short = "Rehearse a takeover of a server"
	cmd.Long = `Finds out whether a takeover of the server would work, without touching the
primary or the network: the copy of each database is copied once more beside the
one in service, under a name of its own; it is verified, fixed up, and opened;
and the program of drill.check is asked whether the application works on it, in
a network namespace of its own that holds the service addresses and has no way
out. What was made is dropped at the end. What fails does not end the drill:
it says everything that would have failed, and how long each step took.

A drill gives way: to a failure of the server and every takeover at once, and to
a replication of the server. One is made at a time. No question is asked: nothing
that is in service is changed. What is not rehearsed is said, and shown by
--dry-run: the start of the stand-in, and files, are not.

The steps are shown as they end, with progress; with --json the operation is
printed anew, one document a line, whenever something about it has changed. The
exit code is 0 if nothing failed and 1 if something did. Ctrl-C leaves the
client, not the drill.`
	cmd.Example = `  failoverd drill DEMOSERVER --dry-run
  failoverd drill DEMOSERVER --reason "after the upgrade"
  failoverd drill DEMOSERVER --no-wait`
	return cmd
}

// writeDrills prints when a takeover of a server was last rehearsed, and what came of it.
func (p *program) writeDrills(w io.Writer, colours palette, s status.Server) {
	d := s.Drills
	if d == nil {
		return
	}
	line(w, "Drills:")
	t := table{indent: "  "}
	switch last := d.Last; {
	case last == nil:
		t.row("Last", "none")
	case last.OK:
		t.row("Last", fmt.Sprintf("passed at %s in %s (%s)", p.clock(last.At), duration(seconds(last.Took)), last.Operation))
	default:
		t.add(cell{text: "Last"}, cell{fmt.Sprintf("FAILED at %s (%s): %s", p.clock(last.At), last.Operation, last.Error), red})
	}
	if d.Last != nil && len(d.Last.Left) > 0 {
		t.row("Not rehearsed", strings.Join(d.Last.Left, "; "))
	}
	proved := p.maybe(d.Proved, "never")
	if d.MaxAge != nil {
		proved += " (at most " + duration(seconds(*d.MaxAge)) + " ago)"
	}
	t.row("Proved", proved)
	t.row("Next", p.maybe(d.Next, "by order"))
	if d.Operation != "" {
		t.row("Running", d.Operation)
	}
	t.write(w, colours)
}
