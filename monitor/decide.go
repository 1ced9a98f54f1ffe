package monitor

import (
	"fmt"
	"strings"
	"time"
)

// Situation is everything that a decision about one failed server looks at.
type Situation struct {
	Now    time.Time
	Facts  Facts
	Policy Policy

	Link         string    // the takeover interface
	LinkUp       bool      // it is up and has a carrier
	SettledAt    time.Time // nothing is decided before; zero: settled
	Unsettled    string    // why: "the link came up", "the host booted", "the standby was stopped for 61 s"
	Unreadable   string    // why the journal could not be read at the start; empty if it could
	Unwritable   string    // why the journal cannot be written; empty if it can
	WitnessesOff bool      // witnesses: []
	Witnesses    []Witness
	Others       []Other
	Capacity     int
	Data         Data
}

// Witness is an address whose answer proves that the standby is connected.
type Witness struct {
	Name       string
	LastAnswer time.Time
}

// Other is another server, as far as it matters for this one: as a witness, as
// a fellow sufferer, as a rival for the capacity.
type Other struct {
	Name   string
	Facts  Facts
	Policy Policy
}

// Data is what is known about the standby's copy.
type Data struct {
	Replicated bool          // databases or files are configured and replicated
	Complete   bool          // a copy was completed at least once
	Age        time.Duration // of the last complete copy
	Note       string        // what is said where nothing is replicated
}

// Decision is the answer, with its reasons.
type Decision struct {
	TakeOver bool
	Hold     Hold
	Steps    [4]Answer
	Isolated bool // the standby itself is cut off: this concerns every server
}

// Answer is one of the four questions and what came of it. Asked is false if
// an earlier question was answered with no.
type Answer struct {
	Question string
	Asked    bool
	Passed   bool
	Reason   string
}

// The four questions, in the order in which they are asked.
const (
	IsItUs    = "Is it us?"
	IsRoom    = "Is there room?"
	MayWe     = "May we?"
	IsDataFit = "Is the data fit?"
)

// Decide answers whether a failed server is taken over, asking the four
// questions in order. The first no holds the takeover; it is asked again with
// every further miss.
func Decide(s Situation) Decision {
	d := Decision{Steps: [4]Answer{{Question: IsItUs}, {Question: IsRoom}, {Question: MayWe}, {Question: IsDataFit}}}
	for i, ask := range []func(Situation) (Code, string){isItUs, isRoom, mayWe, isDataFit} {
		code, reason := ask(s)
		d.Steps[i].Asked, d.Steps[i].Passed, d.Steps[i].Reason = true, code == NoHold, reason
		if code != NoHold {
			d.Hold = Hold{Code: code, Reason: reason}
			d.Isolated = code == Isolated
			return d
		}
	}
	d.TakeOver = true
	return d
}

// Summary is the decision in a line: what each question was answered with.
func (d Decision) Summary() string {
	var parts []string
	for _, a := range d.Steps {
		if a.Asked {
			parts = append(parts, strings.TrimSuffix(strings.ToLower(a.Question), "?")+": "+a.Reason)
		}
	}
	return strings.Join(parts, "; ")
}

// isItUs asks whether the fault is at the standby: its link, its network, or
// the segment that it shares with others that fell silent too.
func isItUs(s Situation) (Code, string) {
	if s.Unreadable != "" {
		return Unreadable, "the journal cannot be read, and on a state that is not known nothing is done: " + s.Unreadable
	}
	if s.Unwritable != "" {
		return Unwritable, "the journal cannot be written, and what cannot be remembered is not done: " + s.Unwritable
	}
	if !s.LinkUp {
		return Isolated, fmt.Sprintf("the standby's own link %s is down", s.Link)
	}
	if s.Now.Before(s.SettledAt) {
		return Unsettled, fmt.Sprintf("%s; nothing is decided before %s", s.Unsettled, clock(s.SettledAt))
	}
	if s.WitnessesOff {
		return NoHold, "link " + s.Link + " is up; witnesses are turned off"
	}
	who, when := s.lastWitness()
	silent := s.Facts.silentSince()
	// A server that waited for hours is decided on fresh evidence: an answer
	// from the beginning of its silence says nothing about now.
	since := silent
	if fresh := s.Now.Add(-s.Policy.Window(s.Facts.Limit(s.Policy))); fresh.After(since) {
		since = fresh
	}
	if when.Before(since) || who == "" {
		return Isolated, "no witness has answered since " + clock(since) + ": " + s.witnessList()
	}
	if fellows := s.fellows(); len(fellows) > 0 {
		names, latest := []string{}, silent
		for _, o := range fellows {
			names = append(names, o.Name)
			if o.Facts.SilentSince.After(latest) {
				latest = o.Facts.SilentSince
			}
		}
		if when.Before(latest) {
			return Segment, fmt.Sprintf("%s fell silent as well, and no witness has answered since %s",
				strings.Join(names, ", "), clock(latest))
		}
		return NoHold, fmt.Sprintf("%s fell silent as well, but %s answered at %s", strings.Join(names, ", "), who, clock(when))
	}
	return NoHold, fmt.Sprintf("link %s is up and %s answered at %s", s.Link, who, clock(when))
}

