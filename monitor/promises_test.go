package monitor

import (
	"fmt"
	"slices"
	"time"
)

// broken holds one step against the promises, and against everything else that
// is true of every step. It is written from the specification and not from the
// table. It returns what is broken, or nothing.
func broken(before Facts, e Event, p Policy, after Facts, effects []Effect) string {
	for _, rule := range []func(Facts, Event, Policy, Facts, []Effect) string{
		neverTwo, neverOlderOverNewer, neverSilent, neverByAccident, recoveredIsTold, factsAreWhole,
	} {
		if what := rule(before, e, p, after, effects); what != "" {
			return what
		}
	}
	return ""
}

// begins returns the effects of one kind.
func begins(effects []Effect, d Do) []Effect {
	var list []Effect
	for _, e := range effects {
		if e.Do == d {
			list = append(list, e)
		}
	}
	return list
}

// alerted reports whether an alert of this kind is among the effects.
func alerted(effects []Effect, kind string) bool {
	return slices.ContainsFunc(effects, func(e Effect) bool { return e.Do == Alert && e.Event == kind })
}

// neverTwo: no automatic takeover while the evidence says that another host
// holds the address.
func neverTwo(before Facts, e Event, p Policy, _ Facts, effects []Effect) string {
	if len(begins(effects, TakeOver)) == 0 || e.Kind != Decided {
		return ""
	}
	n := before.Neighbour
	if before.Misses == 0 {
		if p.AssumeAddress && !p.Seize && !p.Fenced {
			return "taken over while it answers pings"
		}
		return ""
	}
	if !n.OnLink || p.Seize {
		return ""
	}
	if n.Asked < 3 {
		return "taken over without asking by ARP three times"
	}
	quiet := max(time.Duration(before.Limit(p)-1)*p.Interval, p.Interval)
	if !n.Answered.IsZero() && (e.At.Sub(n.Answered) < quiet || n.Silent < 3) {
		foreign := n.Known != "" && n.Known != n.MAC
		if foreign || !p.Fenced {
			return fmt.Sprintf("taken over although %s answered by ARP %s ago", n.MAC, e.At.Sub(n.Answered))
		}
	}
	return ""
}

// neverOlderOverNewer: data travels from live only as the table of states says,
// and never onto data that is newer.
func neverOlderOverNewer(before Facts, e Event, _ Policy, after Facts, effects []Effect) string {
	state := after.State()
	files := after.Role == StandingBy && !after.Diverged && (state == StateOK || state == StateSuspect || state == StateReplicating)
	database := files || after.Role == StandingBy && !after.Diverged && state == StateSuspended
	switch {
	case after.FileSync() != files:
		return fmt.Sprintf("file sync is %t in state %s, role %s, diverged %t", after.FileSync(), state, after.Role, after.Diverged)
	case after.DatabaseSync() != database:
		return fmt.Sprintf("database sync is %t in state %s, role %s, diverged %t", after.DatabaseSync(), state, after.Role, after.Diverged)
	case before.Diverged && !after.Diverged && !(e.Kind == CopyEnded && e.Successful && before.Role == StandingBy && (before.Activity == ToLive || before.Discarding)) &&
		!(e.Kind == ReleaseDone && e.Back && before.Role == Releasing):
		return "diverged is forgotten"
	case after.Role == StandingIn && before.Role == TakingOver && e.Kind == TakeoverDone && !after.Diverged:
		return "standing in and not diverged"
	case after.Epoch < before.Epoch:
		return "the epoch fell"
	case before.OutOfDate && !after.OutOfDate && !(e.Kind == CopyEnded && e.Successful && before.Activity == FromLive):
		return "out of date is forgotten without a complete copy"
	case before.Mode == Stopped && after.Mode != Stopped && !after.OutOfDate:
		return "not out of date after having been stopped"
	}
	if raised := after.Epoch != before.Epoch; raised != (len(begins(effects, TakeOver)) > 0 && e.Kind != Started || leaves(before, e, after)) {
		return "the epoch rises with a takeover, and with nothing else"
	}
	if e.Kind == CopyStarted && e.Direction == FromLive && (before.Diverged && !e.Discard || before.Role != StandingBy || before.State() == StateFailure || before.Mode == Stopped) {
		if len(begins(effects, CancelCopy)) == 0 {
			return "a copy from live goes on where none may"
		}
	}
	if before.Activity != Idle && before.Role == StandingBy && before.Mode == Active && before.Health != Failure && after.Health == Failure && e.Kind != ReleaseDone {
		if len(begins(effects, CancelCopy)) == 0 {
			return "a copy goes on although the primary failed"
		}
	}
	if changed := before.FileSync() != after.FileSync() || before.DatabaseSync() != after.DatabaseSync(); changed != (len(begins(effects, SyncChanged)) == 1) {
		return "sync changed, and nobody is told, or the other way round"
	}
	return ""
}

