package monitor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// event turns a line about one server into an event.
func (s *scenario) event(n, what string) error {
	v := s.servers[n]
	e := Event{}
	rest := what
	is := func(prefix string) bool {
		if what == prefix || strings.HasPrefix(what, prefix+" ") {
			rest = strings.TrimSpace(strings.TrimPrefix(what, prefix))
			return true
		}
		return false
	}
	path := func() {
		if strings.HasPrefix(rest, "path ") {
			i, _ := strconv.Atoi(rest[5:])
			e.Path = i - 1
		}
	}
	who := func() {
		rest = strings.TrimPrefix(rest, "by ")
		e.By, e.Reason, _ = strings.Cut(rest, ": ")
	}
	at := func() {
		rest = strings.TrimPrefix(rest, "at ")
		e.Step, e.Reason, _ = strings.Cut(rest, ": ")
	}
	switch {
	case is("answered"):
		e.Kind, e.RTT = Answered, 300*time.Microsecond
		path()
	case is("missed"):
		e.Kind, e.Sent, e.Evidence = Missed, s.now.Add(-v.policy.Timeout), "no answer within "+v.policy.Timeout.String()
		e.Unwitnessed = !s.off && v.facts.Unwitnessed(e.Sent, s.heard())
		path()
	case is("cannot ask"):
		e.Kind, e.Evidence = CannotAsk, "no route to host"
		path()
	case is("late"):
		e.Kind = Late
		e.RTT, _ = time.ParseDuration(rest)
	case is("arp answers"):
		v.arp = rest
		return nil
	case is("arp silent"):
		v.arp = ""
		return nil
	case is("neighbour known"):
		e.Kind, e.MAC = NeighbourKnown, rest
	case is("probe"):
		w := strings.Fields(rest)
		e.Probe, e.Evidence = w[0], "connection refused"
		e.Kind = ProbePassed
		if w[1] == "failed" {
			e.Kind, e.Limit = ProbeFailed, 3
			e.Severity = map[string]Severity{"info": Info, "degraded": Degraded, "failure": Fatal}[w[2]]
		}
	case is("suspended until"):
		length, err := time.ParseDuration(rest)
		if err != nil {
			return err
		}
		e.Kind, e.By, e.Reason, e.Until = Suspend, "anna", "maintenance", s.now.Add(length)
	case is("suspended"):
		e.Kind = Suspend
		who()
	case is("suspension ended"):
		e.Kind, e.Reason = Resume, "its end has come"
	case is("resumed"):
		e.Kind = Resume
		who()
	case is("stopped"):
		e.Kind = Stop
		who()
	case is("failover ordered"):
		e.Kind = FailoverOrdered
		who()
	case is("release ordered"):
		e.Kind = ReleaseOrdered
		who()
	case is("final stop of a hand-over"):
		e.Kind, e.Planned = FailoverOrdered, true
		who()
	case is("hand-over done"):
		e.Kind, e.Planned, e.Reason, e.Touched = TakeoverDone, true, "took 3 ms", true
	case is("hand-over kept"):
		e.Kind, e.Planned, e.Kept, e.Touched = TakeoverFailed, true, true, true
		at()
	case is("hand-over failed"):
		e.Kind, e.Planned = TakeoverFailed, true
		at()
	case is("final stop of a failback"):
		e.Kind, e.Back = ReleaseOrdered, true
		who()
	case is("failback done"):
		e.Kind, e.Back, e.Reason = ReleaseDone, true, "took 3 ms"
		e.By = strings.TrimPrefix(rest, "by ")
	case is("failback kept"):
		e.Kind, e.Back, e.Kept = ReleaseFailed, true, true
		at()
	case is("failback failed"):
		e.Kind, e.Back = ReleaseFailed, true
		at()
	case is("takeover done"):
		e.Kind, e.Reason, e.Touched = TakeoverDone, "took 3 ms", true
	case is("takeover refused"):
		e.Kind, e.Step, e.Refused, e.Reason = TakeoverFailed, "probe", AddressInUse, rest+" answers for the address"
	case is("takeover kept"):
		e.Kind, e.Kept, e.Touched = TakeoverFailed, true, true
		at()
	case is("takeover failed"):
		e.Kind = TakeoverFailed
		at()
	case is("release done"):
		e.Kind, e.Reason = ReleaseDone, "took 3 ms"
		e.By = strings.TrimPrefix(rest, "by ")
	case is("release failed"):
		e.Kind = ReleaseFailed
		at()
	case is("claimed"):
		e.Kind, e.MAC, e.Evidence = Claimed, rest, "ARP from "+rest
	case is("cleared"):
		e.Kind = Cleared
	case is("copy started"):
		e.Kind, e.Direction, e.Reason = CopyStarted, FromLive, "nightly"
		switch rest {
		case "to live":
			e.Direction = ToLive
		case "from live, discarding":
			e.Discard = true
		}
	case is("copy late"):
		e.Kind, e.Reason = CopyLate, "no complete copy since yesterday"
	case is("copy ended"):
		e.Kind, e.Successful, e.Reason = CopyEnded, rest == "well", "nightly"
	case is("crashed and started"):
		e.Kind = Started
		v.restart()
	case is("host rebooted"):
		e.Kind, e.Rebooted = Started, true
		v.restart()
	default:
		return fmt.Errorf("nothing known happens: %q", what)
	}
	s.step(n, e)
	if e.Kind == Missed && v.asking && v.onLink {
		s.asked(n)
	}
	return nil
}

