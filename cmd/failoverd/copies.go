package main

import (
	"fmt"
	"io"
	"strings"

	"failoverd/plan"
	"failoverd/status"
)

// ageOf is the age of a copy beside its limit: "11 h 4 m (at most 1 d 12 h)".
func ageOf(c status.Copy) string {
	if c.Age == nil {
		return "never completed"
	}
	text := duration(seconds(*c.Age))
	if c.MaxAge != nil {
		text += " (at most " + duration(seconds(*c.MaxAge)) + ")"
	}
	return text
}

// dataOf is a server's data in one field: the age of its oldest copy, and what is wrong with any. The record is that of
// the replication that runs, if it could be had.
func dataOf(s status.Server, running *plan.Record) (string, colour) {
	if len(s.Copies) == 0 {
		return "", noColour
	}
	oldest, late, broken := s.Copies[0], false, false
	for _, c := range s.Copies {
		if oldest.Age != nil && (c.Age == nil || *c.Age > *oldest.Age) {
			oldest = c
		}
		late = late || c.Late
		broken = broken || c.Attempt != nil && !c.Attempt.OK
	}
	text, paint := ageOf(oldest), noColour
	switch {
	case s.Diverged:
		return "newer than the primary's", violet
	case oldest.Age == nil:
		text, paint = "never copied", red
	case late:
		text, paint = "LATE, "+text, yellow
	case broken:
		text, paint = text+", last attempt FAILED", yellow
	}
	if s.Replication != "" {
		text += ", " + runningNow(running)
	}
	return text, paint
}

// runningNow is how far the replication that runs has come.
func runningNow(r *plan.Record) string {
	switch {
	case r == nil:
		return "replication runs"
	case r.State == plan.Queued:
		return r.Kind + " waits for its turn"
	case r.Progress == nil:
		return r.Kind + " runs"
	}
	return r.Kind + " runs: " + progressOf(*r.Progress)
}

// progressOf is how far a step has come, as far as it is known:
// "data of public.calls, 1.2 GiB of 3.4 GiB (35 %), 88.0 MiB/s, 24 s left".
func progressOf(p plan.Progress) string {
	what := or(p.Phase, p.Step)
	if p.Object != "" {
		what += " of " + p.Object
	}
	parts := []string{what}
	switch {
	case p.Total > 0:
		done := size(p.Done) + " of " + size(p.Total)
		if p.Percent != nil {
			done += fmt.Sprintf(" (%.0f %%)", *p.Percent)
		}
		parts = append(parts, done)
	case p.Done > 0:
		parts = append(parts, size(p.Done))
	}
	if p.Rows > 0 {
		parts = append(parts, fmt.Sprintf("%d rows", p.Rows))
	}
	if p.Rate > 0 {
		parts = append(parts, size(int64(p.Rate))+"/s")
	}
	if p.Remaining != nil {
		parts = append(parts, duration(seconds(*p.Remaining))+" left")
	}
	return strings.Join(parts, ", ")
}

// writeCopies prints the standby's copies of a server's databases.
func (p *program) writeCopies(w io.Writer, colours palette, s status.Server, running *plan.Record) {
	if len(s.Copies) == 0 {
		return
	}
	line(w, "Copies of its databases:")
	t := table{indent: "  "}
	for _, c := range s.Copies {
		paint := green
		switch {
		case c.Age == nil:
			paint = red
		case c.Late:
			paint = yellow
		}
		t.add(cell{c.Catalog, bold}, cell{text: c.Engine}, cell{ageOf(c), paint}, cell{text: "next " + p.maybe(c.Next, "by order only")}, cell{text: "here " + c.Name})
	}
	t.write(w, colours)
	for _, c := range s.Copies {
		if c.Snapshot != nil {
			line(w, "  %s: as it was at %s, verified %s: %s", c.Catalog, p.clock(*c.Snapshot), p.maybe(c.Verified, "never"), or(verifiedOf(c), "nothing known"))
		}
		if c.Previous != nil {
			line(w, "  %s: previous copy of %s is kept", c.Catalog, p.clock(*c.Previous))
		}
		if a := c.Attempt; a != nil && !a.OK {
			fmt.Fprintln(w, "  "+colours.paint(yellow, plain(fmt.Sprintf("%s: %s FAILED at %s: %s", c.Catalog, a.Kind, p.clock(a.At), a.Error))))
		}
	}
	if s.Replication != "" {
		line(w, "  Now: %s.  failoverd operation watch %s", runningNow(running), s.Replication)
	}
}

// verifiedOf is what the verification of a copy found, and whether the source had changed.
func verifiedOf(c status.Copy) string {
	parts := []string{count(c.Tables, "table", "tables"), fmt.Sprintf("%d rows", c.Rows), size(c.Bytes) + " travelled"}
	if c.Check != "" {
		parts = append(parts, c.Check)
	}
	switch c.Source {
	case "unchanged":
		parts = append(parts, "the source had not changed since the copy before")
	case "changed":
		parts = append(parts, "the source had changed")
	}
	return strings.Join(parts, ", ")
}

// commandOf is the command that orders an action.
func commandOf(action string) string {
	if direction, ok := strings.CutPrefix(action, "replicate-"); ok {
		return "replicate " + direction
	}
	if action == "rollback" {
		return "replicate rollback"
	}
	return action
}
