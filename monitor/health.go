package monitor

import "time"

// count takes what an event says about the probes into the counters. It
// decides nothing: it only keeps the numbers from which assess reads the health.
func (f *Facts) count(e Event, p Policy) {
	switch e.Kind {
	case Answered:
		f.answered(e)
	case Missed:
		f.missed(e)
	case CannotAsk:
		if c := f.path(e.Path); c != nil {
			c.Unknown = true
		}
		f.countUnknown()
	case Late:
		f.RTT = e.RTT
	case ProbeFailed:
		if f.Frozen {
			return
		}
		c := f.probe(e.Probe)
		if c.Misses == 0 {
			c.Since = e.At
		}
		c.Misses++
		c.Severity, c.Evidence = e.Severity, e.Evidence
		c.Failed = c.Misses >= max(e.Limit, 1)
	case ProbePassed:
		c := f.probe(e.Probe)
		c.Misses, c.Failed, c.Since, c.Evidence = 0, false, time.Time{}, e.Evidence
	case NeighbourKnown:
		// What the kernel learns once somebody has answered in the primary's
		// place may be that somebody's address.
		f.Neighbour.OnLink = true
		if e.MAC != "" && (f.Neighbour.Answered.IsZero() || f.Neighbour.Known == "") {
			f.Neighbour.Known = e.MAC
		}
	case NeighbourAsked:
		n := &f.Neighbour
		n.OnLink = true
		n.Asked++
		n.Silent++
		n.LastAsked = e.At
		if n.FirstAsked.IsZero() {
			n.FirstAsked = e.At
		}
	case NeighbourAnswered:
		f.Neighbour.OnLink = true
		f.Neighbour.Answered, f.Neighbour.MAC, f.Neighbour.Silent = e.At, e.MAC, 0
	case Froze:
		f.Frozen = true
	case Thawed:
		// Counting starts afresh: what was missed while the standby was cut off
		// says nothing about the primary.
		f.Frozen = false
		f.forgetMisses()
	case Started:
		f.forgetMisses()
		f.AnsweringSince = time.Time{}
	}
}

// answered counts a ping that was answered in time. One path that answers is
// enough: the server is there.
func (f *Facts) answered(e Event) {
	if c := f.path(e.Path); c != nil {
		*c = PathCount{LastRTT: e.RTT, LastSeen: e.At, Dead: c.Dead}
	}
	f.Unknowns, f.UnknownAlerted = 0, false
	f.LastAnswer, f.RTT = e.At, e.RTT
	if f.AnsweringSince.IsZero() {
		f.AnsweringSince = e.At
	}
	f.AfterReboot = false
	f.Misses, f.Warned, f.LateNoted = 0, false, false
	f.SilentSince, f.FailedAt = time.Time{}, time.Time{}
	f.Neighbour.Asked, f.Neighbour.Silent, f.Neighbour.FirstAsked = 0, 0, time.Time{}
	f.Neighbour.Answered, f.Neighbour.LastAsked = time.Time{}, time.Time{}
}

// missed counts a ping that was not answered in time. The server is missed
// only when every path is: its count is the smallest count of its paths. A path
// that cannot be asked keeps its count, so it never makes up for an answer.
func (f *Facts) missed(e Event) {
	c := f.path(e.Path)
	if c == nil || f.Frozen {
		return
	}
	c.Misses++
	c.Unknown = false
	f.countUnknown()
	least := c.Misses
	for _, other := range f.Paths {
		least = min(least, other.Misses)
	}
	if least == 0 {
		return
	}
	f.Misses = least
	f.AnsweringSince = time.Time{}
	if f.SilentSince.IsZero() {
		f.SilentSince = e.Sent
	}
}

// forgetMisses begins counting afresh.
func (f *Facts) forgetMisses() {
	for i := range f.Paths {
		f.Paths[i].Misses = 0
	}
	f.Misses, f.Unknowns, f.Warned, f.LateNoted = 0, 0, false, false
	f.SilentSince, f.FailedAt = time.Time{}, time.Time{}
	known, onLink := f.Neighbour.Known, f.Neighbour.OnLink
	f.Neighbour = Neighbour{Known: known, OnLink: onLink}
	for i := range f.Probes {
		f.Probes[i].Misses, f.Probes[i].Failed, f.Probes[i].Since = 0, false, time.Time{}
	}
}

// judge is the health after an event. What was missed makes it worse, what was
// answered makes it better, and nothing else changes it: a threshold that a
// reload has moved takes effect with the next miss or answer.
func (f Facts) judge(e Event, p Policy) Health {
	switch e.Kind {
	case Missed, ProbeFailed, Froze:
		return max(f.Health, f.assess(p))
	case Answered, ProbePassed, Thawed:
		return min(f.Health, f.assess(p))
	}
	return f.Health
}

// assess reads the health from the counters.
func (f Facts) assess(p Policy) Health {
	switch {
	case f.Mode != Active:
		return OK
	case f.Frozen && f.Role == StandingBy:
		return Suspect
	case f.Frozen && f.AnsweringSince.IsZero():
		return f.Health
	case f.Misses >= f.Limit(p):
		return Failure
	case f.probesFailed(Fatal):
		return Failure
	case f.Health == Failure && f.AnsweringSince.IsZero():
		// A failure stays one until the primary has answered, also when
		// counting began afresh after a restart or a release.
		return Failure
	case f.Misses > 0 || f.probesFailed(Degraded):
		return Suspect
	case f.Health == Suspect && f.AnsweringSince.IsZero():
		// Not answering, not counted either: thawed a moment ago, or nothing
		// could be asked.
		return Suspect
	}
	return OK
}

// path returns the counter of one address, or nil if there is no such path.
func (f *Facts) path(i int) *PathCount {
	if i < 0 || i >= len(f.Paths) {
		return nil
	}
	return &f.Paths[i]
}

// countUnknown counts a beat on which nobody answered because at least one path
// could not be asked, and no other path answers.
func (f *Facts) countUnknown() {
	unknown := false
	for _, c := range f.Paths {
		if !c.Unknown && c.Misses == 0 {
			f.Unknowns = 0
			return
		}
		unknown = unknown || c.Unknown
	}
	if !unknown {
		f.Unknowns = 0
		return
	}
	f.Unknowns++
	f.AnsweringSince = time.Time{}
}

// probe returns the counter of a further probe, made at its first result.
func (f *Facts) probe(name string) *ProbeCount {
	for i := range f.Probes {
		if f.Probes[i].Name == name {
			return &f.Probes[i]
		}
	}
	f.Probes = append(f.Probes, ProbeCount{Name: name})
	return &f.Probes[len(f.Probes)-1]
}

// probesFailed reports whether a further probe of this severity has failed.
func (f Facts) probesFailed(s Severity) bool {
	for _, c := range f.Probes {
		if c.Failed && c.Severity == s {
			return true
		}
	}
	return false
}

// silentSince is since when the server has been failing: the first ping of this
// run of misses, or the first failure of a probe that takes part in the decision.
func (f Facts) silentSince() time.Time {
	since := f.SilentSince
	for _, c := range f.Probes {
		if c.Failed && c.Severity == Fatal && (since.IsZero() || c.Since.Before(since)) {
			since = c.Since
		}
	}
	return since
}

// Unwitnessed reports whether nobody else has answered since the server fell
// silent, or since the ping that was sent at that time if it is the first to be
// missed. Heard is when a witness or another primary last answered.
func (f Facts) Unwitnessed(sent, heard time.Time) bool {
	since := f.SilentSince
	if since.IsZero() {
		since = sent
	}
	return heard.Before(since)
}
