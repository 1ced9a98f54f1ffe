package main

import (
	"fmt"
	"io"

	"failoverd/plan"
	"failoverd/status"
)

// writePreview prints a plan that has not run.
func (p *program) writePreview(w io.Writer, colours palette, v status.Preview) {
	passive := "taken over"
	if v.Kind == "release" {
		passive = "released"
	}
	line(w, "If %s were %s now (%s):", v.Server, passive, p.stamp(v.At))
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
	if len(v.Skips) > 0 {
		line(w, "Your order skips:")
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
