package monitor

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// noon is when every case of these tests happens.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// defaults is the policy of a server whose configuration says nothing.
func defaults(name string) Policy {
	return Policy{
		Server: name, Interval: 2 * time.Second, Timeout: time.Second,
		WarnAfter: 5, FailAfter: 15, FailAfterReboot: 30,
		Automatic: true, AssumeAddress: true, ReleaseAfter: 30 * time.Second,
	}
}

// policies are the configurations that the table tells apart.
func policies() []Policy {
	plain := defaults("a")
	auto := defaults("a")
	auto.AssumeAddress, auto.AutoRelease, auto.OnClaim = false, true, AlertOnly
	yields := defaults("a")
	yields.OnClaim, yields.Seize, yields.WarnAfter = Yield, true, 1
	manual := defaults("a")
	manual.Automatic, manual.Fenced = false, true
	return []Policy{plain, auto, yields, manual}
}

// countersOf are the counters that the table tells apart, each with what its
// name says.
func countersOf(p Policy) []Counters {
	silent := noon.Add(-time.Minute)
	path := func(misses int) []PathCount { return []PathCount{{Misses: misses}} }
	asked := Neighbour{OnLink: true, Known: "aa", Asked: 40, FirstAsked: silent, LastAsked: noon}
	answered := asked
	answered.Answered, answered.MAC = noon.Add(-time.Second), "aa"
	all := []Counters{
		{Paths: path(0)}, // nothing is known
		{Paths: path(0), AnsweringSince: silent, LastAnswer: noon},
		{Paths: path(1), Misses: 1, SilentSince: silent, LastAnswer: silent},
		{Paths: path(p.WarnAfter - 1), Misses: p.WarnAfter - 1, SilentSince: silent},
		{Paths: path(p.FailAfter - 1), Misses: p.FailAfter - 1, SilentSince: silent, Warned: true, Neighbour: asked},
		{Paths: path(p.FailAfterReboot), Misses: p.FailAfterReboot, SilentSince: silent, Warned: true, Neighbour: asked},
		{Paths: path(p.FailAfterReboot), Misses: p.FailAfterReboot, SilentSince: silent, Warned: true, Neighbour: answered},
		{Paths: path(3), Misses: 3, SilentSince: silent, Frozen: true},
		{Paths: path(0), AnsweringSince: silent, LastAnswer: noon, Frozen: true},
		{Paths: []PathCount{{Misses: 4}, {Misses: 0}}, AnsweringSince: silent, LastAnswer: noon},
		{Paths: []PathCount{{Unknown: true}, {Misses: 4}}, Unknowns: 2*p.WarnAfter - 1},
		{Paths: path(0), AnsweringSince: silent, LastAnswer: noon, Claim: "66"},
		{Paths: path(0), AnsweringSince: silent, LastAnswer: noon, Probes: []ProbeCount{{Name: "tcp", Severity: Fatal, Misses: 2, Since: silent}}},
		{Paths: path(0), AnsweringSince: silent, LastAnswer: noon, Probes: []ProbeCount{{Name: "tcp", Severity: Fatal, Misses: 3, Since: silent, Failed: true, Told: true, Evidence: "refused"}}},
		{Paths: path(p.FailAfterReboot), Misses: p.FailAfterReboot, SilentSince: silent, Probes: []ProbeCount{{Name: "http", Severity: Degraded, Misses: 3, Failed: true, Evidence: "500"}}},
		{Paths: path(0), AnsweringSince: silent, LastAnswer: noon, Probes: []ProbeCount{{Name: "http", Severity: Degraded, Misses: 3, Failed: true, Evidence: "500"}, {Name: "tcp", Severity: Fatal, Misses: 3, Failed: true, Evidence: "refused"}}},
	}
	return append(all,
		Counters{Paths: path(0), AnsweringSince: silent, LastAnswer: noon, Probes: []ProbeCount{{Name: "http", Severity: Degraded, Misses: 3, Failed: true, Evidence: "500"}}},
		Counters{Paths: path(p.FailAfter - 1), Misses: p.FailAfter - 1, SilentSince: silent, Warned: true, Probes: []ProbeCount{{Name: "http", Severity: Degraded, Misses: 3, Failed: true, Evidence: "500"}}})
}

