package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

// statusCommand is `failoverd status`.
func (p *program) statusCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status [SERVER...]",
		Short: "Everything in one screen, what needs attention last",
		Long: `Shows the standby, every server, and last what needs a person, each with the
command that helps.

The marks before the servers:
  v  up, and a takeover would succeed    >  the standby is standing in
  !  look at it                          x  down, and nobody serves it
  =  suspended                           -  stopped

Exit code: 0 all ready, 3 attention, 4 a server is down and nobody serves it.
With names of servers, the screen and the exit code are about these and about
the standby itself.

--watch draws the screen anew whenever something happens, until Ctrl-C. With
--json it prints one document a line.`,
		Example: `  failoverd status
  failoverd status DEMOSERVER --json | jq -r .servers[0].state
  failoverd status --watch`,
		Args:              names("SERVER", 0, -1),
		ValidArgsFunction: p.serverNames(true),
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "draw it anew whenever something happens")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		if watch {
			return p.watchStatus(ctx, client, args)
		}
		snapshot, err := p.snapshot(ctx, client, args)
		if err != nil {
			return err
		}
		if p.global.json {
			err = p.document(snapshot)
		} else {
			p.writeStatus(p.out, p.colours(), snapshot, replications(ctx, client, snapshot.Servers...))
		}
		if exit := exitOfVerdict(snapshot.Verdict); err == nil && exit != exitDone {
			return answer(exit)
		}
		return err
	})
	return cmd
}

// snapshot asks for the status and narrows it to some servers.
func (p *program) snapshot(ctx context.Context, client *api.Client, only []string) (status.Snapshot, error) {
	s, err := client.Status(ctx)
	if err != nil {
		return s, err
	}
	if len(only) == 0 {
		return s, nil
	}
	for _, name := range only {
		if !slices.ContainsFunc(s.Servers, func(v status.Server) bool { return v.Name == name }) {
			return s, p.noServer(name, s.Servers)
		}
	}
	return narrow(s, only), nil
}

// narrow keeps what concerns some servers and the standby itself. The verdict
// follows from what is left: a server that is down counts only if it is shown.
func narrow(s status.Snapshot, only []string) status.Snapshot {
	s.Servers = slices.DeleteFunc(slices.Clone(s.Servers), func(v status.Server) bool { return !slices.Contains(only, v.Name) })
	s.Attention = slices.DeleteFunc(slices.Clone(s.Attention), func(n status.Notice) bool {
		return n.Server != "" && !slices.Contains(only, n.Server)
	})
	if s.Verdict == status.Uncovered && !slices.ContainsFunc(s.Servers, nobodyServes) {
		s.Verdict = status.Attention
	}
	if s.Verdict == status.Attention && len(s.Attention) == 0 {
		s.Verdict = status.AllReady
	}
	return s
}

// nobodyServes reports whether a server is down and the standby does not stand
// in for it.
func nobodyServes(s status.Server) bool {
	return s.State == "Failure" && s.Role != "standing in"
}

// noServer is the error for a server that is not there.
func (p *program) noServer(name string, there []status.Server) error {
	var known []string
	for _, s := range there {
		known = append(known, s.Name)
	}
	detail := fmt.Sprintf("there is no server %s; there are: %s", name, strings.Join(known, ", "))
	if len(known) == 0 {
		detail = fmt.Sprintf("there is no server %s; none is configured", name)
	}
	return &failure{code: status.NotFound, detail: detail, try: "failoverd status"}
}

// replications are the records of the replications that run, by server. One that
// cannot be had is left out: the screen does not wait for it.
func replications(ctx context.Context, client *api.Client, servers ...status.Server) map[string]*plan.Record {
	running := map[string]*plan.Record{}
	for _, s := range servers {
		if s.Replication == "" {
			continue
		}
		if r, err := client.Operation(ctx, s.Replication); err == nil {
			running[s.Name] = &r
		}
	}
	return running
}