// neverSilent: each change that people see is told, with its reason.
func neverSilent(before Facts, e Event, _ Policy, after Facts, effects []Effect) string {
	told := false
	for _, x := range effects {
		switch x.Do {
		case Note, Alert:
			told = true
			if x.Message == "" || x.Event == "" || x.Severity == "" {
				return fmt.Sprintf("an empty %s: %+v", x.Do, x)
			}
			if x.Reason == "" && x.Event != "server.path_up" && x.Event != "address.cleared" {
				return fmt.Sprintf("%s has no reason", x.Event)
			}
		case TakeOver, Release, CancelTakeOver, CancelCopy:
			if x.Reason == "" {
				return fmt.Sprintf("%s has no reason", x.Do)
			}
		}
	}
	if !told && before.State() != after.State() {
		return fmt.Sprintf("%s became %s in silence", before.State(), after.State())
	}
	if !told && before.Role != after.Role {
		return fmt.Sprintf("%s became %s in silence", before.Role, after.Role)
	}
	if !told && before.Hold.Code != after.Hold.Code && after.Hold.Code != NoHold {
		return fmt.Sprintf("held (%s) in silence", after.Hold.Code)
	}
	if after.Hold.Code != NoHold && after.Hold.Reason == "" {
		return "a hold without a reason"
	}
	if e.Kind == Missed && before.Role == StandingBy && before.Mode == Active && before.Health != Failure && after.Health == Failure && !e.Unwitnessed && !alerted(effects, "server.failure") {
		return "failed, and no alert"
	}
	return ""
}

// leaves reports whether the final stop of a hand-over has begun, whose operation was begun before.
func leaves(before Facts, e Event, after Facts) bool {
	return e.Kind == FailoverOrdered && e.Planned && before.Role == StandingBy && after.Role == TakingOver
}

// edge is a change of role and what may cause it.
type edge struct{ from, to Role }

var edgesAllowed = map[edge][]Kind{
	{StandingBy, TakingOver}: {Decided, FailoverOrdered},
	{StandingIn, TakingOver}: {FailoverOrdered, Started},
	{TakingOver, StandingIn}: {TakeoverDone, TakeoverFailed},
	{TakingOver, StandingBy}: {TakeoverFailed},
	{StandingIn, Releasing}:  {ReleaseOrdered, Answered, Claimed},
	{Releasing, StandingBy}:  {ReleaseDone},
	{Releasing, StandingIn}:  {ReleaseFailed},
}

// neverByAccident: the role changes along the allowed edges only, and an
// operation begins exactly with such a change.
func neverByAccident(before Facts, e Event, p Policy, after Facts, effects []Effect) string {
	if before.Role != after.Role && !slices.Contains(edgesAllowed[edge{before.Role, after.Role}], e.Kind) {
		return fmt.Sprintf("%s became %s on %s", before.Role, after.Role, e.Kind)
	}
	over, away := begins(effects, TakeOver), begins(effects, Release)
	if want := before.Role != TakingOver && after.Role == TakingOver && !leaves(before, e, after); want != (len(over) == 1) || len(over) > 1 {
		return fmt.Sprintf("%d takeovers begin, role %s before, %s after", len(over), before.Role, after.Role)
	}
	if want := before.Role != Releasing && after.Role == Releasing && !(e.Kind == ReleaseOrdered && e.Back); want != (len(away) == 1) || len(away) > 1 {
		return fmt.Sprintf("%d releases begin, role %s before, %s after", len(away), before.Role, after.Role)
	}
	for _, x := range over {
		switch e.Kind {
		case FailoverOrdered:
			if !x.Ordered || !after.Ordered {
				return "an order that is not marked as one"
			}
		case Started:
			if !e.Rebooted || before.Role != StandingIn {
				return "resumed without a reboot"
			}
		case Decided:
			switch {
			case e.Decision == nil || !e.Decision.TakeOver:
				return "taken over without a decision"
			case x.Ordered || after.Ordered:
				return "a decision that is marked as an order"
			case before.Mode != Active || before.Health != Failure || before.Frozen:
				return "taken over without a failure"
			case !p.Automatic:
				return "taken over although takeover: manual"
			case before.AwaitsPrimary:
				return "taken over although it was released and has not answered since"
			case !before.LastTakeover.IsZero() && !before.Acknowledged && e.At.Sub(before.LastTakeover) < time.Hour:
				return "taken over twice within an hour, unacknowledged"
			case before.Misses < before.Limit(p) && !before.probesFailed(Fatal):
				return "taken over below the threshold"
			}
		}
	}
	for _, x := range away {
		switch e.Kind {
		case ReleaseOrdered:
			if !x.Ordered {
				return "an order that is not marked as one"
			}
		case Answered:
			if !p.AutoRelease || p.AssumeAddress || !before.Failed || after.AnsweringSince.IsZero() || e.At.Sub(after.AnsweringSince) < p.ReleaseAfter {
				return "released by itself, without auto_release"
			}
		case Claimed:
			if p.OnClaim != Yield {
				return "released because of a claim, without yield"
			}
		}
	}
	if len(begins(effects, CancelTakeOver)) > 0 && (before.Role != TakingOver || before.Ordered || e.Kind != Answered && e.Kind != Suspend) {
		return "a takeover is taken back without cause"
	}
	if len(begins(effects, DefendAddress)) > 0 && (before.Role != StandingIn || p.OnClaim != Defend || e.Kind != Claimed) {
		return "defended without a claim, or not configured"
	}
	if before.Mode != after.Mode {
		want := map[Mode]Kind{Active: Resume, Suspended: Suspend, Stopped: Stop}[after.Mode]
		if e.Kind != want {
			return fmt.Sprintf("%s became %s on %s", before.Mode, after.Mode, e.Kind)
		}
	}
	if after.Mode == Stopped && before.Mode != Stopped && before.Role != StandingBy {
		return "stopped while " + before.Role.String()
	}
	return ""
}

