package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"failoverd/alerts"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// happened says whether an event of a kind is in the history of a server between two moments.
func (h *History) happened(server, kind string, from, until time.Time) bool {
	return slices.ContainsFunc(h.Events, func(e journal.Event) bool {
		return e.Server == server && e.Kind == kind && !e.Time.Before(from) && !e.Time.After(until)
	})
}

// ended is when an operation had ended; at the story's end if it had not.
func (h *History) ended(o plan.Record) time.Time {
	if o.Ended == nil {
		return h.Ended
	}
	return *o.Ended
}

// automatic says whether failoverd itself had decided on an operation.
func automatic(o plan.Record) bool { return o.By.Kind == "automatic" }

// decisionsExplained: a takeover that failoverd has decided on has no decision in the history, or one without a reason
// or without evidence; or any operation has no reason.
func decisionsExplained(h *History, complain complaint) {
	for _, o := range h.Operations {
		if o.Reason == "" {
			complain(o.Started, "the %s %s of %s has no reason", o.Kind, o.ID, o.Server)
		}
		if o.Kind != takeoverKind || !automatic(o) {
			continue
		}
		i := slices.IndexFunc(h.Events, func(e journal.Event) bool {
			return e.Server == o.Server && e.Kind == "decision.takeover" && e.Time.Sub(o.Started).Abs() < margin
		})
		switch {
		case i < 0 && h.happened(o.Server, "takeover.resumed", o.Started.Add(-margin), o.Started.Add(margin)):
		case i < 0:
			complain(o.Started, "the takeover %s of %s has no decision in the history", o.ID, o.Server)
		case h.Events[i].Reason == "" || len(h.Events[i].Evidence) == 0:
			complain(o.Started, "the decision to take %s over has reason %q and evidence %v", o.Server, h.Events[i].Reason, h.Events[i].Evidence)
		}
	}
}

// operationsTold: the history does not say how an operation has ended.
func operationsTold(h *History, complain complaint) {
	for _, o := range h.Operations {
		if o.State.Open() {
			continue
		}
		if !slices.ContainsFunc(h.Events, func(e journal.Event) bool { return e.Operation == o.ID && !e.Time.Before(o.Started) }) {
			complain(h.ended(o), "the %s %s of %s is %s, and no event says so", o.Kind, o.ID, o.Server, o.State)
			continue
		}
		// What changes who serves ends with an event of its own.
		if o.Kind != takeoverKind && o.Kind != releaseKind && o.Kind != status.Failback {
			continue
		}
		told := slices.ContainsFunc(h.Events, func(e journal.Event) bool {
			end := strings.HasPrefix(e.Kind, o.Kind+".") && !strings.HasSuffix(e.Kind, ".step") && !strings.HasSuffix(e.Kind, ".started")
			return e.Operation == o.ID && (end || o.Kind == takeoverKind && e.Kind == "decision.refused")
		})
		if !told {
			complain(h.ended(o), "the %s %s of %s is %s, and the history does not say how it ended", o.Kind, o.ID, o.Server, o.State)
		}
	}
}

// addressesExplained: the standby has an address for longer than a failed attempt lasts, and no operation of that server
// nor a restoration of the address is in the history.
func addressesExplained(h *History, complain complaint) {
	for _, mine := range h.held() {
		if mine.From.Before(h.Began) || !mine.Until.IsZero() && mine.Until.Sub(mine.From) < patience {
			continue
		}
		server := serverOf(mine.Address)
		during := func(o plan.Record) bool {
			return o.Server == server && o.Kind != status.FromLive && o.Kind != status.Drill &&
				(Span{From: o.Started.Add(-margin), Until: h.ended(o).Add(margin)}).has(mine.From)
		}
		if !slices.ContainsFunc(h.Operations, during) && !h.happened(server, "address.restored", mine.From.Add(-patience), mine.From.Add(patience)) {
			complain(mine.From, "the standby has %s, and no operation of %s in the history says why", mine.Address, server)
		}
	}
}

// takeoversAnnounced: the standby has taken an address and has not told its neighbours.
func takeoversAnnounced(h *History, complain complaint) {
	for _, mine := range h.held() {
		until := mine.From.Add(patience)
		if mine.From.Before(h.Began) || !mine.Until.IsZero() && mine.Until.Before(until) || !h.awake(mine.From, until) || !h.reached(theStandby, mine.From, until) {
			continue
		}
		told := func(c Claim) bool {
			return c.Address == mine.Address && !c.At.Before(mine.From.Add(-time.Second)) && !c.At.After(until)
		}
		if !slices.ContainsFunc(h.Claims, told) {
			complain(until, "the standby has %s since %s, and no gratuitous ARP says so", mine.Address, mine.From.Format("15:04:05.000"))
		}
	}
}

