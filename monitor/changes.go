package monitor

import (
	"fmt"
	"time"
)

// What a row changes in the facts, beyond the counters and the health.

func openIncident(f *Facts, e Event, p Policy) {
	f.Announced = f.Announced || !e.Unwitnessed
	if f.Incident == "" {
		f.Incident = fmt.Sprintf("%s-%s", p.Server, e.At.UTC().Format("20060102-150405"))
	}
}

func warned(f *Facts, e Event, p Policy) {
	f.Warned = true
	openIncident(f, e, p)
}

func wellAgain(f *Facts, e Event, p Policy) {
	halfWell(f, e, p)
	f.Incident, f.Announced = "", false
}

// halfWell forgets what held a takeover: the primary has answered.
func halfWell(f *Facts, _ Event, _ Policy) {
	f.Hold, f.Told, f.AwaitsPrimary = Hold{}, NoHold, false
	f.Setback, f.SetbackAt = Hold{}, time.Time{}
}

func isolated(f *Facts, e Event, _ Policy) {
	f.Health = Suspect
	f.Hold = Hold{Code: Isolated, Reason: e.Reason}
}

func connected(f *Facts, _ Event, _ Policy) {
	if f.Hold.Code == Isolated || f.Hold.Code == Segment {
		f.Hold = Hold{}
	}
}

func held(f *Facts, e Event, p Policy) {
	if e.Decision != nil && !e.Decision.TakeOver {
		f.Hold = e.Decision.Hold
		if kind := alertOf(f.Hold.Code); kind != "" {
			f.Told = f.Hold.Code
			openIncident(f, e, p)
		}
	}
}

// takingOver begins a takeover: the epoch rises before anything is done.
func takingOver(f *Facts, e Event, p Policy) {
	f.Role, f.Hold, f.Ordered, f.Incomplete = TakingOver, Hold{}, false, ""
	f.Epoch++
	f.LastTakeover, f.Acknowledged = e.At, false
	f.Setback, f.SetbackAt = Hold{}, time.Time{}
	f.Failed = f.Health == Failure
	openIncident(f, e, p)
}

func orderedOver(f *Facts, e Event, p Policy) {
	takingOver(f, e, p)
	f.Ordered = true
}

func standingIn(f *Facts, _ Event, _ Policy) {
	f.Role, f.Diverged, f.Incomplete, f.Claim = StandingIn, true, "", ""
	f.AwaitsPrimary = false
}

// handedOver ends a hand-over. That the primary was silent in its final stop was no failure.
func handedOver(f *Facts, e Event, p Policy) {
	standingIn(f, e, p)
	f.Failed, f.Health, f.Acknowledged = false, OK, true
	f.forgetMisses()
}

// stayed ends a hand-over that was taken back. Whether the primary answers is found out from the beginning: if it has died
// meanwhile, it is taken over like any other.
func stayed(f *Facts, e Event, _ Policy) {
	f.Role, f.Ordered, f.Hold = StandingBy, false, Hold{}
	f.Health, f.Acknowledged = OK, true
	f.Diverged = f.Diverged || e.Touched
	f.forgetMisses()
}

func standingInIncomplete(f *Facts, e Event, _ Policy) {
	f.Role, f.Incomplete = StandingIn, e.Step
	f.Diverged = f.Diverged || e.Touched
}

func takeoverRefused(f *Facts, e Event, _ Policy) {
	f.Role, f.Ordered, f.Hold = StandingBy, false, Hold{Code: e.Refused, Reason: e.Reason}
	f.Setback, f.SetbackAt, f.Told = f.Hold, e.At, e.Refused
	if !f.LastTakeover.Before(f.RoleSince) {
		f.Acknowledged = true // nothing was taken over, so nothing has to settle
	} // else it was a takeover of before a reboot of the host that was not taken up again, and that one has to
	f.Diverged = f.Diverged || e.Touched
}

func undoneWell(f *Facts, e Event, p Policy) {
	f.Role, f.Ordered = StandingBy, false
	f.Diverged = f.Diverged || e.Touched
	wellAgain(f, e, p)
}

// undoneUnwatched ends a takeover that was taken back because the server was
// suspended. Its incident stays open until it answers again.
func undoneUnwatched(f *Facts, e Event, _ Policy) {
	f.Role, f.Ordered = StandingBy, false
	f.Diverged = f.Diverged || e.Touched
}

func gaveUp(f *Facts, e Event, _ Policy) {
	f.Role, f.Ordered = StandingBy, false
	f.Diverged = f.Diverged || e.Touched
	f.Hold = Hold{Code: GaveUp, Reason: fmt.Sprintf("the takeover failed at %s: %s", e.Step, e.Reason)}
	f.Setback, f.SetbackAt = f.Hold, e.At
}

func releasing(f *Facts, _ Event, _ Policy) { f.Role = Releasing }

