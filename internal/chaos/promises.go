package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The six promises, as they are numbered in what people read.
const (
	NeverTwo        = 1
	NeverOlder      = 2
	NeverHalf       = 3
	NeverSilent     = 4
	NeverForgotten  = 5
	NeverByAccident = 6
)

// promised is the name of a promise.
func promised(n int) string {
	return [...]string{"", "never two", "never older over newer", "never half", "never silent", "never forgotten", "never by accident"}[n]
}

// Violation is a promise that was broken.
type Violation struct {
	Promise int
	Name    string // of the rule that saw it; the same fault has the same name in another telling of the story
	At      time.Time
	Step    int // of the story, the last one that had begun by then
	What    string
}

// String is a line about it.
func (v Violation) String() string {
	return fmt.Sprintf("promise %d, %s: %s, at %s, step %d: %s", v.Promise, promised(v.Promise), v.Name, v.At.Format("15:04:05.000"), v.Step, v.What)
}

// rule is a part of a promise that can be judged over a history.
type rule struct {
	promise int
	name    string
	judge   func(*History, complaint)
}

// complaint takes down what a rule found wrong.
type complaint func(at time.Time, format string, args ...any)

// rules are all of them.
func rules() []rule {
	return []rule{
		{NeverTwo, "two holders", assumedBesideAnother},
		{NeverTwo, "two holders that go on", heldBesideAnother},
		{NeverTwo, "answered by both", servedByBoth},
		{NeverOlder, "newer data lost", newerLost},
		{NeverOlder, "an answered write is nowhere", writesKept},
		{NeverHalf, "half a copy", halfCopies},
		{NeverHalf, "no copy in service", copiesServe},
		{NeverSilent, "decided without a reason", decisionsExplained},
		{NeverSilent, "operation without an end in the history", operationsTold},
		{NeverSilent, "unexplained address", addressesExplained},
		{NeverSilent, "not announced", takeoversAnnounced},
		{NeverSilent, "alert lost", alertsArrived},
		{NeverSilent, "down and nothing said", failuresExplained},
		{NeverForgotten, "never at rest", restReached},
		{NeverForgotten, "forgotten address", addressesDropped},
		{NeverForgotten, "stand-in not stopped", standInsStopped},
		{NeverForgotten, "stood in for by nobody", standingInWorks},
		{NeverForgotten, "history forgotten", historyKept},
		{NeverForgotten, "crash forgotten", crashesExamined},
		{NeverForgotten, "wish forgotten", wishesKept},
		{NeverForgotten, "ended by itself", daemonLives},
		{NeverForgotten, "not brought home", broughtHome},
		{NeverByAccident, "taken over while suspended", suspendedLeftAlone},
		{NeverByAccident, "double takeover", takenOverOnce},
		{NeverByAccident, "more than the capacity", capacityKept},
		{NeverByAccident, "done without confirmation", unconfirmedRefused},
		{NeverByAccident, "nobody's operation", operationsSigned},
	}
}

// Judge lists the promises that a history shows to be broken, the first one first.
func Judge(h *History) []Violation {
	var found []Violation
	for _, r := range rules() {
		r.judge(h, func(at time.Time, format string, args ...any) {
			found = append(found, Violation{Promise: r.promise, Name: r.name, At: at, Step: h.number(at), What: fmt.Sprintf(format, args...)})
		})
	}
	slices.SortStableFunc(found, func(a, b Violation) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Promise, b.Promise)) })
	return found
}
