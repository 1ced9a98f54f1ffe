package monitor

import (
	"fmt"
	"time"
)

// What follows from a row of the table, beyond the facts. Each function is
// named after the thing that happened.

func note(kind, message, reason string) Effect {
	return Effect{Do: Note, Event: kind, Severity: "info", Message: message, Reason: reason}
}

func alert(kind, severity, message, reason string) Effect {
	return Effect{Do: Alert, Event: kind, Severity: severity, Message: message, Reason: reason}
}

func consider(_, _ Facts, _ Event, _ Policy) []Effect { return []Effect{{Do: Consider}} }

func suspected(_, after Facts, e Event, p Policy) []Effect {
	return []Effect{
		note("server.suspect", fmt.Sprintf("%s does not answer", p.Server),
			fmt.Sprintf("ping missed: %s; failure after %d misses", e.Evidence, after.Limit(p))),
	}
}

func suspectedByProbe(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{note("server.suspect", fmt.Sprintf("%s is suspect", p.Server), joined("probe "+e.Probe+" failed", e.Evidence))}
}

func warning(_, after Facts, _ Event, p Policy) []Effect {
	return []Effect{alert("server.warning", "warning",
		fmt.Sprintf("%s does not answer: %d of %d misses", p.Server, after.Misses, after.Limit(p)),
		fmt.Sprintf("%d consecutive pings missed since %s (warn_after %d); a takeover is considered in %s",
			after.Misses, clock(after.SilentSince), p.WarnAfter, time.Duration(after.Limit(p)-after.Misses)*p.Interval))}
}

func failed(before, after Facts, e Event, p Policy) []Effect {
	reason := fmt.Sprintf("%d of %d pings missed since %s", after.Misses, after.Limit(p), clock(after.SilentSince))
	if after.AfterReboot {
		reason += " (fail_after_reboot: the standby host has rebooted)"
	}
	for _, c := range after.Probes {
		if c.Failed && c.Severity == Fatal && after.Misses < after.Limit(p) {
			reason = fmt.Sprintf("probe %s failed %d times: %s", c.Name, c.Misses, c.Evidence)
		}
	}
	say := alert
	if e.Unwitnessed {
		say = func(kind, severity, message, reason string) Effect {
			return Effect{Do: Note, Event: kind, Severity: severity, Message: message, Reason: reason}
		}
	}
	return append(cancelCopy(before, "the primary failed"),
		say("server.failure", "critical", fmt.Sprintf("%s has failed", p.Server), reason),
		Effect{Do: Consider})
}

func recovered(before, after Facts, e Event, p Policy) []Effect {
	reason := "answered in " + after.RTT.Round(time.Microsecond).String()
	if e.Kind == ProbePassed {
		reason = fmt.Sprintf("probe %s passed", e.Probe)
	}
	if !before.SilentSince.IsZero() {
		reason += fmt.Sprintf(" after %d misses, silent since %s", before.Misses, clock(before.SilentSince))
	}
	message := fmt.Sprintf("%s answers again", p.Server)
	if before.Health == OK {
		message = fmt.Sprintf("%s answers", p.Server)
	}
	effects := []Effect{note("server.answering", message, reason)}
	if before.Announced {
		effects[0] = alert("server.answering", "info", message, reason)
	}
	if before.AwaitsPrimary && p.AssumeAddress {
		effects = append(effects, Effect{Do: AnnouncePrimary})
	}
	return effects
}

func noteHalfWell(_, after Facts, e Event, p Policy) []Effect {
	reason := e.Evidence
	for _, c := range after.Probes {
		if c.Failed {
			reason = joined(reason, fmt.Sprintf("probe %s fails: %s", c.Name, c.Evidence))
		}
	}
	return []Effect{note("server.suspect", p.Server+" answers, but not in every way", reason)}
}

// cancelCopy cancels the replication that runs, if any.
func cancelCopy(f Facts, reason string) []Effect {
	if f.Activity == Idle {
		return nil
	}
	return []Effect{{Do: CancelCopy, Reason: reason}}
}