func releasedWell(f *Facts, e Event, p Policy) {
	f.Role, f.Incomplete, f.Claim, f.Ordered = StandingBy, "", "", false
	f.Acknowledged = f.Acknowledged || e.By != ""
	wellAgain(f, e, p)
}

func released(f *Facts, e Event, _ Policy) {
	f.Role, f.Incomplete, f.Claim, f.Ordered = StandingBy, "", "", false
	f.Acknowledged = f.Acknowledged || e.By != ""
	f.AwaitsPrimary = true
	if f.Mode == Active {
		// An answer of the management address does not say that the service
		// address is back with the primary: that has to answer for itself.
		f.Health = Failure
	}
	f.AnsweringSince = time.Time{}
	f.Hold = Hold{Code: Released, Reason: "released: the primary has not answered since"}
	f.forgetMisses()
}

// back ends a failback: both hosts hold the same.
func back(f *Facts, e Event, p Policy) {
	released(f, e, p)
	f.Hold.Reason = "failed back: the primary has not answered since"
	f.Diverged = false
}

func backWell(f *Facts, e Event, p Policy) {
	releasedWell(f, e, p)
	f.Diverged = false
}

// standingInAgain ends a failback that was taken back. Where that was not possible either, it is incomplete.
func standingInAgain(f *Facts, e Event, _ Policy) {
	f.Role, f.Claim, f.Incomplete = StandingIn, "", ""
	if e.Kept {
		f.Incomplete = "failback: " + e.Step
	}
}

func stillStandingIn(f *Facts, e Event, _ Policy) {
	f.Role, f.Incomplete = StandingIn, "release: "+e.Step
	f.Claim = "" // who still claims the address is told, and yielded to, anew
}

func suspended(f *Facts, e Event, _ Policy) {
	if f.Mode == Stopped {
		f.OutOfDate = true
	}
	f.Mode, f.Wish = Suspended, Wish{By: e.By, Reason: e.Reason, Since: e.At, Until: e.Until, Incident: f.Wish.Incident}
	f.unwatched()
}

func stoppedBy(f *Facts, e Event, _ Policy) {
	f.Mode, f.Wish = Stopped, Wish{By: e.By, Reason: e.Reason, Since: e.At, Incident: f.Wish.Incident}
	f.unwatched()
}

// unwatched forgets what the probes said: nobody asks any more.
func (f *Facts) unwatched() {
	f.Health = OK
	f.Hold = Hold{}
	f.forgetMisses()
	f.AnsweringSince, f.LastAnswer = time.Time{}, time.Time{}
}

func resumed(f *Facts, e Event, _ Policy) {
	if f.Mode == Stopped {
		f.OutOfDate = true
	}
	f.Mode, f.Wish = Active, Wish{}
	f.unwatched()
	if f.AwaitsPrimary {
		f.Hold = Hold{Code: Released, Reason: "released: the primary has not answered since"}
	}
	if f.Frozen && f.Role == StandingBy {
		f.Health, f.Hold = Suspect, Hold{Code: Isolated, Reason: "the standby is isolated"}
	}
	if e.By != "" {
		f.Acknowledged = true
		f.Setback, f.SetbackAt = Hold{}, time.Time{}
	}
}

// acknowledged lets failoverd act by itself again.
func acknowledged(f *Facts, _ Event, _ Policy) {
	f.Acknowledged = true
	f.AwaitsPrimary = false
	f.Setback, f.SetbackAt, f.Told = Hold{}, time.Time{}, NoHold
	switch f.Hold.Code {
	case Unstable, GaveUp, Released:
		f.Hold = Hold{}
	}
}

func claimed(f *Facts, e Event, _ Policy) { f.Claim = e.MAC }

func yield(f *Facts, e Event, _ Policy) { f.Claim, f.Role = e.MAC, Releasing }

func unclaimed(f *Facts, _ Event, _ Policy) { f.Claim = "" }

func copyStarted(f *Facts, e Event, _ Policy) {
	f.Activity, f.Discarding = e.Direction, e.Discard && e.Direction == FromLive
}

func copyEnded(f *Facts, e Event, _ Policy) {
	if f.Activity == FromLive && e.Successful {
		f.OutOfDate = false
	}
	if e.Successful {
		f.Late = false
		if f.Role == StandingBy && (f.Activity == ToLive || f.Discarding) {
			f.Diverged = false // both sides hold the same
		}
	}
	f.CopyFailed = !e.Successful
	f.Activity, f.Discarding = Idle, false
}

func late(f *Facts, _ Event, _ Policy) { f.Late = true }

func afterReboot(f *Facts, _ Event, _ Policy) { f.AfterReboot = true }

func takeoverResumed(f *Facts, _ Event, _ Policy) {
	f.Role, f.AfterReboot = TakingOver, true
	// If the address turns out to be taken, failoverd stays released until the
	// primary has answered.
	f.AwaitsPrimary = true
}
