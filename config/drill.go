package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

var (
	weekly  = regexp.MustCompile(`^(monday|tuesday|wednesday|thursday|friday|saturday|sunday) ([01][0-9]|2[0-3]):[0-5][0-9]$`)
	monthly = regexp.MustCompile(`^([1-9]|1[0-9]|2[0-8]) ([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

// How old the last good drill may be where nothing else is written: a day longer than from one to the next.
const (
	weeklyAge  = 8 * 24 * time.Hour
	monthlyAge = 32 * 24 * time.Hour
)

// drill reads how a takeover of the server is rehearsed. The application is asked what says of a stand-in that it serves,
// unless something else is written for that.
func (v *validator) drill(raw rawDrill, s Server) Drill {
	d := Drill{
		Weekly:  v.matching(raw.Weekly, weekly, "weekday and time", `write both in quotes, such as "sunday 03:00"`),
		Monthly: v.matching(raw.Monthly, monthly, "day of the month and time", `write both in quotes, the day from 1 to 28, such as "1 03:00"`),
		Check:   v.command(raw.Check, true),
		Timeout: v.lasting(raw.Timeout, time.Minute, 100*time.Millisecond, maxWait),
	}
	var limit time.Duration
	switch {
	case d.Weekly != "":
		limit = weeklyAge
	case d.Monthly != "":
		limit = monthlyAge
	}
	d.MaxAge = v.lasting(raw.MaxAge, limit, time.Hour, 10*365*24*time.Hour)
	if raw.Weekly.set() && raw.Monthly.set() {
		v.r.error(raw.Monthly.spot, "weekly and monthly exclude each other", "write one of the two")
	}
	if !raw.Check.set() && s.Takeover.Ready != nil {
		d.Check = s.Takeover.Ready.Command
	}
	s.Drill = d
	if (d.Weekly != "" || d.Monthly != "") && !s.Rehearsable() {
		v.r.notice(raw.spot, "there is nothing to rehearse: the server has neither databases nor a drill's check",
			"no drill is made before there is one")
	}
	return d
}

// Rehearsable reports whether a drill has anything to do.
func (s Server) Rehearsable() bool { return len(s.Databases) > 0 || len(s.Drill.Check) > 0 }

// matching takes a text of one form.
func (v *validator) matching(t text, form *regexp.Regexp, what, expect string) string {
	if !t.good() {
		return ""
	}
	if !form.MatchString(t.value) {
		v.r.error(t.spot, show(t.value)+" is no "+what, expect)
		return ""
	}
	return t.value
}

// describeDrill says when a drill is made, and what it asks.
func (s Server) describeDrill() string {
	if !s.Rehearsable() {
		return ""
	}
	d := s.Drill
	day, at, _ := strings.Cut(d.Weekly+d.Monthly, " ")
	when := "by order: failoverd drill " + s.Name
	switch {
	case d.Weekly != "":
		when = fmt.Sprintf("every %s at %s", day, at)
	case d.Monthly != "":
		when = fmt.Sprintf("on day %s of every month at %s", day, at)
	}
	if d.MaxAge > 0 {
		when += ", overdue after " + brief(d.MaxAge)
	}
	asked := "no application is asked whether it works on the copies"
	if len(d.Check) > 0 {
		asked = fmt.Sprintf("asked whether it works on the copies: %s (at most %s)", strings.Join(d.Check, " "), brief(d.Timeout))
	}
	return fmt.Sprintf("  Rehearsed %s; %s.\n", when, asked)
}
