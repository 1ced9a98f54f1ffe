package monitor

import "fmt"

// Step is the whole behaviour of one server: what the facts become on an
// event, and what has to be done because of it. It never changes the facts
// that it is given.
//
// The counters are brought up to date first, then the health is read from
// them, and then the first row of Table that fits says what follows.
func Step(f Facts, e Event, p Policy) (Facts, []Effect) {
	if observed(e.Kind) && !f.Monitored() {
		next := f.clone()
		// Not monitored: an answer that was under way says nothing. Whether the
		// standby is isolated is remembered, for when the server is resumed.
		next.Frozen = e.Kind == Froze || next.Frozen && e.Kind != Thawed
		return next, nil
	}
	next := f.counted(e, p)
	row := find(f, next, e, p)
	effects := row.apply(f, &next, e, p)
	effects = append(effects, edges(f, &next, e, p)...)
	effects = append(effects, asking(f, next, e)...)
	if next.Role != StandingBy && next.Health == Failure {
		next.Failed = true
	}

	if next.Frozen && next.Monitored() && next.Role == StandingBy && f.Role != StandingBy {
		next.Health = Suspect // as every server that an isolated standby cannot judge
	}

	if f.State() != next.State() {
		next.StateSince = e.At
	}
	if f.Role != next.Role {
		next.RoleSince = e.At
	}
	if f.FileSync() != next.FileSync() || f.DatabaseSync() != next.DatabaseSync() {
		effects = append(effects, Effect{Do: SyncChanged})
	}
	if next.Health == Failure && f.Health != Failure {
		next.FailedAt = e.At
	}
	return next, effects
}

// counted returns the facts with the event in the counters and in the health,
// which is what the rows of Table look at.
func (f Facts) counted(e Event, p Policy) Facts {
	next := f.clone()
	next.count(e, p)
	next.Health = next.judge(e, p)
	return next
}

// observed reports whether an event of this kind comes from watching the
// server, which is done in mode active only.
func observed(k Kind) bool {
	switch k {
	case Answered, Missed, CannotAsk, Late, ProbeFailed, ProbePassed, Froze, Thawed,
		NeighbourKnown, NeighbourAsked, NeighbourAnswered:
		return true
	}
	return false
}

// find returns the first row that fits. Each kind of event has a row that
// fits always, so that there is an answer to everything; a test proves it.
func find(before, after Facts, e Event, p Policy) *Row {
	for i := range Table {
		if Table[i].fits(before, after, e, p) {
			return &Table[i]
		}
	}
	panic(fmt.Sprintf("no row for %s in mode %s, health %s, role %s", e.Kind, before.Mode, before.Health, before.Role))
}

// Changed reports whether the part of the facts that is written down differs.
func Changed(a, b Facts) bool { return a.Kept != b.Kept }