// keptVariants are the further facts that the table tells apart.
func keptVariants() []Kept {
	return []Kept{
		{},
		{Ordered: true, Incident: "a-1", Announced: true, LastTakeover: noon.Add(-time.Hour)},
		{Incomplete: "start", Incident: "a-1", Announced: true, Failed: true, Acknowledged: true, LastTakeover: noon.Add(-time.Minute)},
		{AwaitsPrimary: true, Hold: Hold{Released, "released"}, Diverged: true, Incident: "a-1"},
		{AfterReboot: true, Failed: true, Hold: Hold{Waiting, "waiting"}, Told: Waiting, Incident: "a-1", Announced: true, Epoch: 3},
		{Setback: Hold{GaveUp, "it failed"}, SetbackAt: noon.Add(-time.Minute), Hold: Hold{GaveUp, "it failed"}, OutOfDate: true, Late: true, CopyFailed: true},
	}
}

// eventsOf are events of every kind, with every detail that the table looks at.
func eventsOf() []Event {
	var all []Event
	add := func(e Event) {
		e.At, e.Evidence = noon, "seen"
		if e.Reason == "" {
			e.Reason = "because"
		}
		all = append(all, e)
	}
	for _, path := range []int{-1, 0, 1, 7} {
		add(Event{Kind: Answered, Path: path, RTT: time.Millisecond})
		add(Event{Kind: Missed, Path: path, Sent: noon.Add(-time.Second)})
		add(Event{Kind: CannotAsk, Path: path})
	}
	add(Event{Kind: Late, RTT: 2 * time.Second})
	for _, s := range []Severity{Info, Degraded, Fatal} {
		add(Event{Kind: ProbeFailed, Probe: "tcp", Severity: s, Limit: 3})
	}
	add(Event{Kind: ProbeFailed, Probe: "new", Severity: Degraded})
	add(Event{Kind: ProbePassed, Probe: "tcp"})
	add(Event{Kind: ProbePassed, Probe: "http"})
	add(Event{Kind: NeighbourKnown, MAC: "bb"})
	add(Event{Kind: NeighbourAsked})
	add(Event{Kind: NeighbourAnswered, MAC: "aa"})
	add(Event{Kind: Froze})
	add(Event{Kind: Thawed})
	add(Event{Kind: Decided})
	add(Event{Kind: Decided, Decision: &Decision{TakeOver: true, Steps: [4]Answer{{Question: IsItUs, Asked: true, Passed: true, Reason: "no"}}}})
	for _, c := range []Code{Isolated, Waiting, Manual, Unstable, NoData, AddressInUse} {
		add(Event{Kind: Decided, Decision: &Decision{Hold: Hold{c, "held"}, Steps: [4]Answer{{Question: IsItUs, Asked: true, Reason: "held"}}}})
	}
	for _, by := range []string{"", "anna"} {
		add(Event{Kind: Suspend, By: by, Until: noon.Add(time.Hour)})
		add(Event{Kind: Resume, By: by})
		add(Event{Kind: Stop, By: by})
		add(Event{Kind: FailoverOrdered, By: by})
		add(Event{Kind: ReleaseOrdered, By: by})
		add(Event{Kind: ReleaseDone, By: by})
		add(Event{Kind: ReleaseOrdered, By: by, Back: true})
		add(Event{Kind: FailoverOrdered, By: by, Planned: true})
		add(Event{Kind: ReleaseDone, By: by, Back: true})
	}
	add(Event{Kind: TakeoverDone, Touched: true})
	add(Event{Kind: TakeoverDone, Touched: true, Planned: true})
	add(Event{Kind: TakeoverFailed, Step: "copy", Planned: true})
	add(Event{Kind: TakeoverFailed, Step: "start", Kept: true, Touched: true, Planned: true})
	add(Event{Kind: TakeoverFailed, Step: "assume"})
	add(Event{Kind: TakeoverFailed, Step: "start", Kept: true, Touched: true})
	add(Event{Kind: TakeoverFailed, Step: "probe", Refused: AddressInUse})
	add(Event{Kind: ReleaseFailed, Step: "stop"})
	add(Event{Kind: ReleaseFailed, Step: "copy", Back: true})
	add(Event{Kind: ReleaseFailed, Step: "stop", Back: true, Kept: true})
	add(Event{Kind: Claimed, MAC: "66"})
	add(Event{Kind: Claimed, MAC: "77"})
	add(Event{Kind: Cleared})
	for _, d := range []Activity{FromLive, ToLive} {
		add(Event{Kind: CopyStarted, Direction: d})
		add(Event{Kind: CopyStarted, Direction: d, Discard: true})
	}
	add(Event{Kind: CopyEnded})
	add(Event{Kind: CopyEnded, Successful: true})
	add(Event{Kind: CopyEnded, RolledBack: true})
	add(Event{Kind: CopyLate})
	add(Event{Kind: Started})
	add(Event{Kind: Started, Rebooted: true})
	return all
}

