package main

import (
	"fmt"
	"io"

	"failoverd/status"
)

// lagOf is how far a copy of files is behind: "as its source", "12 s behind".
func lagOf(t status.Tree) string {
	switch {
	case t.Lag == nil:
		return "never complete"
	case *t.Lag < 1:
		return "as its source"
	}
	return duration(seconds(*t.Lag)) + " behind"
}

// treeColour is the colour of a copy of files.
func treeColour(t status.Tree) colour {
	switch {
	case t.Diverged:
		return violet
	case t.Ailment != "" || t.State == "failing":
		return yellow
	case t.State == "current":
		return green
	}
	return noColour
}

// filesOf is a server's files in one field: the copy that is worst off.
func filesOf(s status.Server) (string, colour) {
	if len(s.Trees) == 0 {
		return "", noColour
	}
	worst := s.Trees[0]
	for _, t := range s.Trees {
		if rank(t) > rank(worst) || rank(t) == rank(worst) && t.Lag != nil && worst.Lag != nil && *t.Lag > *worst.Lag {
			worst = t
		}
	}
	text := "files "
	switch {
	case worst.Diverged:
		text += "newer than the primary's"
	case worst.Ailment == "held":
		text += fmt.Sprintf("WAIT: %d deletions", worst.Held)
	case worst.Ailment == "root":
		text += "WAIT: another source"
	case worst.Ailment == "full":
		text += "WAIT: no room"
	case worst.Ailment == "late":
		text += "LATE, " + lagOf(worst)
	default:
		text += lagOf(worst)
	}
	return text, treeColour(worst)
}

// joinData is databases and files in one field, in the colour of what needs somebody.
func joinData(data string, paint colour, files string, filesPaint colour) (string, colour) {
	if data == "" {
		return files, filesPaint
	}
	if paint == noColour || paint == green {
		paint = filesPaint
	}
	return data + "; " + files, paint
}

// rank orders copies of files by how badly they need somebody.
func rank(t status.Tree) int {
	switch {
	case t.Ailment != "":
		return 4
	case t.Diverged:
		return 3
	case t.Lag == nil:
		return 2
	case t.State == "failing":
		return 1
	}
	return 0
}

// writeTrees prints the standby's copies of a server's files, a line each.
func (p *program) writeTrees(w io.Writer, colours palette, s status.Server) {
	if len(s.Trees) == 0 {
		return
	}
	line(w, "Copies of its files:")
	t := table{indent: "  "}
	for _, v := range s.Trees {
		t.add(cell{v.Name, bold}, cell{v.State, treeColour(v)}, cell{text: lagOf(v)}, cell{text: count(int(v.Files), "file", "files")},
			cell{text: "from " + v.Source}, cell{text: "here " + v.Directory})
	}
	t.write(w, colours)
	for _, v := range s.Trees {
		if v.Problem != "" {
			fmt.Fprintln(w, "  "+colours.paint(yellow, plain(v.Name+": "+v.Problem)))
		}
	}
}

// writeTree prints what is known of one copy of files, and what of it is not copied.
func (p *program) writeTree(w io.Writer, colours palette, server string, v status.Tree) {
	fmt.Fprintf(w, "\n%s\n", colours.paint(bold, plain(v.Name)))
	t := table{indent: "  "}
	t.row("As its source", p.maybe(v.Synced, "never"), "out of date when it is "+duration(seconds(v.MaxLag))+" behind")
	t.row("Came further", p.maybe(v.Changed, "not since the start"), size(int64(v.Received))+" received since the start")
	if v.Bytes > 0 {
		t.row("Source", size(int64(v.Bytes)))
	}
	if v.Limit > 0 {
		t.row("Limit", size(v.Limit)+"/s configured for this time of day")
	}
	if v.Missing > 0 {
		t.row("Missing", count(v.Missing, "path", "paths"))
	}
	if v.Held > 0 {
		t.row("Held back", count(v.Held, "deletion", "deletions"), fmt.Sprintf("failoverd files confirm-deletions %s %s", server, v.Name))
	}
	if v.Ailment == "root" {
		t.row("Another source", v.Source, fmt.Sprintf("failoverd files accept-source %s %s", server, v.Name))
	}
	if v.Diverged {
		help := fmt.Sprintf("failoverd files discard-diverged %s %s", server, v.Name)
		if v.By == "agent" {
			help = "failoverd replicate to-live " + server
		}
		t.row("Diverged", "the stand-in has written in it", help)
	}
	t.write(w, colours)
	if len(v.Failed) > 0 {
		line(w, "  Not copied:")
		failed := table{indent: "    "}
		for _, f := range v.Failed {
			failed.row(f.Path, f.Reason)
		}
		failed.write(w, colours)
	}
}
