package standby

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"failoverd/monitor"
	"failoverd/status"
)

// conclude draws the conclusions of a whole snapshot: what needs a person, and
// the one word for it all.
func conclude(out *status.Snapshot) {
	add := func(severity, server, text, help string) {
		out.Attention = append(out.Attention, status.Notice{Severity: severity, Server: server, Text: text, Help: help})
	}
	uncovered := false
	if iso := out.Standby.Isolated; iso != nil {
		add("critical", "", fmt.Sprintf("the standby is isolated since %s: %s", hm(iso.Since), iso.Reason), "failoverd events --since 1h")
	}
	if !out.Standby.Journal.OK {
		add("critical", "", "the journal "+out.Standby.Journal.Error, journalHelp(out.Standby.Journal, ""))
	}
	if !out.Standby.API.OK {
		add("warning", "", "other hosts do not reach the API and the console: "+firstLine(out.Standby.API.Error), "ss -ltnp")
	}
	if m := out.Standby.Mail; !m.Configured {
		add("warning", "", "no alerts are configured: nobody is told", "failoverd config check")
	} else if !m.OK {
		add("warning", "", "alerts could not be sent: "+undelivered(m), "failoverd test-alert")
	}
	if e := out.Standby.Config.Error; e != "" {
		add("warning", "", "the configuration file was rejected, the old one is in force: "+firstLine(e), "failoverd config check")
	}
	if n := out.Standby.Config.NeedsRestart; len(n) > 0 {
		add("warning", "", "waits for a restart: "+strings.Join(n, ", "), "systemctl restart failoverd")
	}
	for _, v := range out.Servers {
		switch {
		case v.Role == monitor.StandingBy.String() && v.State == monitor.StateFailure.String():
			uncovered = true
			add("critical", v.Name, v.Summary, v.Next)
		case v.Role != monitor.StandingBy.String():
			add("critical", v.Name, v.Summary, v.Next)
		case v.Mode != monitor.Active.String(), v.State == monitor.StateSuspect.String():
			add("warning", v.Name, v.Summary, v.Next)
		case v.Readiness.Verdict == "not ready":
			for _, c := range v.Readiness.Checks {
				if c.Result == "critical" {
					add("critical", v.Name, fmt.Sprintf("a takeover would fail: %s: %s", c.Name, c.Value), c.Help)
				}
			}
		}
		fileNotices(v, add)
		if d := v.Drills; d != nil && d.Last != nil && !d.Last.OK {
			add("warning", v.Name, "the last drill failed: "+firstLine(d.Last.Error), "failoverd drill "+v.Name)
		}
		for _, p := range v.Paths {
			if p.Outcome == "missed" && v.Misses == 0 && v.Mode == monitor.Active.String() && v.Role == monitor.StandingBy.String() {
				add("warning", v.Name, "no answer over "+p.Address, "failoverd show "+v.Name)
			}
		}
	}
	slices.SortStableFunc(out.Attention, func(a, b status.Notice) int {
		return strings.Compare(a.Severity, b.Severity) // critical before warning
	})
	switch {
	case uncovered:
		out.Verdict = status.Uncovered
	case len(out.Attention) > 0:
		out.Verdict = status.Attention
	default:
		out.Verdict = status.AllReady
	}
}

// hm is a time of day for a sentence, with the date if it is not today.
func hm(t time.Time) string {
	if t.IsZero() {
		return "the start"
	}
	if y, m, d := time.Now().Date(); func() bool { a, b, c := t.Local().Date(); return a == y && b == m && c == d }() {
		return t.Local().Format("15:04:05")
	}
	return t.Local().Format("2006-01-02 15:04")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