// lastWitness is who answered last: a witness, another primary, or this one
// itself where a probe failed and pings are answered.
func (s Situation) lastWitness() (who string, when time.Time) {
	for _, w := range s.Witnesses {
		if w.LastAnswer.After(when) {
			who, when = w.Name, w.LastAnswer
		}
	}
	for _, o := range s.Others {
		if o.Facts.Mode == Active && o.Facts.LastAnswer.After(when) {
			who, when = o.Name, o.Facts.LastAnswer
		}
	}
	if own := s.Facts.LastAnswer; s.Facts.Misses == 0 && own.After(when) {
		who, when = s.Policy.Server, own
	}
	return who, when
}

// witnessList names everybody who could have answered.
func (s Situation) witnessList() string {
	var names []string
	for _, w := range s.Witnesses {
		names = append(names, w.Name)
	}
	for _, o := range s.Others {
		if o.Facts.Mode == Active {
			names = append(names, o.Name)
		}
	}
	if len(names) == 0 {
		return "there is none (no default gateway, no other primary; see standby.witnesses)"
	}
	return strings.Join(names, ", ")
}

// fellows are the other servers that fell silent within the same window.
func (s Situation) fellows() []Other {
	var fellows []Other
	window := s.Policy.Window(s.Facts.Limit(s.Policy))
	for _, o := range s.Others {
		since := o.Facts.SilentSince
		if o.Facts.Mode != Active || o.Facts.Role != StandingBy || since.IsZero() || o.Facts.Misses == 0 {
			continue
		}
		if apart := since.Sub(s.Facts.silentSince()); apart <= window && -apart <= window {
			fellows = append(fellows, o)
		}
	}
	return fellows
}

// isRoom asks whether the standby is free for this server, and whether another
// one comes first: higher priority, then longer in failure.
func isRoom(s Situation) (Code, string) {
	used, names := 0, []string{}
	for _, o := range s.Others {
		if o.Facts.Role != StandingBy {
			used++
			names = append(names, o.Name)
		}
	}
	if used >= s.Capacity {
		return Waiting, fmt.Sprintf("the standby stands in for %s already (capacity %d)", strings.Join(names, ", "), s.Capacity)
	}
	free := s.Capacity - used
	ahead := []string{}
	for _, o := range s.Others {
		if before(o, s) {
			ahead = append(ahead, fmt.Sprintf("%s (priority %d)", o.Name, o.Policy.Priority))
		}
	}
	if len(ahead) >= free {
		return Waiting, fmt.Sprintf("%s comes first (capacity %d, %d free)", strings.Join(ahead, ", "), s.Capacity, free)
	}
	return NoHold, fmt.Sprintf("%d of %d in use", used, s.Capacity)
}

// before reports whether another failed server has the better claim to the
// capacity. One of higher priority that fell silent in the same window and has
// yet to reach its threshold is waited for, but not longer than it takes to.
func before(o Other, s Situation) bool {
	f := o.Facts
	if f.Mode != Active || f.Role != StandingBy || !o.Policy.Automatic || f.Frozen || f.AwaitsPrimary || f.Setback.Code != NoHold {
		return false
	}
	switch f.Hold.Code {
	case NoHold, Waiting, Segment, Unsettled, Isolated, Asking:
	default:
		return false // it is not going to be taken over by itself
	}
	switch {
	case f.Health == Failure && f.Misses >= f.Limit(o.Policy):
	case f.Misses > 0 && o.Policy.Priority > s.Policy.Priority && s.Now.Before(f.SilentSince.Add(o.Policy.Window(f.Limit(o.Policy)))):
		// It may reach its threshold at any moment.
		return s.Policy.Window(1) >= f.SilentSince.Sub(s.Facts.SilentSince)
	default:
		return false
	}
	if o.Policy.Priority != s.Policy.Priority {
		return o.Policy.Priority > s.Policy.Priority
	}
	if !f.SilentSince.Equal(s.Facts.SilentSince) {
		return f.SilentSince.Before(s.Facts.SilentSince)
	}
	return o.Name < s.Policy.Server
}