// alertsArrived: what happened is of a kind that is never dropped, and the mail about it has not come although everything
// was mended in the end. The rest of the kinds may be left out when there are many.
func alertsArrived(h *History, complain complaint) {
	if h.EndError != "" {
		return
	}
	if h.Waiting > 0 {
		complain(h.Ended, "%d mails still wait although the mail server answers", h.Waiting)
		return
	}
	arrived := map[string]bool{}
	for _, l := range h.Letters {
		arrived[eventOf(l.ID)] = true
	}
	protected := map[string]bool{}
	for _, k := range alerts.Kinds() {
		// These are made from other events, by their own rules.
		protected[k.Name] = k.Protected && !strings.HasPrefix(k.Name, "incident.") && k.Name != "report.daily"
	}
	for _, e := range h.Events {
		if protected[e.Kind] && mailed(e) && !arrived[strconv.FormatInt(e.Seq, 10)] {
			complain(e.Time, "nobody was mailed about event %d, %s of %s: %s", e.Seq, e.Kind, cmp.Or(e.Server, "the standby"), e.Message)
		}
	}
}

// mailed says whether an event of a protected kind is always mailed. Good news is mailed to those who were told of the
// bad; and a takeover that failoverd has decided on begins with the mail that says that the server is down.
func mailed(e journal.Event) bool {
	byOrder := e.Kind == "decision.refused" && e.Actor.Kind == "user" // who ordered it has the answer
	return e.Severity != journal.Info && e.Kind != "takeover.started" && !byOrder
}

// eventOf is the number of the event in the identifier of a mail: INCIDENT.EVENT.TIME.….
func eventOf(id string) string {
	parts := strings.Split(strings.Trim(id, "<>"), ".")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// failuresExplained: a server is down, nobody serves it, and nothing says why not.
func failuresExplained(h *History, complain complaint) {
	for _, r := range h.Rests {
		if !r.Alive || r.Uneasy != "" {
			continue
		}
		for _, s := range r.Status.Servers {
			if s.State == failure && s.Role == standingBy && s.Hold == nil && s.Summary == "" {
				complain(r.At, "%s is down and nobody serves it: nothing says why", s.Name)
			}
			if s.State == failure && s.Role == standingBy && s.Incident == "" {
				complain(r.At, "%s is down and nobody serves it: no incident is open", s.Name)
			}
		}
	}
}

// crashesExamined: an operation was open when the daemon was killed, and nothing in the history says what became of it.
func crashesExamined(h *History, complain complaint) {
	for _, o := range h.Operations {
		for _, l := range h.Lives {
			if l.How != "killed" || !l.Until.After(o.Started.Add(margin)) || !l.Until.Before(h.ended(o).Add(-margin)) {
				continue
			}
			next := slices.IndexFunc(h.Lives, func(n Life) bool { return n.From.After(l.Until) })
			if next < 0 || !h.awake(h.Lives[next].From, h.Lives[next].From.Add(patience)) {
				continue
			}
			if !slices.ContainsFunc(h.Events, func(e journal.Event) bool {
				said := e.Operation == o.ID || e.Server == o.Server && (strings.HasSuffix(e.Kind, ".examined") || strings.HasSuffix(e.Kind, ".resumed") || strings.HasSuffix(e.Kind, ".closed"))
				return said && e.Time.After(l.Until)
			}) {
				complain(l.Until, "the daemon was killed in the middle of the %s %s of %s, and no event says what became of it", o.Kind, o.ID, o.Server)
			}
		}
	}
}

// historyKept: an event that was there is not there any more, or numbers do not grow.
func historyKept(h *History, complain complaint) {
	for _, e := range h.Vanished {
		complain(e.Time, "event %d, %s of %s, is not in the history any more", e.Seq, e.Kind, cmp.Or(e.Server, "the standby"))
	}
	for i := 1; i < len(h.Events); i++ {
		if h.Events[i].Seq <= h.Events[i-1].Seq {
			complain(h.Events[i].Time, "event %d comes after event %d", h.Events[i].Seq, h.Events[i-1].Seq)
		}
	}
}

// operationsSigned: an operation has nobody who asked for it; or an order was carried out whose reason is another one
// than was given.
func operationsSigned(h *History, complain complaint) {
	for _, o := range h.Operations {
		if o.By.Kind == "" || o.By.Name == "" {
			complain(o.Started, "the %s %s of %s is signed by %q %q", o.Kind, o.ID, o.Server, o.By.Kind, o.By.Name)
		}
		if !automatic(o) && o.By.Kind == "user" && !strings.Contains(o.Reason, reasonPrefix) {
			complain(o.Started, "the %s %s of %s was ordered by %s for %q, a reason that nobody gave", o.Kind, o.ID, o.Server, o.By.Name, o.Reason)
		}
	}
}

// reasonPrefix begins the reason of each order of a story.
const reasonPrefix = "story: "

// reasonOf is the reason of the order of a step.
func reasonOf(number int) string { return fmt.Sprintf("%sstep %d", reasonPrefix, number) }
