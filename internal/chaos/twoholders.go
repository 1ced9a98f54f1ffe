package chaos

import (
	"slices"
	"time"
)

const (
	// asked is for how long another host must have had the address, and been reached, before the standby took it: then
	// the standby's questions have had an answer.
	asked = 3 * time.Second
	// patience is how long failoverd may take, on a busy machine, for what it does within a second or a few.
	patience = 20 * time.Second
)

// theStandby is the name of the standby's host.
const theStandby = "standby"

// held are the times in which the standby had a service address.
func (h *History) held() (list []Hold) {
	for _, hold := range h.Holds {
		if hold.Host == theStandby {
			list = append(list, hold)
		}
	}
	return list
}

// others are the times in which other hosts had an address.
func (h *History) others(address string) (list []Hold) {
	for _, hold := range h.Holds {
		if hold.Host != theStandby && hold.Address == address {
			list = append(list, hold)
		}
	}
	return list
}

// assumedBesideAnother: the standby takes an address that another host has, which it could have asked.
func assumedBesideAnother(h *History, complain complaint) {
	for _, mine := range h.held() {
		if h.accepted(serverOf(mine.Address), "address-in-use", mine.From) || h.putBack(mine) {
			continue
		}
		before, after := mine.From.Add(-asked), mine.From.Add(time.Second)
		if h.paused(before.Add(-2*time.Second), after) {
			continue // It was stopped between the question and the deed: nobody could know better.
		}
		for _, other := range h.others(mine.Address) {
			if other.covers(before, after) && h.reached(other.Host, before, after) && h.reached(theStandby, before, after) {
				complain(mine.From, "the standby took %s, which %s had since %v", mine.Address, other.Host, mine.From.Sub(other.From).Round(time.Second))
			}
		}
	}
}

// heldBesideAnother: two hosts have an address, each can hear the other, and neither gives way nor is anybody told.
func heldBesideAnother(h *History, complain complaint) {
	for _, mine := range h.held() {
		for _, other := range h.others(mine.Address) {
			from, until, both := h.together(mine, other)
			if !both || until.Sub(from) < patience || !h.awake(from, from.Add(patience)) {
				continue
			}
			server := serverOf(mine.Address)
			if h.accepted(server, "address-in-use", mine.From) {
				continue
			}
			if yields(server) {
				complain(from.Add(patience), "the standby and %s both have %s, and on_claim is yield", other.Host, mine.Address)
			} else if !h.happened(server, "address.conflict", mine.From, from.Add(patience)) {
				complain(from.Add(patience), "the standby and %s both have %s, and no conflict is in the history", other.Host, mine.Address)
			}
		}
	}
}

// together is the longest time in which two hosts had an address and each could hear the other.
func (h *History) together(mine, other Hold) (from, until time.Time, both bool) {
	for _, a := range h.Reached {
		for _, b := range h.Reached {
			if a.Host != mine.Host || b.Host != other.Host {
				continue
			}
			f, u := common(h.Ended, mine.Span, other.Span, a.Span, b.Span)
			if u.Sub(f) > until.Sub(from) || !both && u.After(f) {
				from, until, both = f, u, true
			}
		}
	}
	return from, until, both
}

// common is the time that spans have in common; it ends before it begins if they have none.
func common(end time.Time, spans ...Span) (from, until time.Time) {
	until = end
	for _, s := range spans {
		if s.From.After(from) {
			from = s.From
		}
		if !s.Until.IsZero() && s.Until.Before(until) {
			until = s.Until
		}
	}
	return from, until
}

// putBack says whether the standby only puts back an address that somebody had taken away from it.
func (h *History) putBack(mine Hold) bool {
	return slices.ContainsFunc(h.held(), func(before Hold) bool {
		return before.Address == mine.Address && !before.Until.IsZero() && !before.Until.After(mine.From) && mine.From.Sub(before.Until) < patience &&
			len(h.did(before.Until.Add(-time.Second), before.Until.Add(time.Second), "remove")) > 0
	})
}

// accepted says whether the operator of the last takeover before a moment had accepted a check by its name.
func (h *History) accepted(server, check string, at time.Time) bool {
	accepted := false
	for _, o := range h.Operations {
		if o.Server == server && o.Kind == takeoverKind && !o.Started.After(at.Add(time.Second)) {
			accepted = slices.Contains(o.Accept, check)
		}
	}
	return accepted
}

// servedByBoth: users are answered by the primary and by the stand-in in turn although each can hear the other, and
// nobody is told.
func servedByBoth(h *History, complain complaint) {
	type seen struct{ at, since time.Time }
	last := map[string]map[bool]seen{} // by server; of its stand-in, or not
	for _, a := range h.Answers {
		standIn := a.By != "" && a.By[0] == 's'
		of := last[a.Server]
		if of == nil {
			of = map[bool]seen{}
			last[a.Server] = of
		}
		mine, other := of[standIn], of[!standIn]
		if mine.at.IsZero() || a.At.Sub(mine.at) > 2*time.Second {
			mine.since = a.At
		}
		mine.at = a.At
		of[standIn] = mine
		from := mine.since
		if other.since.After(from) {
			from = other.since
		}
		if !other.at.IsZero() && a.At.Sub(other.at) < 2*time.Second && a.At.Sub(from) > patience && h.awake(from, a.At) &&
			!h.happened(a.Server, "address.conflict", from.Add(-patience), a.At) {
			complain(a.At, "the users of %s have been answered by the primary and by the stand-in for %v, and no conflict is in the history", a.Server, a.At.Sub(from))
			return
		}
	}
}
