package standby

import (
	"fmt"
	"time"

	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/replicate/trees"
)

// ailment is what is wrong with the copy of a tree, so that somebody should know.
type ailment string

// The ailments, the worst first.
const (
	wrongRoot  ailment = "root" // the source is another directory than it was
	noRoom     ailment = "full" // the disk has no room beside the reserve
	heldBack   ailment = "held" // deletions wait to be confirmed
	outOfDate  ailment = "late" // it has been behind for longer than max_lag
	healthy    ailment = ""
	undecided  ailment = "undecided" // nothing is wrong, and the copy is not known to be as its source
	filesActor         = "files"
)

// ails says what is wrong with a copy that is followed, and why.
func ails(s trees.Status, server, tree string, maxLag time.Duration, now time.Time) (ailment, string) {
	lag, known := s.Lag(now)
	long := !s.Since.IsZero() && now.Sub(s.Since) > maxLag
	switch {
	case s.Root:
		return wrongRoot, fmt.Sprintf("%s: %s. Nothing was deleted here. If it is right as it is: failoverd files accept-source %s %s", tree, s.Problem, server, tree)
	case s.Full:
		return noRoom, fmt.Sprintf("%s: %s", tree, reasonOf(s))
	case s.Held > 0:
		return heldBack, fmt.Sprintf("%s: %d deletions wait, more than the brake lets pass. If they are right: failoverd files confirm-deletions %s %s", tree, s.Held, server, tree)
	case known && lag > maxLag && long:
		return outOfDate, fmt.Sprintf("%s: %s behind its source (max_lag %s)%s", tree, lag.Round(time.Second), maxLag, because(s))
	case !known && long && now.Sub(later(s.Since, s.Changed)) > maxLag:
		return outOfDate, fmt.Sprintf("%s: it was never complete, and has come no further for %s%s", tree, now.Sub(later(s.Since, s.Changed)).Round(time.Second), because(s))
	case s.Current:
		return healthy, ""
	}
	return undecided, ""
}

// reasonOf is the reason of the first path that failed.
func reasonOf(s trees.Status) string {
	if len(s.Failed) == 0 {
		return s.Problem
	}
	return fmt.Sprintf("%q: %s", s.Failed[0].Path, s.Failed[0].Reason)
}

// because is why a copy is behind, as far as that is known.
func because(s trees.Status) string {
	switch {
	case s.Problem != "":
		return ": " + s.Problem
	case len(s.Failed) > 0:
		return ": " + reasonOf(s)
	}
	return ""
}

// told is how each ailment is said.
func told(a ailment, server string) journal.Event {
	switch a {
	case wrongRoot:
		return journal.Event{Kind: "files.root", Severity: "critical", Message: server + ": the source of a tree of files is not the directory that it was"}
	case noRoom:
		return journal.Event{Kind: "files.full", Severity: "warning", Message: server + ": files are not copied: the disk has no room beside the reserve"}
	case heldBack:
		return journal.Event{Kind: "files.held", Severity: "warning", Message: server + ": deletions of files are held back"}
	case outOfDate:
		return journal.Event{Kind: "files.late", Severity: "warning", Message: server + ": the copy of a tree of files is out of date"}
	}
	return journal.Event{Kind: "files.current", Severity: "info", Message: server + ": the copy of a tree of files is as its source again"}
}

// watchTrees looks how the copies of a server's files fare, and says what has changed.
func (t *turn) watchTrees(v *server) {
	s := t.s
	for i, tree := range v.trees {
		known := v.tree(tree.Name)
		if !v.knows(tree.Name) {
			t.keepTree(v, tree.Name, known)
		}
		if !following(&v.facts) || known.Diverged {
			continue
		}
		now := s.deps.Trees.Status(v.config.Name, tree.Name)
		if known.Accept && now.Connected {
			known.Accept = false
			t.keepTree(v, tree.Name, known)
		}
		what, reason := ails(now, v.config.Name, tree.Name, v.config.Files[i].MaxLag, t.now)
		if what == undecided || what == known.Told {
			continue
		}
		if what == healthy {
			reason = tree.Name
		}
		known.Told = what
		t.keepTree(v, tree.Name, known)
		e := told(what, v.config.Name)
		e.Server, e.Reason, e.Actor = v.config.Name, reason, actor(automatic(filesActor))
		e.Evidence = map[string]any{evidenceTree: tree.Name}
		t.note(e, true)
	}
	if v.facts.Role == monitor.StandingBy {
		t.after(func() { s.follow(v) }) // whatever happened meanwhile
	}
}
