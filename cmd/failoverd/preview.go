package main

import (
	"fmt"
	"io"

	"failoverd/api"
	"failoverd/plan"
	"failoverd/status"
)

// writePreview prints a plan that has not run.
func (p *program) writePreview(w io.Writer, colours palette, v status.Preview) {
	line(w, "If %s were %s now (%s):", v.Server, passive(v.Kind), p.stamp(v.At))
	t := table{indent: "  "}
	for i, s := range v.Steps {
		result := cell{"ok", green}
		switch {
		case s.Blocked && s.Accept != "":
			result = cell{"stops here unless --accept " + s.Accept, red}
		case s.Blocked:
			result = cell{"STOPS HERE", red}
		}
		t.add(cell{text: fmt.Sprint(i + 1)}, cell{s.Name, bold}, cell{text: willOf(s)}, result)
	}
	t.write(w, colours)
	writeCrossings(w, colours, v.Crossings)
	writeTreeCrossings(w, colours, v.Trees)
	if len(v.Skips) > 0 {
		if v.Kind == status.Drill {
			line(w, "What is left out:")
		} else {
			line(w, "Your order skips:")
		}
		for _, s := range v.Skips {
			line(w, "  %s", s)
		}
	}
	if v.Refused && len(v.Checks) > 0 {
		line(w, "Checks that refuse it:")
		writeChecks(w, v.Checks, colours)
	}
}

// writeResult says what the plan comes to.
func writeResult(w io.Writer, colours palette, v status.Preview) {
	result := "Result: it would run."
	if v.Refused {
		result = colours.paint(red, "Result: REFUSED as it stands.")
	}
	fmt.Fprintln(w, result+"  Nothing was changed.  A dry run is a check of conditions, not a promise.")
}

// willOf is what a step would do, and what was found if that matters.
func willOf(s plan.Shown) string {
	text := or(s.Will, s.Title)
	if s.Value != "" {
		text += "; " + limited(s.Value, s.Limit)
	}
	return text
}

// passive is what would have been done to a server.
func passive(kind string) string {
	switch kind {
	case api.Release:
		return "released"
	case status.Failback:
		return "failed back"
	case status.Handover:
		return "handed over"
	case status.RollBack:
		return "rolled back"
	case status.Drill:
		return "rehearsed"
	case status.FromLive:
		return "replicated from live"
	case status.ToLive:
		return "replicated to live"
	}
	return "taken over"
}

// writeCrossings prints what goes where, what is replaced there and what is newer there.
func writeCrossings(w io.Writer, colours palette, crossings []status.Crossing) {
	for i, c := range crossings {
		if i == 0 || c.From != crossings[i-1].From || c.To != crossings[i-1].To {
			line(w, "%s --> %s", c.From, c.To)
		}
		line(w, "  %s (%s): %s, %s --> %s", c.Catalog, c.Engine, c.FromName, amount(c.Tables, c.Bytes), c.ToName)
		if c.Overwrites == "" {
			line(w, "    replaces nothing: there is no %s yet", c.ToName)
		} else {
			line(w, "    replaces %s, which is kept as previous", c.Overwrites)
		}
		for _, n := range c.Newer {
			rows := "rows not counted"
			if n.Rows >= 0 {
				rows = count(int(n.Rows), "row", "rows")
			}
			text := fmt.Sprintf("NEWER there: %s, %s", n.Table, rows)
			if n.Detail != "" {
				text += " (" + n.Detail + ")"
			}
			fmt.Fprintln(w, "    "+colours.paint(red, plain(text)))
		}
		for _, problem := range c.Problems {
			fmt.Fprintln(w, "    "+colours.paint(yellow, plain(problem)))
		}
	}
}

// writeTreeCrossings prints which files go back where, and what only the primary has.
func writeTreeCrossings(w io.Writer, colours palette, list []status.TreeCrossing) {
	counted := func(files, bytes int64) string {
		if files < 0 {
			return "files not counted"
		}
		return count(int(files), "file", "files") + ", " + size(bytes)
	}
	for i, t := range list {
		if i == 0 || t.From != list[i-1].From || t.To != list[i-1].To {
			line(w, "%s --> %s", t.From, t.To)
		}
		line(w, "  files %s: %s, %s --> %s", t.Tree, t.FromDir, counted(t.Files, t.Bytes), t.ToDir)
		if t.Problem == "" {
			line(w, "    there now: %s", counted(t.There, t.ThereBytes))
		} else {
			fmt.Fprintln(w, "    "+colours.paint(yellow, plain(t.Problem)))
		}
		if t.Alone > 0 {
			fmt.Fprintln(w, "    "+colours.paint(yellow, plain(fmt.Sprintf("ONLY there: %s, set aside and kept", counted(t.Alone, t.AloneBytes)))))
		}
	}
}
