package alerts

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"failoverd/journal"
)

// lateAfter is how old an event may be before its mail says that it is late.
const lateAfter = 2 * time.Minute

// mostLines is how many lines a section has at most; a long incident is in the history.
const mostLines = 14

// Compose makes the mail that tells the story. It reads no clock and no file: the same story is the same message.
// Of the events' evidence it knows "since" (RFC 3339, when the silence began), "duration_s" (how long a step took)
// and "step" (its name); all others are shown as they are.
func Compose(s Story) Message {
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	kind := s.kind()
	p := page{
		Lead:    s.fill(kind.Lead),
		Late:    s.late(),
		Zone:    s.zone(),
		Dropped: s.dropped(),
		Footer:  s.footer(),
	}
	if p.Report = s.report(); p.Report == nil {
		p.Happened, p.Did = s.lines()
	}
	if len(p.Happened) == 0 {
		text := "Nothing by itself: see what failoverd did."
		if orderedBy(s.Event) != "" {
			text = s.fill("Nothing by itself: {by} ordered it.")
		}
		p.Happened = []line{{Text: text}}
	}
	if len(p.Did) == 0 && kind.Nothing != "" {
		p.Did = []line{{Text: s.fill(kind.Nothing)}}
	}
	p.Data = s.data()
	for _, next := range kind.Next {
		p.Next = append(p.Next, s.fill(next))
	}
	if s.Unprotected != nil {
		p.Protection = true
		for _, u := range s.Unprotected {
			p.Unprotected = append(p.Unprotected, say(u.Server+": "+u.Why))
		}
	}

	m := Message{
		From: s.sender(), To: s.Mail.Recipient, Subject: s.subject(), MessageID: s.messageID(s.Event),
		Text: p.text(), HTML: p.html(),
		Headers: map[string]string{
			"Date":                     s.Now.In(s.Zone).Format(time.RFC1123Z),
			"Auto-Submitted":           "auto-generated", // RFC 3834: no vacation message answers.
			"X-Auto-Response-Suppress": "All",
			"List-Id":                  "<failoverd." + token(s.Standby, "standby") + ">",
			"X-Failoverd-Event":        s.Event.Kind,
			"X-Failoverd-Severity":     s.severity(),
		},
	}
	if s.Event.Server != "" {
		m.Headers["X-Failoverd-Server"] = s.Event.Server
	}
	if s.Event.Incident != "" {
		m.Headers["X-Failoverd-Incident"] = s.Event.Incident
	}
	if s.severity() == journal.Critical {
		m.Headers["Importance"] = "high"
		m.Headers["X-Priority"] = "1"
	}
	if s.follows() {
		// A first mail that did not arrive is referred to all the same: the others still belong together.
		id := "<" + s.messageID(s.root()) + ">"
		m.Headers["In-Reply-To"] = id
		m.Headers["References"] = id
	}
	m.Notification = s.notification(m.MessageID, m.Text)
	return m
}

// line is one line of a section.
type line struct {
	Time string // empty for none
	Text string
	Took string // empty for none
}

// lines tells the incident in two sections: what happened, and what failoverd did.
func (s Story) lines() (happened, did []line) {
	events := s.Incident
	if !slices.ContainsFunc(events, func(e journal.Event) bool { return e.Seq == s.Event.Seq }) {
		events = append(slices.Clone(events), s.Event)
	}
	previous := map[string]time.Time{} // the last event of each operation
	for _, e := range events {
		if strings.HasPrefix(e.Kind, "alert.") && e.Seq != s.Event.Seq {
			continue // What became of other mails is no part of the story.
		}
		l := line{Time: s.clock(e.Time), Text: say(e.Message)}
		if l.Text == "" {
			l.Text = e.Kind
		}
		if by := orderedBy(e); by != "" {
			l.Text += " (by " + say(by) + ")"
		}
		if r := say(e.Reason); r != "" && !strings.Contains(l.Text, r) {
			l.Text += ": " + r
		}
		if !done(e.Kind) {
			happened = append(happened, l)
			continue
		}
		if took, known := duration(e, previous[e.Operation]); known {
			l.Took = span(took)
		}
		if e.Operation != "" {
			previous[e.Operation] = e.Time
		}
		did = append(did, l)
	}
	return middle(happened), middle(did)
}

// data says how old the data is that the stand-in works on, catalog by catalog. A mail that was sent so late that the
// copies are other ones by now leaves those out.
func (s Story) data() []string {
	if s.Event.Kind != "takeover.done" {
		return nil
	}
	began := s.began()
	var lines []string
	for _, c := range s.Copies {
		switch {
		case c.At.IsZero():
			lines = append(lines, say(c.Catalog)+": no copy was ever completed")
		case !c.At.After(s.Event.Time):
			age := span(max(began.Sub(c.At), 0))
			lines = append(lines, fmt.Sprintf("%s: as it was at %s; the last %s are missing", say(c.Catalog), s.moment(c.At), age))
		}
	}
	return lines
}

