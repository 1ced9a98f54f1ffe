package standby

import (
	"fmt"
	"time"

	"failoverd/monitor"
	"failoverd/status"
)

// readiness asks of one server: would a takeover succeed now?
func (s *Standby) readiness(c *scene, v *sight, trees []status.Tree) status.Readiness {
	f := &v.facts
	up, _ := s.own.Link(v.link)
	var checks []status.Check
	add := func(name string, ok bool, result, value, limit, help string) {
		if ok {
			result = "ok"
		}
		checks = append(checks, status.Check{Name: name, Result: result, Value: value, Limit: limit, Help: help})
	}
	name := v.config.Name
	add("monitored", f.Mode == monitor.Active, "critical", f.Mode.String(), "active", "failoverd resume "+name)
	add("asked", !f.UnknownAlerted, "critical", orWord("it cannot be asked: nothing is decided about it", f.UnknownAlerted, "it can be asked"), "it can be asked", "failoverd show "+name)
	add("link", up, "critical", fmt.Sprintf("%s is %s", orNone(v.link), upDown(up)), "up", "ip link show "+v.link)
	settling := c.now.Before(c.settledAt)
	add("settled", !settling, "warning", orWord(c.unsettled, settling, "settled"), "settled", "")
	witness, value := c.witnessed(v)
	add("witnesses", witness, "critical", value, "one answers", "failoverd explain "+name)
	free := c.capacity - c.used
	add("capacity", free > 0 || f.Role != monitor.StandingBy, "warning", fmt.Sprintf("%d of %d free", free, c.capacity), "1 free", "failoverd status")
	journal := c.standby.Journal
	add("journal", journal.OK, "critical", orWord("writable", journal.OK, journal.Error), "writable", journalHelp(journal, c.dataDir))
	if v.config.Takeover.AssumeAddress {
		open := s.segmentFor(v.link) != nil
		add("segment", open, "critical", orWord("can be asked and announced on", open, "the interface cannot be used for ARP"), "usable", "ip link show "+v.link)
	}
	add("conflict", f.Claim == "" && f.Hold.Code != monitor.Conflict, "critical", conflicting(f), "none", "failoverd explain "+name)
	add("automatic", v.policy.Automatic, "warning", v.config.Takeover.Mode, "automatic", "")
	if !f.LastTakeover.IsZero() && !f.Acknowledged && f.Role == monitor.StandingBy {
		add("acknowledged", false, "warning", "the last takeover is not acknowledged", "acknowledged", "failoverd resume "+name)
	}
	checks = append(checks, v.fileChecks(trees)...)
	checks = append(checks, v.fitness(c.now)...)
	checks = append(checks, v.drillCheck(c.now)...)
	mail := c.standby.Mail
	switch {
	case !mail.Configured:
		add("alerts", false, "warning", "nobody would be told", "configured", "failoverd config check")
	case !mail.OK:
		add("alerts", false, "warning", undelivered(mail), "delivered", "failoverd test-alert")
	default:
		add("alerts", true, "warning", fmt.Sprintf("to %d recipients", c.recipients), "delivered", "failoverd test-alert")
	}
	r := status.Readiness{Verdict: "ready", Checks: checks}
	for _, check := range checks {
		switch {
		case check.Result == "critical":
			r.Verdict = "not ready"
		case check.Result == "warning" && r.Verdict == "ready":
			r.Verdict = "degraded"
		}
	}
	if r.Verdict == "ready" && f.Role == monitor.StandingBy && (f.LastAnswer.IsZero() || v.unproved()) {
		r.Verdict = "unverified"
	}
	return r
}

// witnessed says whether the standby would be believed when it says that this
// server has failed: whether anybody else has answered lately.
func (c *scene) witnessed(v *sight) (ok bool, value string) {
	recent := max(5*time.Second, 3*v.policy.Interval)
	lately := func(at time.Time) bool { return !at.IsZero() && c.now.Sub(at) < recent }
	switch other := c.answering[0]; {
	case c.standby.Isolated != nil:
		return false, "the standby is isolated: " + c.standby.Isolated.Reason
	case c.unchecked:
		return true, "turned off"
	case lately(c.witness), other.name != v.config.Name && lately(other.at), lately(c.answering[1].at):
		return true, "somebody answers"
	}
	return false, "no witness answers: a failure would be held as isolation"
}

// conflicting says who else claims the address.
func conflicting(f *monitor.Facts) string {
	switch {
	case f.Claim != "":
		return "claimed by " + f.Claim
	case f.Hold.Code == monitor.Conflict:
		return f.Hold.Reason
	}
	return "no other host claims the address"
}

// upDown is the state of a link.
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

// undelivered says what does not arrive.
func undelivered(m status.Mail) string {
	text := fmt.Sprintf("%d alerts wait", m.Pending)
	if m.Error != "" {
		text += "; " + m.Error
	}
	return text
}
