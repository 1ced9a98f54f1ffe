package standby

import (
	"fmt"
	"strings"
	"time"

	"failoverd/config"
	"failoverd/monitor"
	"failoverd/replicate/trees"
	"failoverd/status"
)

// treeViews are the copies of files as people see them.
func (v *sight) treeViews(read func(server, tree string) trees.Status, now time.Time) []status.Tree {
	list := []status.Tree{}
	for i, tree := range v.trees {
		list = append(list, v.treeView(tree, v.config.Files[i], read(tree.Server, tree.Name), now))
	}
	return list
}

func (v *sight) treeView(tree trees.Tree, c config.FileTree, s trees.Status, now time.Time) status.Tree {
	maxLag := c.MaxLag.Seconds()
	out := status.Tree{
		Name: tree.Name, Directory: tree.Directory, Source: tree.Path, By: "path",
		Connected: s.Connected, Files: s.Files, Bytes: s.Bytes, Received: s.Received, Missing: s.Missing, Held: s.Held,
		MaxLag: maxLag, Problem: s.Problem, Failed: []status.FailedPath{}, Diverged: v.treeFacts[tree.Name].Diverged, Limit: tree.Bandwidth.At(now),
	}
	if tree.Agent != "" {
		out.Source, out.By = tree.Agent, "agent"
	}
	if lag, known := s.Lag(now); known {
		seconds, at := lag.Seconds(), s.Synced
		out.Lag, out.Synced = &seconds, &at
	}
	if !s.Changed.IsZero() {
		at := s.Changed
		out.Changed = &at
	}
	for _, p := range s.Failed {
		out.Failed = append(out.Failed, status.FailedPath{Path: strings.ToValidUTF8(p.Path, "\ufffd"), Reason: strings.ToValidUTF8(p.Reason, "\ufffd")})
	}
	what := undecided
	if s.Following {
		var reason string
		if what, reason = ails(s, tree.Server, tree.Name, c.MaxLag, now); what != healthy && what != undecided {
			out.Ailment = string(what)
			if out.Problem == "" {
				out.Problem = strings.TrimPrefix(reason, tree.Name+": ")
			}
		}
	}
	switch {
	case out.Diverged:
		out.State = "diverged"
	case !s.Following:
		out.State = "resting"
	case !s.Connected && s.Problem != "":
		out.State = "failing"
	case s.Listing:
		out.State = "comparing"
	case s.Current:
		out.State = "current"
	default:
		out.State = "copying"
	}
	return out
}

// fileChecks asks of a server's trees: would the stand-in find its files?
func (v *sight) fileChecks(views []status.Tree) []status.Check {
	var checks []status.Check
	server := v.config.Name
	for _, t := range views {
		check := status.Check{Name: "files " + t.Name, Result: "warning", Limit: "as its source", Help: "failoverd files " + server}
		help := func(verb string) string { return fmt.Sprintf("failoverd files %s %s %s", verb, server, t.Name) }
		switch {
		case t.Diverged:
			check.Value, check.Help = "the stand-in has written in it, and nothing comes from live (diverged)", help("discard-diverged")
			if t.By == "agent" {
				check.Help = "failoverd replicate to-live " + server
			}
		case v.facts.Mode != monitor.Active:
			check.Value, check.Help = "not followed while "+server+" is "+v.facts.Mode.String(), "failoverd resume "+server
		case t.Ailment == string(wrongRoot):
			check.Value, check.Help = t.Problem, help("accept-source")
		case t.Ailment == string(heldBack):
			check.Value, check.Help = fmt.Sprintf("%d deletions wait to be confirmed", t.Held), help("confirm-deletions")
		case t.Ailment != "":
			check.Value = t.Problem
		case t.Synced == nil:
			check.Value = fmt.Sprintf("never complete; %d files so far", t.Files)
			if t.Problem != "" {
				check.Value += ": " + t.Problem
			}
		default:
			check.Result = "ok"
			check.Value = fmt.Sprintf("%d files, %s behind", t.Files, time.Duration(*t.Lag*float64(time.Second)).Round(time.Second))
		}
		checks = append(checks, check)
	}
	return checks
}

// fileNotices are the copies of files that need a person.
func fileNotices(server status.Server, add func(severity, server, text, help string)) {
	for _, t := range server.Trees {
		if t.Ailment == "" {
			continue
		}
		help := "failoverd files " + server.Name
		switch ailment(t.Ailment) {
		case wrongRoot:
			help = fmt.Sprintf("failoverd files accept-source %s %s", server.Name, t.Name)
		case heldBack:
			help = fmt.Sprintf("failoverd files confirm-deletions %s %s", server.Name, t.Name)
		}
		add("warning", server.Name, "files "+t.Name+": "+t.Problem, help)
	}
}