func primaryLives(_, _ Facts, _ Event, p Policy) []Effect {
	reason := "the primary answered a ping while it was being taken over"
	return []Effect{
		{Do: CancelTakeOver, Reason: reason},
		note("primary.back", p.Server+" answers: the takeover is taken back", reason),
	}
}

func primaryBack(_, after Facts, _ Event, p Policy) []Effect {
	return []Effect{alert("primary.back", "warning", p.Server+" answers again while the standby stands in",
		"answered in "+after.RTT.Round(time.Microsecond).String()+"; its address stays with the standby until it is released")}
}

func froze(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{note("server.held", p.Server+" cannot be judged", e.Reason)}
}

func thawed(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{note("server.counting", p.Server+" is counted afresh", e.Reason)}
}

// thawedWell is told of a server that answered while the standby was isolated.
func thawedWell(before, after Facts, e Event, p Policy) []Effect {
	return append(thawed(before, after, e, p), recovered(before, after, e, p)...)
}

func takeOver(before, _ Facts, e Event, p Policy) []Effect {
	return append(cancelCopy(before, "the server is taken over"),
		note("decision.takeover", p.Server+" is taken over", e.Decision.Summary()),
		Effect{Do: TakeOver, Reason: "the primary has failed, and nothing holds the takeover"})
}

func takeOverByOrder(before, _ Facts, e Event, p Policy) []Effect {
	reason := ordered(e)
	return append(cancelCopy(before, "the server is taken over"),
		note("decision.takeover", p.Server+" is taken over by order of "+e.By, reason),
		Effect{Do: TakeOver, Reason: reason, Ordered: true})
}

func resumeTakeover(_, _ Facts, e Event, p Policy) []Effect {
	reason := "the standby host rebooted while it stood in"
	return []Effect{
		note("takeover.resumed", p.Server+": the takeover is resumed if the address is free", reason),
		{Do: TakeOver, Reason: reason},
	}
}

// sayHeld says why a failed server is not taken over. A hold that was told in
// this incident already, and came again, is noted and not mailed again.
func sayHeld(before, _ Facts, e Event, p Policy) []Effect {
	h := e.Decision.Hold
	message := p.Server + " is not taken over: " + h.Reason
	kind := alertOf(h.Code)
	if kind == "" || before.Told == h.Code {
		return []Effect{note("decision.held", message, e.Decision.Summary())}
	}
	return []Effect{alert(kind, "critical", message, e.Decision.Summary())}
}

// alertOf is the kind of the alert about a hold, empty if it is only noted:
// what the standby itself suffers from is alerted once for all servers, and
// what was alerted when it happened is not alerted again.
func alertOf(c Code) string {
	switch c {
	case NoHold, Isolated, Unsettled, Segment, Asking, Released, GaveUp:
		return ""
	case Waiting:
		return "capacity.waiting"
	case Unstable:
		return "server.unstable"
	case NoData, OldData, Unwritable, Unreadable:
		return "decision.refused"
	}
	return "decision.held"
}

func noteSuspended(_, after Facts, e Event, p Policy) []Effect {
	message := fmt.Sprintf("%s is suspended by %s", p.Server, e.By)
	if !e.Until.IsZero() {
		message += " until " + clock(e.Until)
	}
	if after.Role == StandingIn {
		message += "; the standby goes on standing in"
	}
	return []Effect{note("server.suspended", message, e.Reason)}
}

func suspendAndCancel(before, after Facts, e Event, p Policy) []Effect {
	return append(noteSuspended(before, after, e, p),
		Effect{Do: CancelTakeOver, Reason: "suspended by " + e.By})
}

func noteResumed(before, _ Facts, e Event, p Policy) []Effect {
	message := p.Server + " is watched again: its suspension has ended"
	if e.By != "" {
		message = fmt.Sprintf("%s is watched again, by %s", p.Server, e.By)
	}
	if before.Wish.Incident != "" { // whoever was reminded that it was not is told
		told := alert("server.resumed", "info", message, e.Reason)
		told.Incident = before.Wish.Incident
		return []Effect{told}
	}
	return []Effect{note("server.resumed", message, e.Reason)}
}