// mayWe asks whether failoverd may act by itself, and whether the address is
// free as far as the second witness knows.
func mayWe(s Situation) (Code, string) {
	f, p := s.Facts, s.Policy
	if !p.Automatic {
		return Manual, "takeover: manual; the operator decides"
	}
	if f.AwaitsPrimary {
		return Released, "released, and the primary has not answered since"
	}
	switch f.Setback.Code {
	case NoHold:
	case GaveUp:
		return GaveUp, f.Setback.Reason
	default:
		if s.Now.Sub(f.SetbackAt) < AgainAfter {
			return f.Setback.Code, f.Setback.Reason
		}
	}
	if limit := f.Limit(p); f.Misses < limit && !f.probesFailed(Fatal) {
		return Asking, fmt.Sprintf("counted afresh: %d of %d misses", f.Misses, limit)
	}
	if since := s.Now.Sub(f.LastTakeover); !f.LastTakeover.IsZero() && !f.Acknowledged && since < AntiFlap {
		return Unstable, fmt.Sprintf("unstable: taken over %s ago, and nobody has acknowledged it", since.Round(time.Second))
	}
	return askedNeighbour(s)
}

// Enough questions by ARP: PROBE_NUM of RFC 5227, section 1.1.
const enoughQuestions = 3

// askedNeighbour weighs what the second witness says. An answer that came while
// pings were silent holds the takeover until ARP has been silent for as long
// as it takes to call the pings silent, and was asked meanwhile: who is not
// asked is not silent.
func askedNeighbour(s Situation) (Code, string) {
	n, p := s.Facts.Neighbour, s.Policy
	if s.Facts.Misses == 0 {
		return answersPings(s)
	}
	switch {
	case !n.OnLink:
		return NoHold, "automatic; the primary is beyond a router and cannot be asked by ARP"
	case n.Asked < enoughQuestions:
		return Asking, fmt.Sprintf("asked by ARP %d of %d times", n.Asked, enoughQuestions)
	case n.Answered.IsZero():
		return NoHold, fmt.Sprintf("automatic; nobody answered %d questions by ARP", n.Asked)
	}
	quiet := time.Duration(max(s.Facts.Limit(p)-1, 1)) * p.Interval
	if silent := s.Now.Sub(n.Answered); silent >= quiet && n.Silent >= enoughQuestions {
		return NoHold, fmt.Sprintf("automatic; %s answered by ARP, but not for %s", n.MAC, silent.Round(time.Millisecond))
	}
	if n.Known != "" && n.MAC != n.Known {
		reason := fmt.Sprintf("address conflict: %s answers ARP for the address, the primary was known as %s", n.MAC, n.Known)
		if p.Seize {
			return NoHold, "automatic; on_conflict: seize; " + reason
		}
		return Conflict, reason
	}
	reason := fmt.Sprintf("%s answers ARP, but no pings: ICMP is filtered or its system hangs", n.MAC)
	switch {
	case p.Seize:
		return NoHold, "automatic; on_conflict: seize; " + reason
	case p.Fenced:
		return NoHold, "automatic; it will be fenced and asked again; " + reason
	}
	return AddressInUse, reason
}

// answersPings weighs a server of which a probe has failed while its pings are
// answered: it is there, and holds its address.
func answersPings(s Situation) (Code, string) {
	f, p := s.Facts, s.Policy
	if f.AnsweringSince.IsZero() {
		return Asking, "a probe has failed, but no ping has been answered or missed yet"
	}
	reason := "a probe has failed, but pings are answered, last at " + clock(f.LastAnswer)
	switch {
	case !p.AssumeAddress:
		return NoHold, "automatic; its address is not assumed; " + reason
	case p.Seize:
		return NoHold, "automatic; on_conflict: seize; " + reason
	case p.Fenced:
		return NoHold, "automatic; it will be fenced and asked; " + reason
	}
	return AddressInUse, reason
}

// DataFit asks the last of the four questions alone, for an order that skips the others.
func DataFit(s Situation) (Code, string) { return isDataFit(s) }

// isDataFit asks whether the standby's copy may be worked on.
func isDataFit(s Situation) (Code, string) {
	switch {
	case !s.Data.Replicated:
		return NoHold, s.Data.Note
	case !s.Data.Complete:
		return NoData, "no copy of the primary's data was ever completed"
	case s.Facts.Diverged:
		return NoHold, "the standby's data is newer than the primary's (diverged)"
	case s.Policy.MaxAge > 0 && s.Data.Age > s.Policy.MaxAge:
		return OldData, fmt.Sprintf("the copy is %s old (max_age %s)", s.Data.Age.Round(time.Minute), s.Policy.MaxAge)
	}
	return NoHold, fmt.Sprintf("the copy is %s old", s.Data.Age.Round(time.Minute))
}
