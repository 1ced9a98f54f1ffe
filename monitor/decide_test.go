package monitor

import (
	"strings"
	"testing"
	"time"
)

// dead is a server that has just failed, on an otherwise healthy standby.
func dead() Situation {
	p := defaults("a")
	return Situation{
		Now: noon, Policy: p, Link: "eth0", LinkUp: true, Capacity: 1,
		Facts:     silent(p, 15, noon.Add(-29*time.Second)),
		Witnesses: []Witness{{"gateway", noon.Add(-time.Second)}},
		Data:      Data{Note: "nothing is replicated"},
	}
}

// silent are the facts of a server that missed n pings.
func silent(p Policy, n int, since time.Time) Facts {
	f := Facts{Counters: Counters{
		Paths: []PathCount{{Misses: n}}, Misses: n, SilentSince: since,
		Neighbour: Neighbour{OnLink: true, Known: "aa", Asked: 100, Silent: 100, FirstAsked: since, LastAsked: noon},
	}}
	f.Health = Suspect
	if n >= p.FailAfter {
		f.Health = Failure
	}
	return f
}

// other is another server that missed n pings.
func other(name string, priority, n int, since time.Time) Other {
	p := defaults(name)
	p.Priority = priority
	return Other{name, silent(p, n, since), p}
}

