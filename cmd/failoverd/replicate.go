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

// replicateCommand is `failoverd replicate`.
func (p *program) replicateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replicate",
		Short: "Copy a server's databases, in either direction, and its files back",
		Long: `Copies every database of a server that is configured. Live is the primary:
from-live makes the standby's copies anew, to-live brings the data that the
stand-in has worked on back to the primary, its files as well. A copy of a
database is complete or it is not there: it is made beside the one in service,
verified, and put in its place, and the one before is kept as previous.`,
		Example: "  failoverd replicate from-live DEMOSERVER\n  failoverd replicate to-live DEMOSERVER --dry-run\n  failoverd replicate rollback DEMOSERVER",
	}
	return group(cmd, p.fromLiveCommand(), p.toLiveCommand(), p.rollbackCommand())
}

// fromLiveCommand is `failoverd replicate from-live`.
func (p *program) fromLiveCommand() *cobra.Command {
	cmd := p.orderCommand(replication("replicate from-live", status.FromLive, func(s status.Server, standby string, v status.Preview) string {
		text := fmt.Sprintf("Replicate %s from live? %s --> %s: %s.", s.Name, s.Name, standby, cargo(v.Crossings))
		return text + " The copies on " + standby + " are replaced, and kept as previous."
	}))
	cmd.Use = "from-live SERVER"
	cmd.Short = "Copy the primary's databases to the standby now"
	cmd.Long = `Copies every database of the server from the primary to the standby, as the
nightly replication does. The primary goes on working. The copies that are in
service stay so until the new ones are complete and verified; they are kept as
previous until the next success.

After a takeover the standby's data is newer than the primary's (diverged), and
nothing is replicated from live: bring the data back first, by to-live. To give
up what was written on the standby instead: --accept discard-diverged.

` + replicationHelp
	cmd.Example = `  failoverd replicate from-live DEMOSERVER --dry-run
  failoverd replicate from-live DEMOSERVER --reason "before the upgrade"
  failoverd replicate from-live DEMOSERVER --yes --no-wait`
	return cmd
}

// toLiveCommand is `failoverd replicate to-live`.
func (p *program) toLiveCommand() *cobra.Command {
	cmd := p.orderCommand(replication("replicate to-live", status.ToLive, func(s status.Server, standby string, v status.Preview) string {
		var parts, then []string
		if len(v.Crossings) > 0 || len(v.Trees) == 0 {
			parts = append(parts, cargo(v.Crossings))
			then = append(then, " The databases on "+s.Name+" are replaced, and kept as previous.")
		}
		if len(v.Trees) > 0 {
			parts = append(parts, load(v.Trees))
			then = append(then, " "+aside(s.Name, v.Trees))
		}
		return fmt.Sprintf("Replicate %s to live? %s --> %s: %s.%s", s.Name, standby, s.Name, strings.Join(parts, "; "), strings.Join(then, ""))
	}))
	cmd.Use = "to-live SERVER"
	cmd.Short = "Bring the standby's data back to the primary"
	cmd.Long = `Copies every database of the server from the standby to the primary: the mirror
image of from-live. What the primary holds now is kept there as previous.

Files that the stand-in has worked on come back as well, where the primary's agent
has the tree and its configuration says writable. The tree becomes as the copy is.
What the primary had and the standby never had is set aside there, listed by
failoverd files set-aside, and restored one by one; what else goes stays in the
tree's trash there for 30 days at least. What is interrupted goes on where it was.
Afterwards the copy follows the primary again. To bring databases back only:
--accept leave-files.

The stand-in must not write any more: release the server first, and start the
primary's application only when this has ended. It is refused if the primary
holds data that is newer than the last copy; the refusal says which tables and
how many rows. To set that aside all the same: --accept overwrite-newer.

` + replicationHelp
	cmd.Example = `  failoverd release DEMOSERVER
  failoverd replicate to-live DEMOSERVER --dry-run
  failoverd replicate to-live DEMOSERVER --reason "primary repaired"`
	return cmd
}

// rollbackCommand is `failoverd replicate rollback`.
func (p *program) rollbackCommand() *cobra.Command {
	cmd := p.orderCommand(replication("replicate rollback", status.RollBack, func(s status.Server, standby string, _ status.Preview) string {
		var copies []string
		for _, c := range s.Copies {
			if c.Previous != nil {
				copies = append(copies, fmt.Sprintf("%s of %s in place of %s", c.Catalog, p.clock(*c.Previous), p.maybe(c.Snapshot, "none")))
			}
		}
		return fmt.Sprintf("Roll back %s? On %s the previous copies are put in service: %s. The present ones are dropped.",
			s.Name, standby, or(joined(copies), "as far as there are any"))
	}))
	cmd.Use = "rollback SERVER"
	cmd.Short = "Put the previous copies on the standby in service again"
	cmd.Long = `Takes the last replication from live back: on the standby the previous copies
are put in service again, and the present ones are dropped. It is for data that
turned out to be spoilt at the primary after it was copied. There is one previous
copy; a second rollback has nothing to go back to.

` + replicationHelp
	cmd.Example = `  failoverd show DEMOSERVER
  failoverd replicate rollback DEMOSERVER --reason "import went wrong at noon"`
	return cmd
}

