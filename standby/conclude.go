package standby

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"failoverd/monitor"
	"failoverd/status"
)

// sentence says in one line who serves this server's users and why, and which
// command helps.
func sentence(v *server, out status.Server) (summary, next string) {
	f, name := v.facts, v.config.Name
	switch {
	case f.Role == monitor.StandingIn && f.Incomplete != "":
		return fmt.Sprintf("the takeover stopped at %s; what was done is kept", f.Incomplete), "failoverd failover " + name
	case f.Role == monitor.StandingIn && f.Claim != "":
		return fmt.Sprintf("the standby stands in since %s; %s claims the address", hm(f.RoleSince), f.Claim), "failoverd explain " + name
	case f.Role == monitor.StandingIn && f.Health == monitor.OK && !f.LastAnswer.IsZero():
		return fmt.Sprintf("the standby stands in since %s; the primary answers again", hm(f.RoleSince)), "failoverd release " + name
	case f.Role == monitor.StandingIn:
		return "the standby stands in since " + hm(f.RoleSince), "failoverd release " + name
	case f.Role == monitor.TakingOver:
		return "the standby is taking over", "failoverd operation watch " + v.operation
	case f.Role == monitor.Releasing:
		return "the standby is releasing", "failoverd operation watch " + v.operation
	case f.Mode != monitor.Active:
		text := fmt.Sprintf("%s by %s since %s", f.Mode, f.Wish.By, hm(f.Wish.Since))
		if !f.Wish.Until.IsZero() {
			text += " until " + hm(f.Wish.Until)
		}
		if f.Wish.Reason != "" {
			text += fmt.Sprintf(": %q", f.Wish.Reason)
		}
		return text + "; no takeover will happen", "failoverd resume " + name
	case f.State() == monitor.StateFailure && f.Hold.Code == monitor.Released:
		return "released: waiting for the primary to answer", "failoverd show " + name
	case f.State() == monitor.StateFailure:
		why := "not decided yet"
		if f.Hold.Code != monitor.NoHold {
			why = f.Hold.Reason
		}
		return "DOWN, and nobody serves: " + why, helpFor(f.Hold.Code, name)
	case f.Hold.Code == monitor.Isolated:
		return f.Hold.Reason, "failoverd events --since 1h"
	case f.Health == monitor.Suspect && f.Misses > 0:
		return fmt.Sprintf("%d of %d pings missed", f.Misses, f.Limit(v.policy)), "failoverd show " + name
	case f.Health == monitor.Suspect:
		return "suspect: a probe fails, or nothing could be asked", "failoverd show " + name
	case f.LastAnswer.IsZero():
		return "not asked yet", ""
	}
	return "the primary serves", ""
}

// helpFor is the command that helps against a hold.
func helpFor(c monitor.Code, name string) string {
	switch c {
	case monitor.Manual, monitor.GaveUp:
		return "failoverd failover " + name
	case monitor.Unstable:
		return "failoverd resume " + name
	case monitor.AddressInUse, monitor.Conflict:
		return "failoverd failover " + name + " --accept address-in-use"
	}
	return "failoverd explain " + name
}

// actions says what can be ordered of a server, and why not the rest.
func actions(v *server, out status.Server) []status.Action {
	f := v.facts
	busy := ""
	if out.Operation != "" {
		busy = "operation " + out.Operation + " is running"
	}
	list := []status.Action{}
	add := func(name string, reasons ...string) {
		why := ""
		for _, r := range reasons {
			if r != "" && why == "" {
				why = r
			}
		}
		list = append(list, status.Action{Name: name, Allowed: why == "", WhyNot: why})
	}
	when := func(b bool, why string) string {
		if b {
			return why
		}
		return ""
	}
	add("suspend", when(f.Mode == monitor.Suspended, "it is suspended already"), busy)
	add("resume", when(f.Mode == monitor.Active && f.Acknowledged && f.Hold.Code == monitor.NoHold, "it is watched, and nothing waits to be acknowledged"))
	add("stop", when(f.Mode == monitor.Stopped, "it is stopped already"), when(f.Role != monitor.StandingBy, "release it first"), busy)
	add("failover", when(f.Role == monitor.StandingIn && f.Incomplete == "", "the standby stands in already"), busy)
	add("release", when(f.Role != monitor.StandingIn, "the standby does not stand in"), busy)
	return list
}