// writeStatus draws the screen.
func (p *program) writeStatus(w io.Writer, colours palette, s status.Snapshot, running map[string]*plan.Record) {
	line(w, "%s", p.headline(s))
	if i := s.Standby.Isolated; i != nil {
		line(w, "ISOLATED since %s: %s", p.clock(i.Since), i.Reason)
	}
	if i := s.Standby.Inhibited; i != nil {
		line(w, "Nothing is decided until %s: %s", p.clock(i.Until), i.Reason)
	}
	fmt.Fprintln(w)
	if len(s.Servers) == 0 {
		line(w, "No servers are configured in %s.", or(s.Standby.Config.File, "the configuration"))
	} else {
		t := table{}
		head := []string{"", "SERVER", "STATE", "SERVED BY", "ADDRESS", "PING", "READINESS"}
		if slices.ContainsFunc(s.Servers, func(v status.Server) bool { return len(v.Copies)+len(v.Trees) > 0 }) {
			head = append(head, "AGE OF DATA")
		}
		t.row(head...)
		for _, v := range s.Servers {
			mark, paint := markOf(v)
			age, old := dataOf(v, running[v.Name])
			if files, paint := filesOf(v); files != "" {
				age, old = joinData(age, old, files, paint)
			}
			t.add(cell{mark, paint}, cell{v.Name, bold}, cell{p.stateOf(v), paint}, cell{text: p.servedBy(v)},
				cell{text: v.Address}, cell{text: pings(v)}, cell{text: readinessOf(v)}, cell{age, old})
		}
		t.write(w, colours)
	}
	fmt.Fprintln(w)
	p.writeAttention(w, colours, s.Attention)
}

// headline is the standby in one line.
func (p *program) headline(s status.Snapshot) string {
	b := s.Standby
	parts := []string{
		fmt.Sprintf("failoverd %s, up %s", b.Version, duration(s.GeneratedAt.Sub(b.StartedAt))),
		"standing in for " + occupied(b),
	}
	if len(b.Waiting) > 0 {
		parts = append(parts, "waiting: "+joined(b.Waiting))
	}
	switch {
	case b.Isolated != nil:
		parts = append(parts, "network ISOLATED")
	case !b.Interface.Up:
		parts = append(parts, "network "+b.Interface.Name+" DOWN")
	default:
		parts = append(parts, "network ok")
	}
	parts = append(parts, "mail "+p.mailOf(b.Mail))
	if !b.Journal.OK {
		parts = append(parts, "journal FAILS: "+b.Journal.Error)
	}
	if b.Config.Error != "" {
		parts = append(parts, "configuration REJECTED")
	}
	return b.Name + "   " + strings.Join(parts, "   ")
}

// occupied says for whom the standby stands in, and how many it could.
func occupied(b status.Standby) string {
	if len(b.StandingIn) == 0 {
		return fmt.Sprintf("none (capacity %d)", b.Capacity)
	}
	return fmt.Sprintf("%s (capacity %d)", joined(b.StandingIn), b.Capacity)
}

// mailOf is the state of the alerts' way out.
func (p *program) mailOf(m status.Mail) string {
	if !m.Configured {
		return "NOT CONFIGURED"
	}
	text := "ok"
	if !m.OK {
		text = "FAILS" // why is among what needs attention
	}
	var more []string
	if m.Pending > 0 {
		more = append(more, fmt.Sprintf("%d waiting since %s", m.Pending, p.maybe(m.Oldest, "just now")))
	}
	if m.LastSent != nil {
		more = append(more, "last sent "+p.clock(*m.LastSent))
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return text
}

// writeAttention lists what needs a person, with the command that helps.
func (p *program) writeAttention(w io.Writer, colours palette, notices []status.Notice) {
	if len(notices) == 0 {
		line(w, "Nothing needs attention.")
		return
	}
	line(w, "Attention:")
	t := table{indent: "  "}
	for _, n := range notices {
		paint := yellow
		if n.Severity == "critical" {
			paint = red
		}
		t.add(cell{or(n.Server, "standby"), paint}, cell{text: n.Text}, cell{n.Help, bold})
	}
	t.write(w, colours)
}
