package standby

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	"failoverd/alerts"
	"failoverd/journal"
	"failoverd/monitor"
	"failoverd/replicate"
	"failoverd/status"
)

// valueReported is where the journal keeps the local day of the last daily report.
const valueReported = "reported"

// reportOver is the time that a daily report is about.
const reportOver = 24 * time.Hour

// report has the daily report made when it is due, away from the loop, and sent in the turn that gets it. A day has one: it is
// written down with the event and its mail.
func (t *turn) report() {
	s := t.s
	clock, err := replicate.ParseClock(s.config.Alerts.DailyReport)
	if err != nil || s.reporting {
		return // none is wanted: what is written has been checked
	}
	_, day := clock.Due(t.now)
	switch {
	case day <= s.self.reported:
		return
	case s.self.reported == "":
		t.reported(day) // it was not wanted until now: the first one is the next one
		return
	}
	s.reporting = true
	directory := s.config.Standby.DataDir
	s.run(func() {
		e := s.compile(directory)
		s.box.put(func(t *turn) {
			s.reporting = false
			t.note(e, true)
			t.reported(day)
		})
	})
}

// reported has a day remembered as that of the last report.
func (t *turn) reported(day string) {
	t.value(valueReported, day)
	t.s.self.reported = day
}

// compile makes the event of a report. It does not belong to the loop.
func (s *Standby) compile(directory string) journal.Event {
	ctx, cancel := context.WithTimeout(s.stop, time.Minute)
	defer cancel()
	now := time.Now()
	snapshot := s.Snapshot()
	events, err := s.deps.Journal.Events(ctx, journal.EventQuery{Since: now.Add(-reportOver), Newest: true})
	headline, sections := reportOf(snapshot, events, err)
	sections = append(sections, alerts.Section{Title: "The standby", Lines: standbyLines(snapshot.Standby, diskLine(directory))})
	return journal.Event{
		Kind: alerts.Report, Severity: "info", Actor: actor(automatic("schedule")), Message: headline,
		Evidence: map[string]any{alerts.ReportEvidence: sections},
	}
}

// diskLine says how much is free where the data lies.
func diskLine(directory string) string {
	var v syscall.Statfs_t
	if err := syscall.Statfs(directory, &v); err != nil {
		return fmt.Sprintf("%s: cannot be looked at: %v", directory, err)
	}
	free, all := float64(v.Bavail)*float64(v.Bsize), float64(v.Blocks)*float64(v.Bsize)
	return fmt.Sprintf("%s: %.1f of %.1f GiB are free", directory, free/(1<<30), all/(1<<30))
}

// reportOf says how everything is and what happened lately: one sentence for the subject, and the sections. The events are
// the newest ones first; err is why they could not be read.
func reportOf(s status.Snapshot, events []journal.Event, err error) (headline string, sections []alerts.Section) {
	add := func(title string, lines []string) {
		if len(lines) > 0 {
			sections = append(sections, alerts.Section{Title: title, Lines: lines})
		}
	}
	var servers, data, drills, paused []string
	for _, v := range s.Servers {
		servers = append(servers, serverLine(v))
		for _, p := range v.Paths {
			servers = append(servers, v.Name+" by "+p.Address+": "+p.Outcome+roundTrip(p.RTT))
		}
		for _, c := range v.Copies {
			data = append(data, copyLine(v.Name, c))
		}
		for _, tree := range v.Trees {
			data = append(data, treeLine(v.Name, tree))
		}
		if v.Drills != nil {
			drills = append(drills, drillLine(v.Name, *v.Drills))
		}
		if v.Suspension != nil {
			paused = append(paused, pauseLine(v))
		}
	}
	if len(servers) == 0 {
		servers = []string{"none is configured"}
	}
	add("Servers", servers)
	add("Suspended", paused)
	add("The data", data)
	add("Drills", drills)
	add("The last 24 hours", lately(events, err))
	return headlineOf(s), sections
}

// headlineOf is the report in one sentence.
func headlineOf(s status.Snapshot) string {
	var down, look []string
	for _, v := range s.Servers {
		switch {
		case v.State == monitor.StateFailure.String() && v.Role != monitor.StandingIn.String():
			down = append(down, v.Name)
		case v.Readiness.Verdict != "ready" || v.Role != monitor.StandingBy.String():
			look = append(look, v.Name)
		}
	}
	switch {
	case len(down) > 0:
		return strings.Join(down, ", ") + " DOWN, and nobody serves"
	case len(look) > 0:
		return fmt.Sprintf("%d of %d servers ready, look at %s", len(s.Servers)-len(look), len(s.Servers), strings.Join(look, ", "))
	case s.Verdict != status.AllReady:
		return "look at the standby"
	case len(s.Servers) == 1:
		return "the server is ready"
	}
	return fmt.Sprintf("all %d servers are ready", len(s.Servers))
}

