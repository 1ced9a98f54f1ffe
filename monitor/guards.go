package monitor

// What a row asks beyond the lists of facts. Each function is named after what
// it finds.

func decidedByItself(_, after Facts, _ Event, _ Policy) bool { return !after.Ordered }
func incomplete(before, _ Facts, _ Event, _ Policy) bool     { return before.Incomplete != "" }
func kept(_, _ Facts, e Event, _ Policy) bool                { return e.Kept }
func refused(_, _ Facts, e Event, _ Policy) bool             { return e.Refused != NoHold }
func rebooted(_, _ Facts, e Event, _ Policy) bool            { return e.Rebooted }
func wasClaimed(before, _ Facts, _ Event, _ Policy) bool     { return before.Claim != "" }
func newClaim(before, _ Facts, e Event, _ Policy) bool       { return before.Claim != e.MAC }
func defends(_, _ Facts, _ Event, p Policy) bool             { return p.OnClaim == Defend }
func byOperator(_, _ Facts, e Event, _ Policy) bool          { return e.By != "" }
func copying(before, _ Facts, _ Event, _ Policy) bool        { return before.Activity != Idle }
func answering(_, after Facts, _ Event, _ Policy) bool       { return !after.AnsweringSince.IsZero() }

func addressStayed(_, after Facts, _ Event, p Policy) bool {
	return !p.AssumeAddress && !after.AnsweringSince.IsZero()
}

func planned(_, _ Facts, e Event, _ Policy) bool { return e.Planned }

func goesBack(_, _ Facts, e Event, _ Policy) bool { return e.Back }

func backAndAnswering(before, after Facts, e Event, p Policy) bool {
	return e.Back && addressStayed(before, after, e, p)
}

// livesAfterAll is true for the first answer during a takeover that failoverd
// began by itself. A takeover that was begun because a probe failed while pings
// were answered is not taken back by one more answered ping.
func livesAfterAll(before, after Facts, _ Event, p Policy) bool {
	return !after.Ordered && before.AnsweringSince.IsZero() &&
		(after.Health != Failure || before.Misses >= before.Limit(p))
}

func answerAwaited(before, _ Facts, _ Event, _ Policy) bool {
	return before.Incident != "" || before.AwaitsPrimary || before.Hold.Code != NoHold
}

// copyForbidden guards the rule that older data never goes over newer.
func copyForbidden(before, _ Facts, e Event, _ Policy) bool {
	if e.Direction == ToLive {
		return before.Role != StandingBy // the stand-in is at work on what would be copied
	}
	if e.Discard {
		before.Diverged = false
	}
	return !before.DatabaseSync()
}

func newlyLate(before, _ Facts, _ Event, _ Policy) bool { return !before.Late }

func newClaimYield(before, _ Facts, e Event, p Policy) bool {
	return before.Claim != e.MAC && p.OnClaim == Yield
}

func warningIsDue(before, after Facts, e Event, p Policy) bool {
	return !before.Warned && after.Misses >= p.WarnAfter && !e.Unwitnessed
}

func releaseIsDue(_, after Facts, e Event, p Policy) bool {
	// One that failed is not tried again: the operator has been told.
	return p.AutoRelease && !p.AssumeAddress && after.Failed && after.Incomplete == "" && !after.Frozen &&
		after.Health == OK && !after.AnsweringSince.IsZero() && e.At.Sub(after.AnsweringSince) >= p.ReleaseAfter
}

// decidedToTakeOver asks once more whether failoverd still may: the evidence may
// have changed between the decision and its arrival.
func decidedToTakeOver(before, after Facts, e Event, p Policy) bool {
	if e.Decision == nil || !e.Decision.TakeOver {
		return false
	}
	code, _ := mayWe(Situation{Now: e.At, Facts: before, Policy: p})
	return code == NoHold
}

func decidedTooLate(_, _ Facts, e Event, _ Policy) bool {
	return e.Decision != nil && e.Decision.TakeOver
}

func heldAnew(before, _ Facts, e Event, _ Policy) bool {
	return e.Decision != nil && e.Decision.Hold.Code != before.Hold.Code
}