// restart leaves a server's facts as a journal would.
func (w *watched) restart() {
	known := w.facts.Neighbour.Known
	w.facts.Counters = Counters{Paths: make([]PathCount, len(w.facts.Paths))}
	if w.onLink {
		w.facts.Neighbour = Neighbour{OnLink: true, Known: known}
	}
	w.asking = false
}

// asked asks a server by ARP, three times between two pings.
func (s *scenario) asked(n string) {
	for range 3 {
		s.step(n, Event{Kind: NeighbourAsked})
		if mac := s.servers[n].arp; mac != "" {
			s.step(n, Event{Kind: NeighbourAnswered, MAC: mac})
		}
	}
}

// step takes an event to the machine and notes what follows. What is wanted of
// the standby is done as it does it.
func (s *scenario) step(n string, e Event) {
	s.t.Helper()
	s.steps++
	v := s.servers[n]
	e.At = s.now
	before := v.facts
	after, effects := Step(before, e, v.policy)
	if what := broken(before, e, v.policy, after, effects); what != "" {
		s.t.Fatalf("%s: %s on %s", n, what, e.Kind)
	}
	v.facts = after
	for _, x := range effects {
		switch x.Do {
		case Note, Alert:
			s.said = append(s.said, fmt.Sprintf("%s %s %s %s | %s", n, x.Do, x.Event, x.Message, x.Reason))
		case TakeOver, Release, CancelTakeOver, CancelCopy, DefendAddress, AnnouncePrimary:
			s.said = append(s.said, fmt.Sprintf("%s %s | %s", n, x.Do, x.Reason))
		default:
			s.quiet = append(s.quiet, fmt.Sprintf("%s %s", n, x.Do))
		}
		switch x.Do {
		case AskNeighbour:
			v.asking = true
		case StopAsking:
			v.asking = false
		case Consider:
			v.due = true
		}
	}
	if v.due {
		v.due = false
		s.decide(n)
	}
}

// decide asks the four questions about one server.
func (s *scenario) decide(n string) {
	v := s.servers[n]
	if s.isolated || v.facts.Health != Failure || v.facts.Role != StandingBy {
		return
	}
	m := Situation{
		Now: s.now, Facts: v.facts, Policy: v.policy, Link: "eth0", LinkUp: s.linkUp,
		SettledAt: s.settled, Unsettled: "the link came up", WitnessesOff: s.off, Capacity: s.capacity, Data: s.data,
		Witnesses: []Witness{{"gateway", s.answered}},
	}
	for _, o := range s.order {
		if o != n {
			m.Others = append(m.Others, Other{o, s.servers[o].facts, s.servers[o].policy})
		}
	}
	d := Decide(m)
	if d.Isolated {
		s.isolate(d.Hold.Reason)
		return
	}
	s.step(n, Event{Kind: Decided, Decision: &d})
}