// everyCase calls f with every combination of facts, event and policy.
func everyCase(f func(Facts, Event, Policy)) {
	events := eventsOf()
	for _, p := range policies() {
		counters := countersOf(p)
		for _, kept := range keptVariants() {
			for _, c := range counters {
				for mode := Active; mode <= Stopped; mode++ {
					for health := OK; health <= Failure; health++ {
						if mode != Active && health != OK {
							continue // not watched, so not judged
						}
						for activity := Idle; activity <= ToLive; activity++ {
							for role := StandingBy; role <= Releasing; role++ {
								kept.Mode, kept.Health, kept.Activity, kept.Role = mode, health, activity, role
								facts := Facts{Kept: kept, Counters: c}
								for _, e := range events {
									f(facts, e, p)
								}
							}
						}
					}
				}
			}
		}
	}
}

// name describes a case.
func name(f Facts, e Event) string {
	return fmt.Sprintf("%s/%s/%s/%s, %d misses, frozen %t, on %s: facts %+v, event %+v",
		f.Mode, f.Health, f.Activity, f.Role, f.Misses, f.Frozen, e.Kind, f, e)
}

func TestEveryStateAndEventHasAnAnswer(t *testing.T) {
	cases, hit := 0, map[*Row]int{}
	seen := map[string]bool{}
	everyCase(func(f Facts, e Event, p Policy) {
		cases++
		if t.Failed() && len(seen) > 5 {
			return
		}
		paths, probes := slices.Clone(f.Paths), slices.Clone(f.Probes)
		after, effects := Step(f, e, p)
		if what := broken(f, e, p, after, effects); what != "" && !seen[what] {
			seen[what] = true
			t.Errorf("%s\n%s\nbecame %+v\neffects %+v", what, name(f, e), after, effects)
		}
		if !slices.Equal(paths, f.Paths) || !slices.Equal(probes, f.Probes) {
			t.Fatalf("the facts that were given were changed: %s", name(f, e))
		}
		if f.Monitored() || !observed(e.Kind) {
			hit[find(f, f.counted(e, p), e, p)]++
		}
	})
	t.Logf("%d cases, %d rows", cases, len(Table))
	for i := range Table {
		if hit[&Table[i]] == 0 {
			t.Errorf("row %d is never the answer: on %s, %s: %s", i, Table[i].On, Table[i].When, Table[i].Then)
		}
	}
	states := map[State]bool{}
	everyCase(func(f Facts, _ Event, _ Policy) { states[f.State()] = true })
	if len(states) != len(stateNames) {
		t.Errorf("%d states of %d are reached", len(states), len(stateNames))
	}
}

func TestEachKindEndsWithARowThatFitsAlways(t *testing.T) {
	last := map[Kind]Row{}
	for i, r := range Table {
		if r.Then == "" {
			t.Errorf("row %d does not say what follows", i)
		}
		if (r.guard != nil) != (r.When != "") {
			t.Errorf("row %d (%s, %s): a guard and its words belong together", i, r.On, r.Then)
		}
		if prev, ok := last[r.On]; ok && always(prev) {
			t.Errorf("row %d (%s, %s) comes after one that fits always", i, r.On, r.Then)
		}
		last[r.On] = r
	}
	for _, k := range Kinds() {
		r, ok := last[k]
		if !ok || !always(r) {
			t.Errorf("the last row of %q does not fit always: %+v", k, r)
		}
	}
	if len(Kinds()) != len(kindNames) || Kinds()[len(Kinds())-1] != Started {
		t.Errorf("Kinds lists %d kinds", len(Kinds()))
	}
}

// always reports whether a row fits every event of its kind.
func always(r Row) bool {
	return len(r.Mode)+len(r.Role)+len(r.From)+len(r.To) == 0 && r.guard == nil
}