func TestDecide(t *testing.T) {
	start := noon.Add(-29 * time.Second)
	for _, c := range []struct {
		name   string
		change func(*Situation)
		want   Code
		asked  int // questions
		reason string
	}{
		{"nothing in the way", func(*Situation) {}, NoHold, 4, "nobody answered 100 questions"},
		{"the journal cannot be read", func(s *Situation) { s.Unreadable = "page 7 is torn" }, Unreadable, 1, "page 7 is torn"},
		{"the journal cannot be written", func(s *Situation) { s.Unwritable = "disk full" }, Unwritable, 1, "disk full"},
		{"own link down", func(s *Situation) { s.LinkUp = false }, Isolated, 1, "link eth0 is down"},
		{"own link down, witnesses off", func(s *Situation) { s.LinkUp, s.WitnessesOff = false, true }, Isolated, 1, "is down"},
		{"not settled", func(s *Situation) { s.SettledAt, s.Unsettled = noon.Add(1), "the host booted" }, Unsettled, 1, "the host booted"},
		{"settled just now", func(s *Situation) { s.SettledAt = noon }, NoHold, 4, ""},
		{"no witness at all", func(s *Situation) { s.Witnesses = nil }, Isolated, 1, "there is none"},
		{"the witness answered before the silence", func(s *Situation) { s.Witnesses[0].LastAnswer = start.Add(-1) }, Isolated, 1, "gateway"},
		{"the witness answered as the silence began", func(s *Situation) { s.Witnesses[0].LastAnswer = start }, NoHold, 4, ""},
		{"silent for an hour, the witness for half an hour", func(s *Situation) {
			s.Facts.SilentSince = noon.Add(-time.Hour)
			s.Witnesses[0].LastAnswer = noon.Add(-30 * time.Minute)
		}, Isolated, 1, "no witness has answered since 11:59:29"},
		{"a second witness", func(s *Situation) {
			s.Witnesses = []Witness{{"gateway", time.Time{}}, {"server room", noon}}
		}, NoHold, 4, ""},
		{"witnesses off", func(s *Situation) { s.Witnesses, s.WitnessesOff = nil, true }, NoHold, 4, ""},
		{"another primary is the witness", func(s *Situation) {
			s.Witnesses = nil
			s.Others = []Other{{"b", Facts{Counters: Counters{LastAnswer: noon}}, defaults("b")}}
		}, NoHold, 4, ""},
		{"a suspended primary is none", func(s *Situation) {
			s.Witnesses = nil
			s.Others = []Other{{"b", Facts{Kept: Kept{Mode: Suspended}, Counters: Counters{LastAnswer: noon}}, defaults("b")}}
		}, Isolated, 1, ""},
		{"another fell silent after the witness's answer", func(s *Situation) {
			s.Others = []Other{other("b", 0, 2, noon.Add(-500*time.Millisecond))}
		}, Segment, 1, "b fell silent as well"},
		{"another fell silent, the witness answered since", func(s *Situation) {
			s.Others = []Other{other("b", 0, 2, noon.Add(-3*time.Second))}
		}, NoHold, 4, ""},
		{"another fell silent long ago", func(s *Situation) {
			s.Others = []Other{other("b", 0, 2000, noon.Add(-time.Hour))}
			s.Others[0].Facts.Hold.Code = Manual
		}, NoHold, 4, ""},
		{"the capacity is taken", func(s *Situation) {
			s.Others = []Other{{"b", Facts{Kept: Kept{Role: StandingIn}}, defaults("b")}}
		}, Waiting, 2, "stands in for b already"},
		{"one being released takes capacity", func(s *Situation) {
			s.Others = []Other{{"b", Facts{Kept: Kept{Role: Releasing}}, defaults("b")}}
		}, Waiting, 2, "capacity 1"},
		{"there is room for two", func(s *Situation) {
			s.Capacity = 2
			s.Others = []Other{{"b", Facts{Kept: Kept{Role: StandingIn}}, defaults("b")}}
		}, NoHold, 4, ""},
		{"a higher priority waits as well", func(s *Situation) {
			s.Others = []Other{other("b", 1, 15, start)}
		}, Waiting, 2, "b (priority 1) comes first"},
		{"room for both", func(s *Situation) {
			s.Capacity = 2
			s.Others = []Other{other("b", 1, 15, start)}
		}, NoHold, 4, ""},
		{"a lower priority waits as well", func(s *Situation) {
			s.Others = []Other{other("b", -1, 15, start.Add(-time.Second))}
		}, NoHold, 4, ""},
		{"the same priority, longer in failure", func(s *Situation) {
			s.Others = []Other{other("b", 0, 15, start.Add(-1))}
		}, Waiting, 2, "b (priority 0)"},
		{"the same priority, not so long in failure", func(s *Situation) {
			s.Others = []Other{other("0", 0, 15, start.Add(1))}
		}, NoHold, 4, ""},
		{"the same in everything, by name", func(s *Situation) {
			s.Others = []Other{other("0", 0, 15, start)}
		}, Waiting, 2, "0 (priority 0)"},
		{"the same in everything, by name, first", func(s *Situation) {
			s.Others = []Other{other("b", 0, 15, start)}
		}, NoHold, 4, ""},
		{"a higher priority that will not be taken over: manual", func(s *Situation) {
			s.Others = []Other{other("b", 1, 15, start)}
			s.Others[0].Policy.Automatic = false
		}, NoHold, 4, ""},
		{"a higher priority that will not be taken over: its address is in use", func(s *Situation) {
			s.Others = []Other{other("b", 1, 15, start)}
			s.Others[0].Facts.Hold.Code = AddressInUse
		}, NoHold, 4, ""},
		{"a higher priority that will not be taken over: released", func(s *Situation) {
			s.Others = []Other{other("b", 1, 15, start)}
			s.Others[0].Facts.AwaitsPrimary = true
		}, NoHold, 4, ""},
		{"a higher priority that will not be taken over: it failed", func(s *Situation) {
			s.Others = []Other{other("b", 1, 15, start)}
			s.Others[0].Facts.Setback.Code = GaveUp
			s.Others[0].Facts.Hold.Code = Waiting
		}, NoHold, 4, ""},
		{"a higher priority that will not be taken over: suspended", func(s *Situation) {
			s.Others = []Other{other("b", 1, 15, start)}
			s.Others[0].Facts.Mode = Suspended
		}, NoHold, 4, ""},
		{"a higher priority reaches its threshold any moment", func(s *Situation) {
			s.Others = []Other{other("b", 1, 14, start.Add(time.Second))}
		}, Waiting, 2, "comes first"},
		{"a higher priority that began three beats later", func(s *Situation) {
			s.Others = []Other{other("b", 1, 12, start.Add(6*time.Second))}
		}, NoHold, 4, ""},
		{"a higher priority that should have reached it", func(s *Situation) {
			s.Others = []Other{other("b", 1, 14, start.Add(-3*time.Second))}
		}, NoHold, 4, ""},
		{"a lower priority that may reach its threshold", func(s *Situation) {
			s.Others = []Other{other("b", -1, 14, start.Add(time.Second))}
		}, NoHold, 4, ""},
		{"counted afresh", func(s *Situation) { s.Facts.Misses = 14 }, Asking, 3, "14 of 15"},
		{"after a reboot", func(s *Situation) { s.Facts.AfterReboot = true }, Asking, 3, "15 of 30"},
		{"manual", func(s *Situation) { s.Policy.Automatic = false }, Manual, 3, "the operator decides"},
		{"released", func(s *Situation) { s.Facts.AwaitsPrimary = true }, Released, 3, "has not answered since"},
		{"gave up", func(s *Situation) { s.Facts.Setback = Hold{GaveUp, "it failed"} }, GaveUp, 3, "it failed"},
		{"refused a moment ago", func(s *Situation) {
			s.Facts.Setback, s.Facts.SetbackAt = Hold{AddressInUse, "66 answers"}, noon.Add(-time.Minute+1)
		}, AddressInUse, 3, "66 answers"},
		{"refused a minute ago", func(s *Situation) {
			s.Facts.Setback, s.Facts.SetbackAt = Hold{AddressInUse, "66 answers"}, noon.Add(-time.Minute)
		}, NoHold, 4, ""},
		{"within the hour", func(s *Situation) { s.Facts.LastTakeover = noon.Add(-time.Hour + 1) }, Unstable, 3, "nobody has acknowledged"},
		{"an hour ago", func(s *Situation) { s.Facts.LastTakeover = noon.Add(-time.Hour) }, NoHold, 4, ""},
		{"acknowledged", func(s *Situation) {
			s.Facts.LastTakeover, s.Facts.Acknowledged = noon.Add(-time.Minute), true
		}, NoHold, 4, ""},
		{"beyond a router", func(s *Situation) { s.Facts.Neighbour = Neighbour{} }, NoHold, 4, "beyond a router"},
		{"asked twice", func(s *Situation) { s.Facts.Neighbour.Asked = 2 }, Asking, 3, "2 of 3"},
		{"ARP answers", arpAnswers("aa", time.Second), AddressInUse, 3, "ICMP is filtered or its system hangs"},
		{"ARP answered 28 s ago", arpAnswers("aa", 28*time.Second), NoHold, 4, "but not for 28s"},
		{"ARP answered almost 28 s ago", arpAnswers("aa", 28*time.Second-1), AddressInUse, 3, ""},
		{"ARP answered 28 s ago and was asked once since", func(s *Situation) {
			arpAnswers("aa", 28*time.Second)(s)
			s.Facts.Neighbour.Silent = 1
		}, AddressInUse, 3, ""},
		{"ARP answers, seize", seizing(arpAnswers("aa", time.Second)), NoHold, 4, "seize"},
		{"ARP answers, fenced", fencing(arpAnswers("aa", time.Second)), NoHold, 4, "fenced"},
		{"another answers ARP", arpAnswers("66", time.Second), Conflict, 3, "66 answers ARP"},
		{"another answers ARP, seize", seizing(arpAnswers("66", time.Second)), NoHold, 4, "address conflict"},
		{"another answers ARP, fenced", fencing(arpAnswers("66", time.Second)), Conflict, 3, ""},
		{"somebody answers ARP, nobody is known", func(s *Situation) {
			arpAnswers("66", time.Second)(s)
			s.Facts.Neighbour.Known = ""
		}, AddressInUse, 3, "66 answers ARP"},
		{"a probe failed, pings are answered", probeFailed, AddressInUse, 3, "pings are answered"},
		{"a probe failed, pings are answered, own address", func(s *Situation) {
			probeFailed(s)
			s.Policy.AssumeAddress = false
		}, NoHold, 4, "its address is not assumed"},
		{"a probe failed, pings are answered, seize", seizing(probeFailed), NoHold, 4, "seize"},
		{"a probe failed, pings are answered, fenced", fencing(probeFailed), NoHold, 4, "fenced"},
		{"a probe failed, nothing is pinged yet", func(s *Situation) {
			probeFailed(s)
			s.Facts.AnsweringSince = time.Time{}
			s.Policy.AssumeAddress = false
		}, Asking, 3, "no ping has been answered or missed yet"},
		{"a probe failed, and nobody has answered since", func(s *Situation) {
			probeFailed(s)
			s.Facts.LastAnswer, s.Witnesses[0].LastAnswer = noon.Add(-11*time.Second), noon.Add(-11*time.Second)
		}, Isolated, 1, "no witness has answered since 11:59:50"},
		{"a probe failed before the pings did", func(s *Situation) {
			s.Facts.Misses = 2
			s.Facts.Probes = []ProbeCount{{Name: "tcp", Severity: Fatal, Failed: true, Misses: 3, Since: start}}
		}, NoHold, 4, "nobody answered"},
		{"no copy", func(s *Situation) { s.Data = Data{Replicated: true} }, NoData, 4, "no copy of the primary's data was ever completed"},
		{"an old copy, any age", func(s *Situation) { s.Data = Data{Replicated: true, Complete: true, Age: 99 * time.Hour} }, NoHold, 4, ""},
		{"an old copy", func(s *Situation) {
			s.Policy.MaxAge = 36 * time.Hour
			s.Data = Data{Replicated: true, Complete: true, Age: 36*time.Hour + 1}
		}, OldData, 4, "max_age"},
		{"a copy as old as it may be", func(s *Situation) {
			s.Policy.MaxAge = 36 * time.Hour
			s.Data = Data{Replicated: true, Complete: true, Age: 36 * time.Hour}
		}, NoHold, 4, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := dead()
			c.change(&s)
			d := Decide(s)
			if d.Hold.Code != c.want || d.TakeOver != (c.want == NoHold) {
				t.Fatalf("have %q (%s), take over %t", d.Hold.Code, d.Hold.Reason, d.TakeOver)
			}
			if d.Isolated != (c.want == Isolated) {
				t.Errorf("isolated: %t", d.Isolated)
			}
			asked := 0
			for i, a := range d.Steps {
				if !a.Asked {
					continue
				}
				asked++
				if a.Reason == "" {
					t.Errorf("%s is answered without a reason", a.Question)
				}
				if failed := c.want != NoHold && i == c.asked-1; a.Passed == failed {
					t.Errorf("%s passed: %t", a.Question, a.Passed)
				}
			}
			if asked != c.asked {
				t.Errorf("%d questions were asked", asked)
			}
			if !strings.Contains(d.Summary(), c.reason) || d.TakeOver == (d.Hold.Reason != "") {
				t.Errorf("reason %q, summary %q", d.Hold.Reason, d.Summary())
			}
		})
	}
}

// arpAnswers lets somebody answer ARP some time ago.
func arpAnswers(mac string, ago time.Duration) func(*Situation) {
	return func(s *Situation) {
		s.Facts.Neighbour.Answered, s.Facts.Neighbour.MAC = noon.Add(-ago), mac
	}
}

func seizing(change func(*Situation)) func(*Situation) {
	return func(s *Situation) { change(s); s.Policy.Seize = true }
}

func fencing(change func(*Situation)) func(*Situation) {
	return func(s *Situation) { change(s); s.Policy.Fenced = true }
}

// probeFailed is a server whose application is dead while its host answers.
func probeFailed(s *Situation) {
	s.Facts.Misses, s.Facts.SilentSince, s.Facts.Neighbour = 0, time.Time{}, Neighbour{OnLink: true, Known: "aa"}
	s.Facts.AnsweringSince, s.Facts.LastAnswer = noon.Add(-time.Hour), noon.Add(-time.Second)
	s.Facts.Probes = []ProbeCount{{Name: "tcp", Severity: Fatal, Failed: true, Misses: 3, Since: noon.Add(-10 * time.Second), Evidence: "refused"}}
}