// isolate freezes every server.
func (s *scenario) isolate(reason string) {
	s.isolated = true
	for _, n := range s.order {
		s.step(n, Event{Kind: Froze, Reason: "the standby is isolated: " + reason})
	}
}

// follows checks one line: "nothing", "a state Failure", "a hold manual", "a
// quiet consider", "a alert server.warning 5 of 15".
func (s *scenario) follows(line string) error {
	s.delivered++
	if line == "nothing" {
		return s.allTold()
	}
	n, rest, _ := strings.Cut(line, " ")
	v := s.servers[n]
	if v == nil {
		return fmt.Errorf("no server %q", n)
	}
	key, value, _ := strings.Cut(rest, " ")
	f := v.facts
	have := ""
	switch key {
	case "state":
		have = f.State().String()
	case "role":
		have = f.Role.String()
	case "health":
		have = f.Health.String()
	case "activity":
		have = f.Activity.String()
	case "misses":
		have = strconv.Itoa(f.Misses)
	case "limit":
		have = strconv.Itoa(f.Limit(v.policy))
	case "epoch":
		have = strconv.FormatUint(f.Epoch, 10)
	case "hold":
		have = string(f.Hold.Code)
		if have == "" {
			have = "none"
		}
	case "facts":
		have = strings.Join(f.words(), ", ")
	case "sync":
		have = fmt.Sprintf("files %t, database %t", f.FileSync(), f.DatabaseSync())
	case "quiet":
		if !slices.Contains(s.quiet, n+" "+value) {
			return fmt.Errorf("not among %q", s.quiet)
		}
		return nil
	default:
		return s.told(n, rest)
	}
	if have != value {
		return fmt.Errorf("have %s", have)
	}
	return nil
}

// words are the further facts that are true.
func (f Facts) words() []string {
	words := []string{}
	for _, w := range []struct {
		is   bool
		name string
	}{
		{f.Diverged, "diverged"},
		{f.OutOfDate, "out of date"},
		{f.AwaitsPrimary, "awaits primary"},
		{f.AfterReboot, "after reboot"},
		{f.Ordered, "ordered"},
		{f.Incomplete != "", "incomplete"},
		{f.Acknowledged, "acknowledged"},
		{f.Incident != "", "incident"},
		{f.Frozen, "frozen"},
	} {
		if w.is {
			words = append(words, w.name)
		}
	}
	if len(words) == 0 {
		return []string{"none"}
	}
	return words
}

// told takes the next effect off the list: it begins with the words of the
// line up to its kind, and has the rest of the line in it.
func (s *scenario) told(n, want string) error {
	if len(s.said) == 0 {
		return fmt.Errorf("nothing more followed")
	}
	have := s.said[0]
	head, text := want, ""
	if strings.HasPrefix(want, "note ") || strings.HasPrefix(want, "alert ") {
		w := strings.SplitN(want, " ", 3)
		head = w[0] + " " + w[1]
		if len(w) == 3 {
			text = w[2]
		}
	} else if before, after, ok := strings.Cut(want, ": "); ok {
		head, text = before, after
	}
	if !strings.HasPrefix(have, n+" "+head+" ") || !strings.Contains(have, text) {
		return fmt.Errorf("have %s", have)
	}
	s.said = s.said[1:]
	return nil
}

// heard is when anybody last answered: the gateway, or a primary.
func (s *scenario) heard() time.Time {
	last := s.answered
	for _, v := range s.servers {
		if v.facts.LastAnswer.After(last) {
			last = v.facts.LastAnswer
		}
	}
	return last
}
