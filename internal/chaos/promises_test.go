package chaos

import (
	"slices"
	"testing"
	"time"

	"failoverd/internal/site"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// dawn is when the histories of these tests begin.
func dawn() time.Time { return time.Date(2026, 9, 22, 3, 0, 0, 0, time.UTC) }

// second is a moment of them.
func second(n float64) time.Time { return dawn().Add(time.Duration(n * float64(time.Second))) }

// during is a time of them; an end of 0 is the end of the story.
func during(from, until float64) Span {
	s := Span{From: second(from)}
	if until != 0 {
		s.Until = second(until)
	}
	return s
}

// quietNight is a history in which every promise is kept: pbx dies at 10, is taken over at 12, a stand-in works, the
// daemon is killed at 60 and starts at 62, and at 100 an operator brings pbx home, which is done at 105.
func quietNight() *History {
	daemon := journal.Actor{Kind: "automatic", Name: "decision", Via: "monitor"}
	ended := func(n float64) *time.Time { at := second(n); return &at }
	event := func(seq int64, at float64, kind, severity, operation string) journal.Event {
		return journal.Event{
			Seq: seq, Time: second(at), Kind: kind, Severity: severity, Server: "pbx", Operation: operation, Actor: daemon,
			Message: kind, Reason: "5 misses of 5", Evidence: map[string]any{"misses": 5},
		}
	}
	servers := func(role, state string) status.Snapshot {
		return status.Snapshot{Servers: []status.Server{
			{Name: "pbx", Address: site.PBXAddress, Role: role, State: state, Mode: "active", Epoch: 1, Summary: "as it is", Incident: "inc-1"},
			{Name: "crm", Address: site.CRMAddress, Role: standingBy, State: wellStated, Mode: "active"},
		}}
	}
	h := &History{
		Began: second(5), Ended: second(160),
		Lives: []Life{{during(0, 60), "killed"}, {during(62, 0), ""}},
		Holds: []Hold{
			{during(0, 102), "pbx", site.PBXAddress},
			{during(104, 0), "pbx", site.PBXAddress},
			{during(0, 0), "crm", site.CRMAddress},
			{during(12, 101), theStandby, site.PBXAddress},
		},
		Reached: []Reach{{during(0, 10), "pbx"}, {during(90, 0), "pbx"}, {during(0, 0), "crm"}, {during(0, 0), theStandby}},
		Claims:  []Claim{{second(12.1), site.PBXAddress}, {second(13), site.PBXAddress}},
		Done: []Done{
			{Span: during(10, 10.1), Step: step(0, "crash pbx"), Number: 1},
			{Span: during(40, 40.2), Step: step(0, "suspend crm"), Number: 2},
			{Span: during(50, 50.2), Step: step(0, "resume crm"), Number: 3},
			{Span: during(60, 60.1), Step: step(0, "kill daemon"), Number: 4},
			{Span: during(62, 62.1), Step: step(0, "start daemon"), Number: 5},
			{Span: during(70, 70.1), Step: step(0, "unconfirmed release pbx"), Number: 6, Exit: 2},
			{Span: during(99, 105), Step: step(0, "home pbx"), Number: 7},
		},
		Operations: []plan.Record{
			{ID: "op-0", Kind: status.FromLive, Server: "pbx", State: plan.Succeeded, By: plan.Actor{Kind: "user", Name: "root"}, Reason: reasonOf(0), Started: second(1), Ended: ended(2)},
			{ID: "op-1", Kind: takeoverKind, Server: "pbx", State: plan.Succeeded, By: plan.Actor{Kind: "automatic", Name: "decision"}, Reason: "5 misses of 5", Started: second(11.9), Ended: ended(14)},
			{ID: "op-2", Kind: status.Failback, Server: "pbx", State: plan.Succeeded, By: plan.Actor{Kind: "user", Name: "root"}, Reason: reasonOf(7), Started: second(100), Ended: ended(105)},
		},
		Events: []journal.Event{
			event(1, 2, status.FromLive+".done", journal.Info, "op-0"),
			event(2, 11.8, "server.failure", journal.Critical, ""),
			event(3, 11.9, "decision.takeover", journal.Critical, "op-1"),
			event(4, 14, "takeover.done", journal.Critical, "op-1"),
			event(5, 63, "takeover.adopted", journal.Info, ""),
			event(6, 105, "failback.done", journal.Warning, "op-2"),
			event(7, 106, "server.answering", journal.Info, ""),
		},
		Rests: []Rest{
			{At: second(30), Alive: true, Plugged: true, Roomy: true, Status: servers(standingIn, failure), Held: []string{site.PBXAddress}, Working: map[string]int{"pbx": 1}},
			{At: second(150), Alive: true, Plugged: true, Roomy: true, Last: true, Status: servers(standingBy, wellStated)},
		},
	}
	for _, e := range h.Events {
		h.Letters = append(h.Letters, Letter{At: e.Time.Add(time.Second), Kind: e.Kind, ID: "<inc-1." + string(rune('0'+e.Seq)) + ".k3.abcd@standby-1.example.com>"})
	}
	for n := 1; n < 150; n++ {
		at := second(float64(n))
		a := Answer{Server: "pbx", Asked: at, At: at, Call: n, By: "primary pbx"}
		if n >= 11 && n <= 101 {
			a.By = "stand-in of pbx"
		}
		h.Answers = append(h.Answers, a)
	}
	calls := func(n int) (list []int) {
		for i := 1; i < n; i++ {
			list = append(list, i)
		}
		return list
	}
	for n := 2; n <= 150; n += 2 {
		at := second(float64(n) + 0.5)
		// The copy of the database is the one of second 1 until the stand-in works in it, and again from the failback on.
		for place, known := range map[string]int{copyDB: min(n, 101), primaryDB: n, copyTree: n, ownTree: n} {
			if n > 10 && n < 103 && (place == primaryDB || place == ownTree) {
				known = 10
			}
			if n >= 100 && place == copyTree {
				known = n
			}
			h.Censuses = append(h.Censuses, Census{At: at, Place: place, Readable: true, Calls: calls(known + 1)})
		}
	}
	return h
}

func TestKeptPromises(t *testing.T) {
	for _, v := range Judge(quietNight()) {
		t.Error(v)
	}
}

// takeover is one that succeeded, by failoverd itself.
func takeover(id, server string, from, until float64) plan.Record {
	ended := second(until)
	return plan.Record{
		ID: id, Kind: takeoverKind, Server: server, State: plan.Succeeded, By: plan.Actor{Kind: "automatic", Name: "decision"},
		Reason: "5 misses of 5", Started: second(from), Ended: &ended,
	}
}

// TestASuspendedServerIsStoodInForAgain: the standby's host reboots while it stands in for a server that is suspended.
func TestASuspendedServerIsStoodInForAgain(t *testing.T) {
	h := quietNight()
	h.Operations = slices.Insert(h.Operations, 1, takeover("op-8", "crm", 5, 6))
	h.Operations = slices.Insert(h.Operations, 3, takeover("op-9", "crm", 45, 46))
	resumed := journal.Event{Seq: 10, Time: second(45), Kind: "takeover.resumed", Server: "crm"}
	among := func() bool {
		return slices.ContainsFunc(Judge(h), func(v Violation) bool { return v.Name == "taken over while suspended" })
	}
	if !among() {
		t.Error("a takeover of its own while crm is suspended is not found")
	}
	if h.Events = append(h.Events, resumed); among() {
		t.Error("a takeover that was taken up again is found")
	}
}

// defects are what a broken failoverd could do, each planted in the history of a night in which all went well.
func defects() map[string]struct {
	rule  string
	plant func(h *History)
} {
	type defect = struct {
		rule  string
		plant func(h *History)
	}
	remove := func(kind string) func(h *History) {
		return func(h *History) {
			h.Events = slices.DeleteFunc(h.Events, func(e journal.Event) bool { return e.Kind == kind })
		}
	}
	decided := func(h *History, id, server string, at float64) {
		for _, kind := range []string{"decision.takeover", "takeover.done"} {
			h.Events = append(h.Events, journal.Event{
				Seq: int64(len(h.Events) + 1), Time: second(at), Kind: kind, Severity: journal.Critical, Server: server, Operation: id, Reason: "5 misses of 5", Evidence: map[string]any{"misses": 5},
			})
			h.Letters = append(h.Letters, Letter{At: second(at + 1), Kind: kind, ID: "<inc-2." + string(rune('0'+len(h.Events))) + ".k3@x>"})
		}
	}
	lie := func(place string, at float64, change func(c *Census)) func(h *History) {
		return func(h *History) {
			for i := range h.Censuses {
				if c := &h.Censuses[i]; c.Place == place && !c.At.Before(second(at)) {
					change(c)
				}
			}
		}
	}
	const uneasyAt = 85
	uneasyRest := func(role string, change func(r *Rest)) func(h *History) {
		return func(h *History) {
			r := h.Rests[0]
			r.At, r.Waited = second(uneasyAt), restPatience
			r.Status.Servers = slices.Clone(r.Status.Servers)
			r.Status.Servers[0].Role = role
			change(&r)
			r.Uneasy = Uneasy(r)
			h.Rests = append(h.Rests, r)
		}
	}
	return map[string]defect{
		"taken beside the living primary": {"two holders", func(h *History) { h.Reached[0] = Reach{during(0, 30), "pbx"} }},
		"never gave way": {"two holders that go on", func(h *History) {
			h.Reached[1] = Reach{during(65, 0), "pbx"}
		}},
		"two servers answer": {"answered by both", func(h *History) {
			for i, a := range h.Answers {
				if a.By[0] == 's' && i%2 == 0 {
					h.Answers[i].By = "primary pbx"
				}
			}
		}},
		"an older copy over a newer":   {"newer data lost", lie(copyDB, 60, func(c *Census) { c.Calls = c.Calls[:9] })},
		"files of before the takeover": {"newer data lost", lie(copyTree, 70, func(c *Census) { c.Calls = c.Calls[:9] })},
		"the way back took the older":  {"newer data lost", lie(primaryDB, 110, func(c *Census) { c.Calls = c.Calls[:9] })},
		"what the stand-in wrote is nowhere": {"an answered write is nowhere", func(h *History) {
			h.Censuses = slices.DeleteFunc(h.Censuses, func(c Census) bool { return c.Place == copyDB || c.Place == primaryDB && c.At.After(second(90)) })
		}},
		"half a copy put in service":  {"half a copy", lie(copyDB, 20, func(c *Census) { c.Trouble, c.Readable = "database disk image is malformed", false })},
		"half a file under its name":  {"half a copy", lie(copyTree, 20, func(c *Census) { c.Trouble = "calls/7.txt has 3 bytes of 60" })},
		"the copy is gone":            {"no copy in service", lie(copyDB, 20, func(c *Census) { c.Readable = false })},
		"taken over without a reason": {"decided without a reason", func(h *History) { h.Events[2].Reason = "" }},
		"without a decision":          {"decided without a reason", remove("decision.takeover")},
		"the end is not written down": {"operation without an end in the history", remove("failback.done")},
		"an address that nobody knows": {"unexplained address", func(h *History) {
			h.Holds = append(h.Holds, Hold{during(30, 80), theStandby, site.CRMAddress})
			h.Holds[2].Until, h.Operations[1].By.Kind, h.Operations[1].Reason = second(25), "user", reasonOf(1)
		}},
		"taken over in silence":  {"not announced", func(h *History) { h.Claims = nil }},
		"announced too late":     {"not announced", func(h *History) { h.Claims = []Claim{{second(50), site.PBXAddress}} }},
		"a mail that never came": {"alert lost", func(h *History) { h.Letters = slices.Delete(h.Letters, 3, 4) }},
		"a mail that waits":      {"alert lost", func(h *History) { h.Waiting = 1 }},
		"down without an incident": {"down and nothing said", func(h *History) {
			s := &h.Rests[0].Status.Servers[0]
			s.Role, s.Incident = standingBy, ""
		}},
		"an operation without an end":  {"never at rest", uneasyRest("taking over", func(*Rest) {})},
		"an address after the release": {"forgotten address", uneasyRest(standingBy, func(r *Rest) { r.Working = nil })},
		"a stand-in after the release": {"stand-in not stopped", uneasyRest(standingBy, func(r *Rest) { r.Held = nil })},
		"two stand-ins":                {"stand-in not stopped", uneasyRest(standingIn, func(r *Rest) { r.Working = map[string]int{"pbx": 2} })},
		"an address that is not held":  {"stood in for by nobody", uneasyRest(standingIn, func(r *Rest) { r.Held = nil })},
		"a stand-in that is dead":      {"stood in for by nobody", uneasyRest(standingIn, func(r *Rest) { r.Working = nil })},
		"an event that vanished":       {"history forgotten", func(h *History) { h.Vanished = append(h.Vanished, h.Events[3]) }},
		"numbers used again":           {"history forgotten", func(h *History) { h.Events[4].Seq = 2 }},
		"killed in the middle, and nothing said": {"crash forgotten", func(h *History) {
			ended := second(80)
			h.Operations = slices.Insert(h.Operations, 2, plan.Record{
				ID: "op-9", Kind: status.Drill, Server: "pbx", State: plan.Failed, By: plan.Actor{Kind: "user", Name: "root"}, Reason: reasonOf(4), Started: second(55), Ended: &ended,
			})
			h.Events[3].Time, h.Events[3].Operation = second(56), "op-9"
			h.Events = slices.Insert(h.Events, 3, journal.Event{Seq: 3, Time: second(14), Kind: "takeover.done", Server: "pbx", Operation: "op-1"})
			for i := range h.Events {
				h.Events[i].Seq = int64(i + 1)
			}
			h.Events[3].Severity, h.Events[4].Severity = journal.Info, journal.Info
		}},
		"the suspension is forgotten": {"wish forgotten", func(h *History) { h.Done = slices.Delete(h.Done, 2, 3) }},
		"the epoch goes back":         {"wish forgotten", func(h *History) { h.Rests[1].Status.Servers[0].Epoch = 0 }},
		"the daemon dies":             {"ended by itself", func(h *History) { h.Lives[0].How = "by itself" }},
		"no way home":                 {"not brought home", func(h *History) { h.EndError = "waited in vain for pbx" }},
		"taken over while suspended": {"taken over while suspended", func(h *History) {
			h.Operations = slices.Insert(h.Operations, 2, takeover("op-8", "crm", 45, 46))
			decided(h, "op-8", "crm", 45)
		}},
		"taken up again while suspended, and was not stood in for": {"taken over while suspended", func(h *History) {
			h.Operations = slices.Insert(h.Operations, 2, takeover("op-8", "crm", 45, 46))
			h.Events = append(h.Events, journal.Event{Seq: 10, Time: second(45), Kind: "takeover.resumed", Server: "crm"})
		}},
		"taken over twice": {"double takeover", func(h *History) {
			h.Operations = slices.Insert(h.Operations, 2, takeover("op-8", "pbx", 30, 31))
			decided(h, "op-8", "pbx", 30)
		}},
		"taken over again within the hour": {"double takeover", func(h *History) {
			ended := second(31)
			h.Operations = slices.Insert(h.Operations, 2,
				plan.Record{ID: "op-7", Kind: releaseKind, Server: "pbx", State: plan.Succeeded, By: plan.Actor{Kind: "automatic", Name: "claim"}, Reason: "another host has it", Started: second(30), Ended: &ended},
				takeover("op-8", "pbx", 40, 41))
			decided(h, "op-8", "pbx", 40)
			h.Events = append(h.Events, journal.Event{Seq: 10, Time: second(31), Kind: "release.done", Server: "pbx", Operation: "op-7"})
			h.Events[6].Severity = journal.Info
		}},
		"both servers at once": {"more than the capacity", func(h *History) {
			h.Holds = append(h.Holds, Hold{during(30, 35), theStandby, site.CRMAddress})
			h.Holds[2].Until = second(25)
		}},
		"done without a question":     {"done without confirmation", func(h *History) { h.Done[5].Exit = 0 }},
		"an order that nobody signed": {"nobody's operation", func(h *History) { h.Operations[2].By.Name = "" }},
		"an order for another reason": {"nobody's operation", func(h *History) { h.Operations[2].Reason = "because" }},
	}
}

// TestPlantedDefects: whatever a broken failoverd would do, the checker finds it, and names it.
func TestPlantedDefects(t *testing.T) {
	found := map[string]bool{}
	for name, d := range defects() {
		t.Run(name, func(t *testing.T) {
			h := quietNight()
			d.plant(h)
			got := Judge(h)
			if !slices.ContainsFunc(got, func(v Violation) bool { return v.Name == d.rule }) {
				t.Fatalf("want %q, got %v", d.rule, got)
			}
			for _, v := range got {
				if v.Name != d.rule {
					t.Logf("besides: %v", v)
				}
			}
			for i := 1; i < len(got); i++ {
				if got[i].At.Before(got[i-1].At) {
					t.Errorf("%v comes after %v", got[i], got[i-1])
				}
			}
			found[d.rule] = true
		})
	}
	for _, r := range rules() {
		if !found[r.name] {
			t.Errorf("no defect is planted that %q finds", r.name)
		}
	}
}

// What is at rest is, and what is not is said.
func TestUneasy(t *testing.T) {
	for i, r := range quietNight().Rests {
		if what := Uneasy(r); what != "" {
			t.Errorf("rest %d: %s", i, what)
		}
	}
	r := quietNight().Rests[0]
	r.Status.Servers[0].Operation = "op-1"
	if Uneasy(r) == "" {
		t.Error("an operation runs, and it is at rest")
	}
	r = quietNight().Rests[0]
	r.Held, r.Working, r.Plugged = nil, nil, false
	if what := Uneasy(r); what != "" {
		t.Errorf("without a network: %s", what)
	}
}