// serverLine is one server in a line: how it is, and whether a takeover would succeed.
func serverLine(v status.Server) string {
	text := fmt.Sprintf("%s: %s, the standby is %s; %s", v.Name, v.State, v.Role, v.Readiness.Verdict)
	for _, result := range []string{"critical", "warning"} {
		for _, c := range v.Readiness.Checks {
			if c.Result == result {
				text += fmt.Sprintf("; %s: %s", c.Name, c.Value)
			}
		}
	}
	return text
}

// roundTrip is a round-trip time behind something, if it is known.
func roundTrip(s *float64) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf(" in %.1f ms", *s*1000)
}

// copyLine is the copy of a catalog in a line.
func copyLine(server string, c status.Copy) string {
	text := server + " " + c.Catalog + ": "
	if c.Snapshot == nil {
		text += "no copy was ever completed"
	} else {
		text += "as it was at " + when(*c.Snapshot)
	}
	if c.Verified != nil {
		text += ", verified " + when(*c.Verified)
	}
	if c.Late {
		text += ", LATE"
	}
	if a := c.Attempt; a != nil && !a.OK {
		text += "; the last attempt failed at " + when(a.At) + ": " + a.Error
	}
	return text
}

// treeLine is the copy of a tree of files in a line.
func treeLine(server string, t status.Tree) string {
	text := fmt.Sprintf("%s %s: %s, %d files", server, t.Name, t.State, t.Files)
	if t.Synced != nil {
		text += ", as its source at " + when(*t.Synced)
	}
	if n := t.Missing; n > 0 {
		text += fmt.Sprintf(", %d missing", n)
	}
	if t.Problem != "" {
		text += "; " + t.Problem
	}
	return text
}

// drillLine says when a takeover was last rehearsed, and what came of it.
func drillLine(server string, d status.Drills) string {
	text := server + ": "
	switch {
	case d.Last == nil:
		text += "never rehearsed"
	case !d.Last.OK:
		text += "the last drill FAILED at " + when(d.Last.At) + ": " + d.Last.Error
	default:
		text += "proved at " + when(d.Last.At)
	}
	if d.Age != nil && d.MaxAge != nil && *d.Age > *d.MaxAge {
		text += fmt.Sprintf(", OVERDUE: %.0f days since the last one that passed", *d.Age/86400)
	}
	if d.Next != nil {
		text += ", the next is due at " + when(*d.Next)
	}
	return text
}

// pauseLine says who suspended or stopped a server, since when, until when, and why.
func pauseLine(v status.Server) string {
	w := v.Suspension
	text := fmt.Sprintf("%s: %s by %s since %s", v.Name, v.Mode, w.By, when(w.Since))
	if w.Until != nil {
		text += ", until " + when(*w.Until)
	}
	if w.Reason != "" {
		text += ": " + w.Reason
	}
	return text
}

// mostLately is how many events a report tells one by one.
const mostLately = 20

// lately tells the events that were not in order, the oldest first, and what could not be told.
func lately(events []journal.Event, err error) (lines []string) {
	if err != nil {
		return []string{"the history cannot be read: " + err.Error()}
	}
	left := 0
	for _, e := range events {
		if e.Severity != "critical" && e.Severity != "warning" {
			continue
		}
		if len(lines) == mostLately {
			left++
			continue
		}
		text := when(e.Time) + "  "
		if e.Server != "" && !strings.Contains(e.Message, e.Server) {
			text += e.Server + ": "
		}
		text += e.Message
		if e.Reason != "" && !strings.Contains(e.Message, e.Reason) {
			text += ": " + e.Reason
		}
		lines = append([]string{text}, lines...)
	}
	if left > 0 {
		lines = append([]string{fmt.Sprintf("%d more before these, see: failoverd events --since 24h", left)}, lines...)
	}
	if len(lines) == 0 {
		return []string{"nothing that wants a look"}
	}
	return lines
}

// standbyLines is the standby itself.
func standbyLines(b status.Standby, disk string) []string {
	lines := []string{fmt.Sprintf("%s: failoverd %s, up since %s", b.Name, b.Version, when(b.StartedAt))}
	if len(b.StandingIn) > 0 {
		lines = append(lines, "stands in for "+strings.Join(b.StandingIn, ", "))
	}
	if b.Isolated != nil {
		lines = append(lines, "isolated since "+when(b.Isolated.Since)+": "+b.Isolated.Reason)
	}
	lines = append(lines, disk)
	switch {
	case b.Mail.Pending > 0 && b.Mail.Oldest != nil:
		lines = append(lines, fmt.Sprintf("%d mails wait, the first since %s: %s", b.Mail.Pending, when(*b.Mail.Oldest), b.Mail.Error))
	case !b.Mail.OK && b.Mail.Error != "":
		lines = append(lines, "the last mail failed: "+b.Mail.Error)
	}
	if !b.Journal.OK {
		lines = append(lines, "the journal "+b.Journal.Error)
	}
	if b.Config.Error != "" {
		lines = append(lines, "the newest configuration is not in force: "+b.Config.Error)
	}
	return lines
}

// when is a moment, local, for a report that may be read a day later.
func when(t time.Time) string { return t.Local().Format("2 Jan 15:04") }
