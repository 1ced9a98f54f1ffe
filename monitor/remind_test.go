package monitor

import (
	"testing"
	"time"
)

// TestRemind: people are reminded of a suspension each time that it has lasted for so long, whatever the clock does meanwhile.
func TestRemind(t *testing.T) {
	const every = 24 * time.Hour
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	after := func(h int) time.Time { return began.Add(time.Duration(h) * time.Hour) }
	suspended := Facts{Kept: Kept{Mode: Suspended, Wish: Wish{By: "anna", Since: began}}}
	told := Facts{Kept: Kept{Mode: Suspended, Wish: Wish{By: "anna", Since: began, Reminded: after(24), Incident: "pbx-s20260302-120000"}}}
	for name, c := range map[string]struct {
		facts Facts
		every time.Duration
		now   time.Time
		due   bool
		want  Wish
	}{
		"not so long yet":        {suspended, every, after(23), false, suspended.Wish},
		"for so long":            {suspended, every, after(24), true, told.Wish},
		"told a moment ago":      {told, every, after(25), false, told.Wish},
		"still so":               {told, every, after(49), true, Wish{By: "anna", Since: began, Reminded: after(49), Incident: told.Wish.Incident}},
		"after days, told once":  {suspended, every, after(100), true, Wish{By: "anna", Since: began, Reminded: after(100), Incident: "pbx-s20260305-160000"}},
		"nobody wants it":        {suspended, 0, after(100), false, suspended.Wish},
		"watched":                {Facts{}, every, after(100), false, Wish{}},
		"stopped":                {Facts{Kept: Kept{Mode: Stopped, Wish: suspended.Wish}}, every, after(100), false, suspended.Wish},
		"the clock was set back": {told, every, after(-5), false, Wish{By: "anna", Since: began, Reminded: after(-5), Incident: told.Wish.Incident}},
	} {
		if got, due := c.facts.Remind("pbx", c.every, c.now); got != c.want || due != c.due {
			t.Errorf("%s: %t, %+v; want %t, %+v", name, due, got, c.due, c.want)
		}
	}
}

// TestRemindedOf: whoever was reminded is told that it is over, under the name of what they were reminded of: also if the server was
// suspended anew or stopped meanwhile.
func TestRemindedOf(t *testing.T) {
	p := Policy{Server: "pbx"}
	end := func(f Facts) Effect {
		t.Helper()
		_, effects := Step(f, Event{Kind: Resume, By: "anna"}, p)
		for _, e := range effects {
			if e.Event == "server.resumed" {
				return e
			}
		}
		t.Fatalf("not resumed: %+v", effects)
		return Effect{}
	}
	f := Facts{Kept: Kept{Mode: Suspended, Wish: Wish{By: "anna"}}}
	if e := end(f); e.Do != Note {
		t.Errorf("nobody was reminded, and %+v", e)
	}
	f.Wish.Incident = "pbx-s1"
	again, _ := Step(f, Event{Kind: Suspend, By: "bert"}, p)
	stopped, _ := Step(f, Event{Kind: Stop, By: "bert"}, p)
	for _, f := range []Facts{f, again, stopped} {
		if e := end(f); e.Do != Alert || e.Incident != "pbx-s1" {
			t.Errorf("%v: %+v", f.Mode, e)
		}
	}
}