func noteAcknowledged(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{note("server.acknowledged",
		fmt.Sprintf("%s acknowledged what happened to %s; failoverd acts by itself again", e.By, p.Server), e.Reason)}
}

func noteStopped(before, _ Facts, e Event, p Policy) []Effect {
	return append(cancelCopy(before, "stopped by "+e.By),
		note("server.stopped", fmt.Sprintf("%s is stopped by %s", p.Server, e.By), e.Reason))
}

func releaseByOrder(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{
		note("decision.release", p.Server+" is released by order of "+e.By, ordered(e)),
		{Do: Release, Reason: ordered(e), Ordered: true},
	}
}

func releaseByItself(_, after Facts, e Event, p Policy) []Effect {
	reason := fmt.Sprintf("auto_release: the primary has answered for %s", e.At.Sub(after.AnsweringSince).Round(time.Second))
	return []Effect{
		note("decision.release", p.Server+" is released", reason),
		{Do: Release, Reason: reason},
	}
}

func takeoverDone(_, after Facts, e Event, p Policy) []Effect {
	return []Effect{alert("takeover.done", "critical", "the standby stands in for "+p.Server, e.Reason)}
}

func takeoverFailed(_, after Facts, e Event, p Policy) []Effect {
	message := fmt.Sprintf("%s could not be taken over: it failed at %s", p.Server, e.Step)
	if e.Kept {
		message += "; what was done is kept"
	} else {
		message += "; what was done is undone"
	}
	return []Effect{alert("takeover.failed", "critical", message, e.Reason)}
}

func takeoverUndone(before, after Facts, e Event, p Policy) []Effect {
	message := p.Server + " answers: the takeover was taken back"
	if before.Ordered {
		message = fmt.Sprintf("%s could not be taken over: it failed at %s; what was done is undone, the primary answers", p.Server, e.Step)
	}
	return append([]Effect{alert("takeover.failed", "warning", message, e.Reason)}, recovered(before, after, e, p)...)
}

// sayRefused says that a takeover was refused by what its own first steps
// found. Asked again a minute later, the same answer is noted only.
func sayRefused(before, _ Facts, e Event, p Policy) []Effect {
	message := p.Server + " is not taken over: " + e.Reason
	if before.Told == e.Refused {
		return []Effect{note("decision.held", message, e.Reason)}
	}
	return []Effect{alert("decision.refused", "critical", message, e.Reason)}
}

func releaseDone(before, after Facts, e Event, p Policy) []Effect {
	message := p.Server + " is released: the primary should come up now"
	if after.AwaitsPrimary {
		return []Effect{alert("release.done", "info", message, e.Reason)}
	}
	message = p.Server + " is released: the primary answers"
	return append([]Effect{alert("release.done", "info", message, e.Reason)}, recovered(before, after, e, p)...)
}

func releaseFailed(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{alert("release.failed", "critical",
		fmt.Sprintf("%s could not be released: it failed at %s; the standby still stands in", p.Server, e.Step), e.Reason)}
}

func noteFinalStop(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{{
		Do: Note, Event: "failback.final_stop", Severity: "warning",
		Message: "the final stop of " + p.Server + " begins: nobody serves its users until its data is back", Reason: ordered(e),
	}}
}

func failbackDone(before, after Facts, e Event, p Policy) []Effect {
	if after.AwaitsPrimary {
		return []Effect{alert("failback.done", "warning", p.Server+" has its data and its role back: it should answer now", e.Reason)}
	}
	return append([]Effect{alert("failback.done", "info", p.Server+" has its data and its role back, and answers", e.Reason)},
		recovered(before, after, e, p)...)
}

func failbackFailed(_, _ Facts, e Event, p Policy) []Effect {
	message := fmt.Sprintf("%s could not be failed back: it stopped at %s; what was done is undone, the standby stands in again", p.Server, e.Step)
	if e.Kept {
		message = fmt.Sprintf("%s could not be failed back: it stopped at %s, and could not all be undone", p.Server, e.Step)
	}
	return []Effect{alert("failback.failed", "critical", message, e.Reason)}
}

