package monitor

import "slices"

// A Row says what follows from an event, for the facts that it fits. An empty
// list fits everything.
type Row struct {
	On   Kind
	Mode []Mode
	Role []Role
	From []Health // the health before the event
	To   []Health // the health that the counters say after it

	// When is a further condition, in words and as code.
	When  string
	guard func(before, after Facts, e Event, p Policy) bool

	// Then is what follows, in words. become changes the facts beyond the
	// counters and the health; effects lists what has to be done.
	Then    string
	become  func(f *Facts, e Event, p Policy)
	effects func(before, after Facts, e Event, p Policy) []Effect
}

// fits reports whether the row is meant for this event and these facts.
func (r *Row) fits(before, after Facts, e Event, p Policy) bool {
	return r.On == e.Kind &&
		among(r.Mode, before.Mode) && among(r.Role, before.Role) &&
		among(r.From, before.Health) && among(r.To, after.Health) &&
		(r.guard == nil || r.guard(before, after, e, p))
}

// apply changes the facts as the row says and returns the effects.
func (r *Row) apply(before Facts, after *Facts, e Event, p Policy) []Effect {
	if r.become != nil {
		r.become(after, e, p)
	}
	if r.effects == nil {
		return nil
	}
	return r.effects(before, *after, e, p)
}

// among reports whether v is in the list, or the list is empty.
func among[T comparable](list []T, v T) bool {
	return len(list) == 0 || slices.Contains(list, v)
}

// Short names, so that the table can be read like one.
var (
	active    = []Mode{Active}
	inactive  = []Mode{Suspended, Stopped}
	by        = []Role{StandingBy}
	over      = []Role{TakingOver}
	in        = []Role{StandingIn}
	away      = []Role{Releasing}
	ok        = []Health{OK}
	suspect   = []Health{Suspect}
	failure   = []Health{Failure}
	notFailed = []Health{OK, Suspect}
	notOK     = []Health{Suspect, Failure}
)