// replicationHelp is what the help of all three says.
const replicationHelp = `On a terminal the plan is shown first, then a question is asked that names both
hosts and what is overwritten; where newer data would be given up, the server's
name must be typed. --yes answers the question and nothing else: a failed check
still needs its --accept. Without a terminal, --yes is needed.

The steps are shown as they end, with progress, rate and remaining time: on a
terminal all the time, elsewhere as a line a minute. With --json the operation is
printed anew, one document a line, whenever something about it has changed.
Ctrl-C leaves the client, not the operation.`

// replication is an order that moves data.
func replication(verb, kind string, effect func(status.Server, string, status.Preview) string) *order {
	words := map[string][]string{status.FromLive: {status.DiscardDiverged}, status.ToLive: {status.OverwriteNewer, status.LeaveFiles}}
	return &order{
		words: words[kind],
		verb:  verb, kind: kind, lines: true, effect: effect,
		submit: func(ctx context.Context, c *api.Client, o *order) (plan.Record, error) {
			return c.Replicate(ctx, o.server, o.kind, o.reason, o.accept)
		},
	}
}

// cargo sums up what crosses: "2 catalogs, 41 tables, 1.2 GiB".
func cargo(crossings []status.Crossing) string {
	tables, bytes := 0, int64(0)
	for _, c := range crossings {
		if c.Tables < 0 || tables < 0 {
			tables = -1
		} else {
			tables += c.Tables
		}
		if c.Bytes < 0 || bytes < 0 {
			bytes = -1
		} else {
			bytes += c.Bytes
		}
	}
	return count(len(crossings), "catalog", "catalogs") + ", " + amount(tables, bytes)
}

// load sums up the files that are brought back: "2 trees, 1200 files, 3.4 GiB".
func load(list []status.TreeCrossing) string {
	files, bytes := int64(0), int64(0)
	for _, t := range list {
		if t.Files < 0 {
			return count(len(list), "tree", "trees") + " of files, not counted"
		}
		files, bytes = files+t.Files, bytes+t.Bytes
	}
	return fmt.Sprintf("%s, %s, %s", count(len(list), "tree", "trees"), count(int(files), "file", "files"), size(bytes))
}

// aside says what becomes of what the primary has in these trees.
func aside(server string, list []status.TreeCrossing) string {
	files, bytes := int64(0), int64(0)
	for _, t := range list {
		if t.Alone < 0 {
			return "These trees on " + server + " become as the copies are; what only " + server + " has is set aside there."
		}
		files, bytes = files+t.Alone, bytes+t.AloneBytes
	}
	text := "These trees on " + server + " become as the copies are; "
	if files == 0 {
		return text + "as far as is known " + server + " has nothing there that the copies never had."
	}
	return fmt.Sprintf("%s%s (%s) that only %s has are set aside there.", text, count(int(files), "file", "files"), size(bytes), server)
}

// amount is a number of tables and their size, as far as they are known.
func amount(tables int, bytes int64) string {
	text := "tables not counted"
	if tables >= 0 {
		text = count(tables, "table", "tables")
	}
	if bytes < 0 {
		return text + ", size unknown"
	}
	return text + ", " + size(bytes)
}

// newer sums up what a target holds beyond the last copy, empty if nothing.
func newer(crossings []status.Crossing) string {
	tables, rows, uncounted := 0, int64(0), 0
	for _, c := range crossings {
		for _, n := range c.Newer {
			tables++
			if n.Rows < 0 {
				uncounted++
			} else {
				rows += n.Rows
			}
		}
	}
	switch {
	case tables == 0:
		return ""
	case uncounted > 0:
		return fmt.Sprintf("%s, %d rows and %s that cannot be counted", count(tables, "table", "tables"), rows, count(uncounted, "table", "tables"))
	}
	return fmt.Sprintf("%s, %s", count(tables, "table", "tables"), count(int(rows), "row", "rows"))
}

// lossOf says what data an order would give up, empty if none.
func (o *order) lossOf(v status.Preview, s status.Server, standby string) string {
	if !api.Replicates(o.kind) && o.kind != status.Failback {
		return ""
	}
	target := standby
	if o.kind != status.FromLive && o.kind != status.RollBack {
		target = s.Name
	}
	if n := newer(v.Crossings); n != "" {
		return fmt.Sprintf("%s HOLDS NEWER DATA (%s), which is set aside", target, n)
	}
	for _, a := range o.accept {
		switch a {
		case status.DiscardDiverged:
			return "What the stand-in wrote on " + standby + " is GIVEN UP"
		case status.OverwriteNewer:
			return "What " + target + " holds beyond the last copy is SET ASIDE"
		}
	}
	return ""
}
