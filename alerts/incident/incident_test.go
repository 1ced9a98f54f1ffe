package incident

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 8, 12, 2, 11, 0, 0, time.UTC)

func alert(severity string, after time.Duration) Alert {
	return Alert{ID: "pbx-1", Server: "pbx", Kind: "server." + severity, Severity: severity, Message: severity, At: start.Add(after)}
}

// What a night looks like: who is told of what, and when.
func TestStories(t *testing.T) {
	const m = time.Minute
	policy := Policy{RemindEvery: 30 * m, EscalateAfter: 20 * m}
	type said struct {
		After time.Duration
		What  Action
	}
	for name, tt := range map[string]struct {
		policy Policy
		alerts []Alert       // the first opens it
		taken  time.Duration // 0: never
		ended  time.Duration // 0: never
		want   []said
	}{
		"nobody takes it":                {policy, []Alert{alert(Critical, 0)}, 0, 0, []said{{20 * m, Escalate}, {50 * m, Remind}, {80 * m, Remind}, {110 * m, Remind}}},
		"a warning is not escalated":     {policy, []Alert{alert(Warning, 0)}, 0, 0, []said{{30 * m, Remind}, {60 * m, Remind}, {90 * m, Remind}, {120 * m, Remind}}},
		"it was taken":                   {policy, []Alert{alert(Critical, 0)}, 10 * m, 0, nil},
		"taken late":                     {policy, []Alert{alert(Critical, 0)}, 60 * m, 0, []said{{20 * m, Escalate}, {50 * m, Remind}}},
		"it ended":                       {policy, []Alert{alert(Critical, 0)}, 0, 25 * m, []said{{20 * m, Escalate}}},
		"told again":                     {policy, []Alert{alert(Warning, 0), alert(Warning, 25*m)}, 0, 0, []said{{55 * m, Remind}, {85 * m, Remind}, {115 * m, Remind}}},
		"good news do not end it":        {policy, []Alert{alert(Warning, 0), alert(Info, 25*m)}, 0, 0, []said{{55 * m, Remind}, {85 * m, Remind}, {115 * m, Remind}}},
		"it got worse":                   {policy, []Alert{alert(Warning, 0), alert(Critical, 15*m)}, 0, 0, []said{{35 * m, Escalate}, {65 * m, Remind}, {95 * m, Remind}}},
		"it got worse after a taking":    {policy, []Alert{alert(Warning, 0), alert(Critical, 15*m)}, 10 * m, 0, []said{{35 * m, Escalate}, {65 * m, Remind}, {95 * m, Remind}}},
		"as bad as before when taken":    {policy, []Alert{alert(Critical, 0), alert(Critical, 15*m)}, 10 * m, 0, nil},
		"never reminded":                 {Policy{EscalateAfter: 20 * m}, []Alert{alert(Critical, 0)}, 0, 0, []said{{20 * m, Escalate}}},
		"never escalated":                {Policy{RemindEvery: 50 * m}, []Alert{alert(Critical, 0)}, 0, 0, []said{{50 * m, Remind}, {100 * m, Remind}}},
		"reminded before the escalation": {Policy{RemindEvery: 10 * m, EscalateAfter: 25 * m}, []Alert{alert(Critical, 0)}, 40 * m, 0, []said{{10 * m, Remind}, {20 * m, Remind}, {25 * m, Escalate}, {35 * m, Remind}}},
	} {
		t.Run(name, func(t *testing.T) {
			i := Open(tt.alerts[0])
			next := tt.alerts[1:]
			var got []said
			for after := time.Duration(0); after <= 2*time.Hour; after += m {
				for len(next) > 0 && !next[0].At.After(start.Add(after)) {
					i, next = i.Tell(next[0]), next[1:]
				}
				if tt.taken > 0 && after == tt.taken {
					i, _ = i.Take("alice", "on my way", start.Add(after))
				}
				if tt.ended > 0 && after == tt.ended {
					i = i.End(start.Add(after))
				}
				var what Action
				if i, what = i.Due(tt.policy, start.Add(after)); what != Nothing {
					got = append(got, said{after, what})
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("what was said (-want +got)\n%s", diff)
			}
		})
	}
}

// Whoever takes it first is kept, and nobody takes what is over.
func TestTake(t *testing.T) {
	i, first := Open(alert(Critical, 0)).Take("alice", "power cut", start.Add(time.Minute))
	again, second := i.Take("bob", "me too", start.Add(time.Hour))
	if !first || second || again.Taken.By != "alice" || again.Taken.Reason != "power cut" {
		t.Errorf("%t, %t: %+v", first, second, again.Taken)
	}
	if _, late := Open(alert(Critical, 0)).End(start.Add(time.Minute)).Take("bob", "", start.Add(time.Hour)); late {
		t.Error("what is over was taken")
	}
	if ended := i.End(start.Add(time.Hour)).End(start.Add(2 * time.Hour)).Ended; !ended.Equal(start.Add(time.Hour)) {
		t.Errorf("it ended twice: %v", ended)
	}
}

// Good news begin nothing, and neither does what belongs to no incident.
func TestOpens(t *testing.T) {
	if Opens(alert(Info, 0)) || Opens(Alert{Severity: Critical}) || !Opens(alert(Warning, 0)) || !Opens(alert(Critical, 0)) || !Opens(Alert{ID: "x"}) {
		t.Error("what begins an incident")
	}
}

// Whatever happens, in whatever order and with whatever clock: what is taken or over is silent, nothing is escalated twice,
// nothing is said twice at a time, nothing becomes harmless by itself, and nobody waits longer than an interval.
func TestRandomNights(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	steps := 3_000_000
	if testing.Short() {
		steps = 300_000
	}
	severities := []string{Info, Warning, Critical, ""}
	for steps > 0 {
		p := Policy{RemindEvery: time.Duration(r.IntN(5)) * time.Minute, EscalateAfter: time.Duration(r.IntN(5)) * time.Minute}
		now := start
		i := Open(Alert{ID: "x", Severity: severities[1+r.IntN(3)], At: now})
		escalations := 0
		for range 200 {
			steps--
			now = now.Add(time.Duration(r.IntN(90)) * time.Second)
			if r.IntN(50) == 0 {
				now = now.Add(time.Duration(r.IntN(7200)-3600) * time.Second) // somebody sets the clock
			}
			was := i
			switch r.IntN(40) {
			case 0:
				i, _ = i.Take("alice", "", now)
			case 1:
				i = i.End(now)
			case 2, 3, 4:
				i = i.Tell(Alert{ID: "x", Severity: severities[r.IntN(4)], At: now})
			}
			next, what := i.Due(p, now)
			_, twice := next.Due(p, now)
			silent := i.Taken != nil || !i.Ended.IsZero()
			if what == Escalate {
				escalations++
			}
			switch {
			case rank(i.Severity) < rank(was.Severity):
				t.Fatalf("seed %d: it became harmless: %+v after %+v", seed, i, was)
			case what != Nothing && silent:
				t.Fatalf("seed %d: %v of what is taken or over: %+v", seed, what, i)
			case twice != Nothing:
				t.Fatalf("seed %d: %v and at once %v: %+v", seed, what, twice, next)
			case what == Escalate && (i.Severity != Critical || p.EscalateAfter == 0 || escalations > 1):
				t.Fatalf("seed %d: escalated for time %d: %+v by %+v", seed, escalations, i, p)
			case what == Remind && p.RemindEvery == 0:
				t.Fatalf("seed %d: reminded by %+v", seed, p)
			case !silent && next.Told.After(now):
				t.Fatalf("seed %d: told in the future: %+v at %v", seed, next, now)
			case !silent && p.RemindEvery > 0 && now.Sub(next.Told) >= p.RemindEvery:
				t.Fatalf("seed %d: nobody is reminded: %+v at %v", seed, next, now)
			case !silent && p.EscalateAfter > 0 && next.Severity == Critical && next.Escalated.IsZero() && now.Sub(next.Worsened) >= p.EscalateAfter:
				t.Fatalf("seed %d: nothing is escalated: %+v at %v", seed, next, now)
			}
			i = next
		}
	}
}