func noteLeaving(before, _ Facts, e Event, p Policy) []Effect {
	return append(cancelCopy(before, "the server is handed over"), Effect{
		Do: Note, Event: "handover.final_stop", Severity: "warning",
		Message: "the final stop of " + p.Server + " begins: nobody serves its users until the stand-in does", Reason: ordered(e),
	})
}

func handoverDone(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{alert("handover.done", "warning", p.Server+" is handed over: the standby stands in for it, with all of its data", e.Reason)}
}

func handoverFailed(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{alert("handover.failed", "critical",
		fmt.Sprintf("%s could not be handed over: it stopped at %s; what was done is taken back, and the primary's application is started again", p.Server, e.Step), e.Reason)}
}

func conflict(_, _ Facts, e Event, p Policy) []Effect {
	effects := []Effect{alert("address.conflict", "critical",
		fmt.Sprintf("another host (%s) claims the address of %s", e.MAC, p.Server), e.Evidence)}
	if p.OnClaim == Defend {
		effects = append(effects, Effect{Do: DefendAddress, MAC: e.MAC})
	}
	return effects
}

func defend(_, _ Facts, e Event, _ Policy) []Effect {
	return []Effect{{Do: DefendAddress, MAC: e.MAC}}
}

func yielded(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{
		alert("address.conflict", "critical",
			fmt.Sprintf("another host (%s) claims the address of %s: the standby yields", e.MAC, p.Server), e.Evidence),
		{Do: Release, Reason: fmt.Sprintf("on_claim: yield; %s claims the address", e.MAC)},
	}
}

func noteCleared(before, _ Facts, _ Event, p Policy) []Effect {
	return []Effect{note("address.cleared", fmt.Sprintf("%s claims the address of %s no more", before.Claim, p.Server), "")}
}

func noteCopyStarted(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{note("replication.started", p.Server+": "+e.Direction.String(), e.Reason)}
}

func refuseCopy(before, _ Facts, e Event, p Policy) []Effect {
	reason := fmt.Sprintf("the server is %s, %s", before.State(), before.Role)
	if before.Diverged && e.Direction == FromLive && !e.Discard {
		reason = "the standby's data is newer than the primary's (diverged)"
	}
	return []Effect{
		alert("replication.refused", "critical", p.Server+" is not replicated", reason),
		{Do: CancelCopy, Reason: reason},
	}
}

// noteCopyEnded tells of a replication that failed by mail, and of one that succeeded if the one before it did not.
func noteCopyEnded(before, _ Facts, e Event, p Policy) []Effect {
	what := before.Activity.String()
	switch {
	case e.Successful && before.CopyFailed:
		return []Effect{alert("replication.done", "info", fmt.Sprintf("%s: %s succeeds again", p.Server, what), e.Reason)}
	case e.Successful:
		return []Effect{note("replication.done", fmt.Sprintf("%s: %s is complete", p.Server, what), e.Reason)}
	case e.RolledBack:
		return []Effect{alert("replication.rolled_back", "critical",
			fmt.Sprintf("%s: %s was rolled back; the previous copy is in service again", p.Server, what), e.Reason)}
	}
	return []Effect{alert("replication.failed", "warning",
		fmt.Sprintf("%s: %s was not completed; the previous copy stays in service", p.Server, what), e.Reason)}
}

func sayLate(_, _ Facts, e Event, p Policy) []Effect {
	return []Effect{alert("replication.late", "warning", p.Server+": the copy is late", e.Reason)}
}

// ordered is the reason of an operator's order.
func ordered(e Event) string {
	if e.Reason == "" {
		return "ordered by " + e.By
	}
	return fmt.Sprintf("ordered by %s: %s", e.By, e.Reason)
}

// clock is a time of day as people read it in a reason. The event beside it
// carries the full time.
func clock(t time.Time) string {
	if t.IsZero() {
		return "the start"
	}
	return t.Format("15:04:05.000")
}