// readiness asks of one server: would a takeover succeed now?
func (s *Standby) readiness(v *server, now time.Time) status.Readiness {
	f, c := v.facts, v.config
	up, _ := s.own.Link(v.link)
	var checks []status.Check
	add := func(name string, ok bool, result, value, limit, help string) {
		if ok {
			result = "ok"
		}
		checks = append(checks, status.Check{Name: name, Result: result, Value: value, Limit: limit, Help: help})
	}
	name := c.Name
	add("monitored", f.Mode == monitor.Active, "critical", f.Mode.String(), "active", "failoverd resume "+name)
	add("link", up, "critical", fmt.Sprintf("%s is %s", orNone(v.link), upDown(up)), "up", "ip link show "+v.link)
	add("settled", !now.Before(s.self.settledAt), "warning", orWord(s.self.unsettled, now.Before(s.self.settledAt), "settled"), "settled", "")
	witness := !s.self.isolated && (s.witnessesOff() || s.someWitness(v, now))
	value := "somebody answers"
	switch {
	case s.self.isolated:
		value = "the standby is isolated: " + s.self.reason
	case s.witnessesOff():
		value = "turned off"
	case !witness:
		value = "no witness answers: a failure would be held as isolation"
	}
	add("witnesses", witness, "critical", value, "one answers", "failoverd config check")
	add("capacity", s.free(v) > 0 || f.Role != monitor.StandingBy, "warning", fmt.Sprintf("%d of %d free", s.free(v), s.config.Standby.Capacity), "1 free", "failoverd status")
	add("journal", s.self.unwritable == "", "critical", orWord(s.self.unwritable, s.self.unwritable != "", "writable"), "writable", "df -h "+s.config.Standby.DataDir)
	if c.Takeover.AssumeAddress {
		add("segment", s.segmentFor(v.link) != nil, "critical", orWord("the interface cannot be used for ARP", s.segmentFor(v.link) == nil, "can be asked and announced on"), "usable", "ip link show "+v.link)
	}
	add("conflict", f.Claim == "" && f.Hold.Code != monitor.Conflict, "critical", orWord("claimed by "+f.Claim, f.Claim != "", "no other host claims the address"), "none", "failoverd explain "+name)
	add("automatic", v.policy.Automatic, "warning", c.Takeover.Mode, "automatic", "")
	if !f.LastTakeover.IsZero() && !f.Acknowledged && f.Role == monitor.StandingBy {
		add("acknowledged", false, "warning", "the last takeover is not acknowledged", "acknowledged", "failoverd resume "+name)
	}
	data := len(c.Databases)+len(c.Files) == 0
	add("data", data, "warning", v.dataNote(), "replicated, or nothing to replicate", "")
	mail := s.config.Alerts.Email != nil
	add("alerts", mail, "warning", orWord("nobody would be told", !mail, "mailed to "+fmt.Sprint(s.recipients())+" recipients"), "configured", "failoverd test-alert")
	r := status.Readiness{Verdict: "ready", Checks: checks}
	for _, check := range checks {
		switch {
		case check.Result == "critical":
			r.Verdict = "not ready"
		case check.Result == "warning" && r.Verdict == "ready":
			r.Verdict = "degraded"
		}
	}
	if r.Verdict == "ready" && f.LastAnswer.IsZero() && f.Role == monitor.StandingBy {
		r.Verdict = "unverified"
	}
	return r
}

// someWitness reports whether anybody has answered lately, other than the
// server itself.
func (s *Standby) someWitness(v *server, now time.Time) bool {
	recent := max(5*time.Second, 3*v.policy.Interval)
	for _, w := range s.witnesses {
		if now.Sub(w.lastAnswer) < recent {
			return true
		}
	}
	for _, o := range s.servers {
		if o != v && o.facts.Mode == monitor.Active && now.Sub(o.facts.LastAnswer) < recent {
			return true
		}
	}
	return false
}

// free is how much of the capacity is free for this server.
func (s *Standby) free(v *server) int {
	free := s.config.Standby.Capacity
	for _, o := range s.servers {
		if o != v && o.facts.Role != monitor.StandingBy {
			free--
		}
	}
	return free
}

func (s *Standby) recipients() int {
	if e := s.config.Alerts.Email; e != nil {
		return len(e.To)
	}
	return 0
}

// conclude draws the conclusions of a whole snapshot: what needs a person, and
// the one word for it all.
func (s *Standby) conclude(out *status.Snapshot) {
	add := func(severity, server, text, help string) {
		out.Attention = append(out.Attention, status.Notice{Severity: severity, Server: server, Text: text, Help: help})
	}
	uncovered := false
	if iso := out.Standby.Isolated; iso != nil {
		add("critical", "", fmt.Sprintf("the standby is isolated since %s: %s", hm(iso.Since), iso.Reason), "failoverd events --since 1h")
	}
	if !out.Standby.Journal.OK {
		add("critical", "", "the journal cannot be written: "+out.Standby.Journal.Error, "df -h")
	}
	if m := out.Standby.Mail; !m.Configured {
		add("warning", "", "no alerts are configured: nobody is told", "failoverd config check")
	} else if !m.OK {
		add("warning", "", fmt.Sprintf("%d alerts could not be sent yet: %s", m.Pending, m.Error), "failoverd test-alert")
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

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// orWord is word where the condition holds, and otherwise the other one.
func orWord(word string, holds bool, other string) string {
	if holds {
		return word
	}
	return other
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