// done tells whether an event of that kind is something that failoverd did.
func done(kind string) bool {
	for _, prefix := range []string{
		"takeover.", "release.", "failback.", "handover.", "decision.takeover", "standin.restarted", "address.defended", "address.yielded",
		"address.restored", "address.announced", "address.unverified", "alert.",
		"replication.started", "replication.step", "incident.reminder", "incident.escalated", "replication.done", "replication.rolled_back",
		"drill.started", "drill.step",
	} {
		if strings.HasPrefix(kind, prefix) {
			return true
		}
	}
	return false
}

// duration tells how long a step took: what its evidence says, or else the time since the operation's last event.
func duration(e journal.Event, previous time.Time) (time.Duration, bool) {
	switch seconds := e.Evidence["duration_s"].(type) {
	case float64:
		return time.Duration(seconds * float64(time.Second)), true
	case int:
		return time.Duration(seconds) * time.Second, true
	}
	if strings.HasSuffix(e.Kind, ".step") && !previous.IsZero() && !e.Time.Before(previous) {
		return e.Time.Sub(previous), true
	}
	return 0, false
}

// middle leaves out the middle of a section that is too long.
func middle(lines []line) []line {
	if len(lines) <= mostLines {
		return lines
	}
	first, last := lines[:5], lines[len(lines)-(mostLines-6):]
	gap := line{Text: fmt.Sprintf("... %d more, see: `failoverd events`", len(lines)-len(first)-len(last))}
	return slices.Concat(first, []line{gap}, last)
}

// late says that the mail is late, when it is about, and when it was first tried.
func (s Story) late() string {
	if s.Now.Sub(s.Event.Time) < lateAfter {
		return ""
	}
	tried := "It could not be tried before."
	if !s.Mail.FirstTried.IsZero() {
		tried = fmt.Sprintf("It was first tried at %s (tries before this one: %d).", s.stamp(s.Mail.FirstTried), s.Mail.Attempts)
	}
	return fmt.Sprintf("THIS MAIL IS LATE by %s: it is about %s and was sent at %s. %s Things may have changed since: `failoverd status`",
		span(s.Now.Sub(s.Event.Time)), s.stamp(s.Event.Time), s.stamp(s.Now), tried)
}

// dropped says which mails were left out.
func (s Story) dropped() string {
	if len(s.Dropped) == 0 {
		return ""
	}
	count := map[string]int{}
	for _, m := range s.Dropped {
		count[m.Kind]++
	}
	var parts []string
	for kind, n := range count {
		parts = append(parts, fmt.Sprintf("%d %s", n, kind))
	}
	slices.Sort(parts)
	return fmt.Sprintf("Not mailed, because there were more than %d in an hour: %s. They are in the history: `failoverd events --server %s`",
		mailsPerHour, strings.Join(parts, ", "), say(s.server()))
}

// footer are the last lines: where to look further.
func (s Story) footer() []string {
	var lines []string
	if link := s.link(); link != "" {
		lines = append(lines, "Console:  "+link)
	}
	if s.Runbooks != "" {
		lines = append(lines, "Runbook:  "+s.Runbooks+"#"+s.kind().Runbook)
	}
	if s.Event.Server != "" {
		lines = append(lines, "History:  failoverd events --server "+say(s.Event.Server))
	} else {
		lines = append(lines, "History:  failoverd events")
	}
	if s.Event.Incident != "" && s.severity() != journal.Info && !s.kind().Unowned {
		lines = append(lines, "Yours?    failoverd ack "+say(s.Event.Incident)+" --reason TEXT")
	}
	about := fmt.Sprintf("Event %d, %s, %s", s.Event.Seq, say(s.Event.Kind), say(s.severity()))
	if s.Event.Incident != "" {
		about = "Incident " + say(s.Event.Incident) + ", " + strings.ToLower(about[:1]) + about[1:]
	}
	return append(lines, about, strings.TrimSpace("failoverd "+s.Version)+" on "+say(s.Standby)+", sent "+s.stamp(s.Now))
}

// page is what both parts of the mail show.
type page struct {
	Lead, Late, Zone, Dropped string
	Report                    []Section // stands instead of what happened and what was done
	Happened, Did             []line
	Data                      []string // what the stand-in works on
	Next                      []string
	Protection                bool // whether it is known what is not protected
	Unprotected               []string
	Footer                    []string
}

// html gives the simple HTML part.
func (p page) html() string {
	var b bytes.Buffer
	if err := htmlPart.Execute(&b, p); err != nil {
		panic(fmt.Sprintf("the template of the HTML part does not fit its data: %v", err)) // A test composes every kind.
	}
	return b.String()
}