// Table is the state machine. The first row that fits an event is the answer
// to it; the last row of each kind fits always.
var Table = []Row{
	// What the pings say.
	{On: Answered, Role: over, When: "failoverd decided by itself, and it is the first answer", guard: livesAfterAll, Then: "the primary lives: take back what was begun", effects: primaryLives},
	{On: Answered, Role: in, When: "auto_release, back and answering for release_after", guard: releaseIsDue, Then: "release", become: releasing, effects: releaseByItself},
	{On: Answered, Role: in, From: failure, To: notFailed, Then: "primary is back", effects: primaryBack},
	{On: Answered, Role: by, From: notOK, To: ok, Then: "OK again", become: wellAgain, effects: recovered},
	{On: Answered, Role: by, To: ok, When: "an incident is open, or an answer was awaited", guard: answerAwaited, Then: "the incident is over", become: wellAgain, effects: recovered},
	{On: Answered, Role: by, From: failure, To: suspect, Then: "suspect: it answers, but a probe fails", become: halfWell, effects: noteHalfWell},
	{On: Answered, Then: "nothing changes"},
	{On: Missed, Role: by, From: notFailed, To: failure, Then: "failure: consider a takeover", become: openIncident, effects: failed},
	{On: Missed, Role: by, From: failure, To: failure, Then: "still failed: consider a takeover", effects: consider},
	{On: Missed, Role: by, To: suspect, When: "warn_after misses", guard: warningIsDue, Then: "warn", become: warned, effects: warning},
	{On: Missed, Role: by, From: ok, To: suspect, Then: "suspect: ask by ARP as well", effects: suspected},
	{On: Missed, Then: "counted"},
	{On: CannotAsk, Then: "unknown: counts toward nothing"},
	{On: Late, Then: "shown as late: neither a miss nor an answer"},

	// What the further probes say.
	{On: ProbeFailed, Role: by, From: notFailed, To: failure, Then: "failure: consider a takeover", become: openIncident, effects: failed},
	{On: ProbeFailed, Role: by, From: failure, To: failure, Then: "still failed: consider a takeover", effects: consider},
	{On: ProbeFailed, Role: by, From: ok, To: suspect, Then: "suspect", effects: suspectedByProbe},
	{On: ProbeFailed, Then: "counted"},
	{On: ProbePassed, Role: by, From: notOK, To: ok, Then: "OK again", become: wellAgain, effects: recovered},
	{On: ProbePassed, Role: by, From: failure, To: suspect, Then: "suspect: another probe fails", become: halfWell, effects: noteHalfWell},
	{On: ProbePassed, Then: "nothing changes"},

	// What the second witness says.
	{On: NeighbourKnown, Then: "noted"},
	{On: NeighbourAsked, Then: "counted"},
	{On: NeighbourAnswered, Role: by, From: failure, To: failure, Then: "consider a takeover, with this evidence", effects: consider},
	{On: NeighbourAnswered, Then: "noted"},

	// What becomes of the standby itself.
	{On: Froze, Role: by, Then: "suspect, held: the standby is isolated", become: isolated, effects: froze},
	{On: Froze, Then: "counters are frozen"},
	{On: Thawed, Role: by, From: notOK, To: ok, Then: "OK again: it answered meanwhile", become: wellAgain, effects: thawedWell},
	{On: Thawed, Role: by, Then: "counting starts afresh", become: connected, effects: thawed},
	{On: Thawed, Then: "counting starts afresh"},

	// The decision.
	{On: Decided, Mode: active, Role: by, From: failure, When: "take over", guard: decidedToTakeOver, Then: "take over", become: takingOver, effects: takeOver},
	{On: Decided, Mode: active, Role: by, From: failure, When: "take over, but the evidence is another by now", guard: decidedTooLate, Then: "consider again", effects: consider},
	{On: Decided, Mode: active, Role: by, From: failure, When: "hold, for another reason than before", guard: heldAnew, Then: "hold and say why", become: held, effects: sayHeld},
	{On: Decided, Mode: active, Role: by, From: failure, Then: "hold", become: held},
	{On: Decided, Then: "too late: nothing changes"},

	// The operator's orders.
	{On: Suspend, Role: over, When: "failoverd decided by itself", guard: decidedByItself, Then: "suspend, take back what was begun", become: suspended, effects: suspendAndCancel},
	{On: Suspend, Then: "suspend", become: suspended, effects: noteSuspended},
	{On: Resume, Mode: inactive, Then: "watch again, everything afresh", become: resumed, effects: noteResumed},
	{On: Resume, When: "by an operator", guard: byOperator, Then: "acknowledge what happened", become: acknowledged, effects: noteAcknowledged},
	{On: Resume, Then: "nothing changes"},
	{On: Stop, Role: by, Then: "stop", become: stoppedBy, effects: noteStopped},
	{On: Stop, Then: "refused: release first"},
	{On: FailoverOrdered, Role: by, When: "the final stop of a hand-over", guard: planned, Then: "take over, the primary leaves first", become: orderedOver, effects: noteLeaving},
	{On: FailoverOrdered, Role: by, Then: "take over", become: orderedOver, effects: takeOverByOrder},
	{On: FailoverOrdered, Role: in, When: "the takeover is incomplete", guard: incomplete, Then: "take over again", become: orderedOver, effects: takeOverByOrder},
	{On: FailoverOrdered, Then: "refused: it runs or is done"},
	{On: ReleaseOrdered, Role: in, When: "the final stop of a failback", guard: goesBack, Then: "release, the data goes back first", become: releasing, effects: noteFinalStop},
	{On: ReleaseOrdered, Role: in, Then: "release", become: releasing, effects: releaseByOrder},
	{On: ReleaseOrdered, Then: "refused: not standing in"},

	// How the operations end.
	{On: TakeoverDone, Role: over, When: "of a hand-over", guard: planned, Then: "standing in, the primary has left", become: handedOver, effects: handoverDone},
	{On: TakeoverDone, Role: over, Then: "standing in", become: standingIn, effects: takeoverDone},
	{On: TakeoverDone, Then: "nothing changes"},
	{On: TakeoverFailed, Role: over, When: "its steps were kept", guard: kept, Then: "standing in, incomplete", become: standingInIncomplete, effects: takeoverFailed},
	{On: TakeoverFailed, Role: over, When: "of a hand-over", guard: planned, Then: "undone: counting starts afresh", become: stayed, effects: handoverFailed},
	{On: TakeoverFailed, Role: over, When: "refused before anything was changed", guard: refused, Then: "held", become: takeoverRefused, effects: sayRefused},
	{On: TakeoverFailed, Role: over, Mode: inactive, Then: "undone: not watched", become: undoneUnwatched, effects: takeoverFailed},
	{On: TakeoverFailed, Role: over, To: notFailed, When: "the primary answers", guard: answering, Then: "undone: the primary answers", become: undoneWell, effects: takeoverUndone},
	{On: TakeoverFailed, Role: over, Then: "undone: in failure until ordered or answered", become: gaveUp, effects: takeoverFailed},
	{On: TakeoverFailed, Then: "nothing changes"},
	{On: ReleaseDone, Mode: active, Role: away, To: ok, When: "of a failback, the address never moved, and the primary answers", guard: backAndAnswering, Then: "failed back, the primary answers", become: backWell, effects: failbackDone},
	{On: ReleaseDone, Role: away, When: "of a failback", guard: goesBack, Then: "failed back, the primary is awaited", become: back, effects: failbackDone},
	{On: ReleaseDone, Mode: active, Role: away, To: ok, When: "the address never moved, and the primary answers", guard: addressStayed, Then: "released, the primary answers", become: releasedWell, effects: releaseDone},
	{On: ReleaseDone, Role: away, Then: "released, the primary is awaited", become: released, effects: releaseDone},
	{On: ReleaseDone, Then: "nothing changes"},
	{On: ReleaseFailed, Role: away, When: "of a failback", guard: goesBack, Then: "standing in again", become: standingInAgain, effects: failbackFailed},
	{On: ReleaseFailed, Role: away, Then: "still standing in", become: stillStandingIn, effects: releaseFailed},
	{On: ReleaseFailed, Then: "nothing changes"},

	// While standing in.
	{On: Claimed, Role: in, When: "a new claim, on_claim: yield", guard: newClaimYield, Then: "yield: release", become: yield, effects: yielded},
	{On: Claimed, Role: in, When: "a new claim", guard: newClaim, Then: "alert, defend as configured", become: claimed, effects: conflict},
	{On: Claimed, Role: in, When: "on_claim: defend", guard: defends, Then: "defend", effects: defend},
	{On: Claimed, Then: "noted"},
	{On: Cleared, Role: in, When: "there was a claim", guard: wasClaimed, Then: "say so", become: unclaimed, effects: noteCleared},
	{On: Cleared, Then: "nothing changes"},

	// Replication.
	{On: CopyStarted, When: "where nothing may be copied in that direction", guard: copyForbidden, Then: "cancel it", become: copyStarted, effects: refuseCopy},
	{On: CopyStarted, Then: "replicating", become: copyStarted, effects: noteCopyStarted},
	{On: CopyEnded, When: "one was running", guard: copying, Then: "idle", become: copyEnded, effects: noteCopyEnded},
	{On: CopyEnded, Then: "nothing changes"},
	{On: CopyLate, When: "it was not said yet", guard: newlyLate, Then: "say so", become: late, effects: sayLate},
	{On: CopyLate, Then: "nothing changes"},

	// The daemon's own start.
	{On: Started, Role: in, When: "the standby host has rebooted", guard: rebooted, Then: "probe the address, then resume the takeover", become: takeoverResumed, effects: resumeTakeover},
	{On: Started, When: "the standby host has rebooted", guard: rebooted, Then: "fail_after_reboot until the first answer", become: afterReboot},
	{On: Started, Then: "counting starts afresh"},
}