// recoveredIsTold: what was announced gets its "recovered", and no incident is
// mailed without a name.
func recoveredIsTold(before Facts, e Event, _ Policy, after Facts, effects []Effect) string {
	if after.Announced && after.Incident == "" {
		return "announced without an incident"
	}
	if before.Announced && !after.Announced && !alerted(effects, "server.answering") {
		return "announced, and over without a word"
	}
	if before.Incident != "" && after.Incident != before.Incident && after.Incident != "" {
		return "an open incident changed its name"
	}
	if before.Incident != "" && after.Incident == "" && (after.Role != StandingBy || after.Health == Failure) {
		return "an incident closed in failure"
	}
	return ""
}

// factsAreWhole: what belongs together changes together.
func factsAreWhole(before Facts, e Event, p Policy, after Facts, effects []Effect) string {
	if observed(e.Kind) && before.Mode != Active {
		if before.Kept != after.Kept || len(effects) > 0 {
			return "a server that is not watched was judged"
		}
	}
	if before.State() != after.State() && !after.StateSince.Equal(e.At) {
		return "the state changed, and its time did not"
	}
	if before.State() == after.State() && !after.StateSince.Equal(before.StateSince) {
		return "the time of the state changed, and the state did not"
	}
	if before.Role != after.Role && !after.RoleSince.Equal(e.At) {
		return "the role changed, and its time did not"
	}
	if after.Health > before.Health {
		switch e.Kind {
		case Missed, ProbeFailed, Froze:
		case ReleaseDone, Resume: // awaited; isolated
		default:
			if after.Frozen && after.Health == Suspect && before.Role != StandingBy && after.Role == StandingBy {
				break // standing by again, with a standby that is isolated
			}
			return fmt.Sprintf("health became %s on %s", after.Health, e.Kind)
		}
	}
	if before.Health == Failure && after.Health != Failure && !before.Frozen {
		switch e.Kind {
		case Answered, ProbePassed, Thawed, Froze, Suspend, Stop, Resume:
		case TakeoverDone, TakeoverFailed:
			if !e.Planned { // the primary was silent because it was told to leave
				return "failure ended with a takeover"
			}
		default:
			return fmt.Sprintf("failure ended on %s", e.Kind)
		}
	}
	if before.Frozen && (e.Kind == Missed && after.Misses != before.Misses || e.Kind == ProbeFailed && after.find(e.Probe).Misses != before.find(e.Probe).Misses) {
		return "counted while isolated"
	}
	if !before.Frozen && before.Health == Failure && after.Health != Failure && after.AnsweringSince.IsZero() &&
		(e.Kind == Answered || e.Kind == ProbePassed || e.Kind == Thawed) {
		return "a failure ended, and no ping was answered"
	}
	if (e.Kind == CannotAsk || e.Kind == Late) && (after.Misses != before.Misses || after.Health != before.Health) {
		return e.Kind.String() + " counted"
	}
	if after.Health == Failure && before.Health != Failure && e.Kind == Missed && after.Misses < after.Limit(p) && !after.probesFailed(Fatal) {
		return "a failure below the threshold"
	}
	if e.Kind == Missed && before.Role == StandingBy && before.Mode == Active && !before.Frozen && before.Misses == 0 && after.Misses == 1 && len(begins(effects, AskNeighbour)) == 0 {
		return "missed, and not asked by ARP"
	}
	return ""
}

// find returns the counter of a probe, zero if it has none.
func (f Facts) find(name string) ProbeCount {
	for _, c := range f.Probes {
		if c.Name == name {
			return c
		}
	}
	return ProbeCount{}
}
