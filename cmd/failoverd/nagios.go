package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"failoverd/status"
)

// The states of a plugin, which are its exit codes (Monitoring Plugins Development Guidelines, "Plugin Return Codes").
const (
	nagiosOK = iota
	nagiosWarning
	nagiosCritical
	nagiosUnknown
)

// finding is what a plugin has to say of one thing.
type finding struct {
	state int
	text  string
}

// plugin prints a snapshot, or the error that there is instead of one, as a plugin of Nagios does, and ends with its exit code.
func (p *program) plugin(s status.Snapshot, err error) error {
	if err != nil {
		f := p.inability(err)
		fmt.Fprintln(p.out, headOf(f.state, []finding{f}, ""))
		return answer(f.state)
	}
	state, findings := findingsOf(s)
	fmt.Fprintln(p.out, headOf(state, findings, performance(s.Servers)))
	for _, v := range s.Servers {
		for _, c := range v.Readiness.Checks {
			if c.Result != "ok" {
				fmt.Fprintln(p.out, onOneLine(fmt.Sprintf("%s: %s is %s: %s%s", v.Name, c.Name, c.Result, limited(c.Value, c.Limit), tried(c.Help))))
			}
		}
	}
	return answer(state)
}

// inability is the finding when the daemon could not be asked. Without a daemon nobody watches the servers and nobody would
// take over; that one may not ask it says nothing about them.
func (p *program) inability(err error) finding {
	if lostContact(err) {
		f := p.unreachable(err)
		if errors.Is(err, fs.ErrPermission) {
			return finding{nagiosUnknown, f.detail + tried(f.try)}
		}
		return finding{nagiosCritical, f.detail}
	}
	problem := problemOf(err)
	return finding{nagiosUnknown, or(problem.Detail, problem.Title)}
}

// findingsOf is what is wrong, the worst first; if nothing is, one sentence. What the standby itself lacks counts whichever servers
// are asked for: it is what would take them over.
func findingsOf(s status.Snapshot) (state int, findings []finding) {
	findings = standbyFindings(s)
	for _, v := range s.Servers {
		findings = append(findings, serverFinding(v))
	}
	findings = slices.DeleteFunc(findings, func(f finding) bool { return f.state == nagiosOK })
	slices.SortStableFunc(findings, func(a, b finding) int { return b.state - a.state })
	switch {
	case len(findings) > 0:
		return findings[0].state, findings
	case len(s.Servers) == 0:
		return nagiosOK, []finding{{text: "no servers are configured"}}
	}
	return nagiosOK, []finding{{text: "ready: " + joined(namesOf(s.Servers))}}
}

// tried is a command that helps, as the end of a sentence.
func tried(help string) string {
	if help == "" {
		return ""
	}
	return "; try: " + help
}

// headOf is the first line: the state, what is wrong, and the performance data.
func headOf(state int, findings []finding, performance string) string {
	var texts []string
	for _, f := range findings {
		texts = append(texts, f.text)
	}
	head := "FAILOVERD " + [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[state] + " - " + onOneLine(strings.Join(texts, "; "))
	if performance != "" {
		head += " | " + performance
	}
	return head
}

// onOneLine makes text fit for a plugin's output: the bar separates the performance data.
func onOneLine(text string) string { return strings.ReplaceAll(plain(text), "|", "/") }

// namesOf are the names of servers.
func namesOf(servers []status.Server) (list []string) {
	for _, v := range servers {
		list = append(list, v.Name)
	}
	return list
}

// standbyFindings is what needs a person on the standby itself.
func standbyFindings(s status.Snapshot) (list []finding) {
	for _, n := range s.Attention {
		if n.Server != "" {
			continue
		}
		state := nagiosWarning
		if n.Severity == "critical" {
			state = nagiosCritical
		}
		list = append(list, finding{state, n.Text})
	}
	return list
}

// serverFinding is what there is to say of one server. Who has suspended it knows of it.
func serverFinding(v status.Server) finding {
	switch {
	case nobodyServes(v):
		text := v.Name + " is down and nobody serves it"
		if v.Hold != nil {
			text += because(v.Hold.Reason)
		}
		return finding{nagiosCritical, text}
	case v.Role != "standing by":
		return finding{nagiosWarning, "the standby is " + v.Role + " for " + v.Name}
	case v.Mode != "active":
		text := v.Name + " is " + v.Mode
		if v.Suspension != nil {
			text += " by " + v.Suspension.By
		}
		return finding{nagiosWarning, text}
	case v.Readiness.Verdict == "not ready":
		return finding{nagiosCritical, v.Name + " is not ready: " + firstOf(v.Readiness.Checks, "critical")}
	case v.Readiness.Verdict != "ready":
		return finding{nagiosWarning, v.Name + " is " + v.Readiness.Verdict + because(firstOf(v.Readiness.Checks, "warning"))}
	}
	return finding{nagiosOK, v.Name + " is ready"}
}

// because puts a reason behind a sentence, if there is one.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// firstOf is what the first check of a result has found; empty if there is none.
func firstOf(checks []status.Check, result string) string {
	for _, c := range checks {
		if c.Result == result {
			return c.Name + ", " + c.Value
		}
	}
	return ""
}

// performance is the performance data: 'label'=value[unit];[warning];[critical];[least]. A range that is one number alerts
// above it.
func performance(servers []status.Server) string {
	var list []string
	add := func(label, value, critical string) {
		label = strings.NewReplacer("'", "_", "=", "_", "|", "_").Replace(plain(label))
		list = append(list, fmt.Sprintf("'%s'=%s;;%s;0", label, value, critical))
	}
	for _, v := range servers {
		ready := "0"
		if verdict := v.Readiness.Verdict; verdict == "ready" || verdict == "degraded" {
			ready = "1"
		}
		add(v.Name+" ready", ready, "")
		add(v.Name+" misses", strconv.Itoa(v.Misses), strconv.Itoa(max(0, v.FailAfter-1)))
		if v.RTT != nil {
			add(v.Name+" rtt", number(*v.RTT)+"s", "")
		}
		for _, c := range v.Copies {
			if c.Age != nil {
				limit := ""
				if c.MaxAge != nil {
					limit = number(*c.MaxAge)
				}
				add(v.Name+" "+c.Catalog+" age", number(*c.Age)+"s", limit)
			}
		}
		for _, t := range v.Trees {
			if t.Lag != nil {
				add(v.Name+" "+t.Name+" lag", number(*t.Lag)+"s", number(t.MaxLag))
			}
		}
	}
	return strings.Join(list, " ")
}

// number is a number without an exponent, which plugins' readers do not know.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
