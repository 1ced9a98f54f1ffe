package replicate

import (
	"strings"
	"testing"
	"time"

	"failoverd/plan"
)

func TestDrillsWanted(t *testing.T) {
	sunday := Calendar{Clock: Clock{Hour: 3}, Weekday: time.Sunday}
	at := func(text string) time.Time {
		out, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ok := func(text string) *Drilled { return &Drilled{At: at(text), OK: true} }
	tests := []struct {
		name           string
		drills         Drills
		now            string
		day            string
		joined, wanted bool
	}{
		{"seen for the first time", Drills{}, "2026-11-29 12:00", "2026-11-29", true, false},
		{"seen for the first time, just when it is due", Drills{}, "2026-11-29 03:00", "2026-11-29", true, false},
		{"not due", Drills{Day: "2026-11-29"}, "2026-12-06 02:59", "", false, false},
		{"due", Drills{Day: "2026-11-29"}, "2026-12-06 03:00", "2026-12-06", false, true},
		{"begun already", Drills{Day: "2026-12-06"}, "2026-12-06 03:01", "", false, false},
		{"late", Drills{Day: "2026-11-29"}, "2026-12-06 09:00", "2026-12-06", false, true},
		{"too late", Drills{Day: "2026-11-29"}, "2026-12-06 09:01", "", false, false},
		{"made by order meanwhile", Drills{Day: "2026-11-29", Last: ok("2026-12-06 03:00")}, "2026-12-06 04:00", "", false, false},
		{"failed by order meanwhile", Drills{Day: "2026-11-29", Last: &Drilled{At: at("2026-12-06 03:00")}}, "2026-12-06 04:00", "2026-12-06", false, true},
		{"made by order before", Drills{Day: "2026-11-29", Last: ok("2026-12-05 23:00")}, "2026-12-06 04:00", "2026-12-06", false, true},
	}
	for _, test := range tests {
		day, joined, wanted := test.drills.Wanted(sunday, at(test.now))
		if day != test.day || joined != test.joined || wanted != test.wanted {
			t.Errorf("%s: %q, joined %t, wanted %t", test.name, day, joined, wanted)
		}
	}
}

func TestDrillsRemembered(t *testing.T) {
	began := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	ended := func(state plan.State, minutes int, problem string) plan.Record {
		at := began.Add(time.Duration(minutes) * time.Minute)
		return plan.Record{ID: "drill-1", State: state, Started: began, Ended: &at, Error: problem}
	}
	var d Drills
	if why := d.Doubt(time.Hour, began); why != "never rehearsed" {
		t.Errorf("at first: %q", why)
	}
	d = d.Ended(ended(plan.Succeeded, 2, ""), []string{"the files"})
	if why := d.Doubt(48*time.Hour, began.Add(48*time.Hour)); why != "" || !d.Last.OK || d.Last.Took != 2*time.Minute || d.Last.Left[0] != "the files" {
		t.Errorf("proved: %q, %+v", why, d.Last)
	}
	if why := d.Doubt(48*time.Hour, began.Add(72*time.Hour)); why != "the last drill was 2 days ago" {
		t.Errorf("overdue: %q", why)
	}
	if why := d.Doubt(0, began.Add(9000*time.Hour)); why != "" {
		t.Errorf("without a limit: %q", why)
	}
	proved := d.Proved
	d = d.Ended(ended(plan.Failed, 5, "check: broken"), nil)
	if why := d.Doubt(48*time.Hour, began); !strings.HasPrefix(why, "the last drill failed at ") || !strings.HasSuffix(why, "check: broken") {
		t.Errorf("failed: %q", why)
	}
	if age, ever := d.Age(began.Add(time.Hour)); !ever || age != 58*time.Minute || d.Proved != proved {
		t.Errorf("a failure proves nothing, and takes nothing away: %s, %t", age, ever)
	}
}

func TestRehearsed(t *testing.T) {
	r := plan.Record{State: plan.Partial, Steps: []plan.Done{
		{Name: "copy a", State: plan.Succeeded}, {Name: "fix a", State: plan.Failed, Error: "no table"}, {Name: "check", State: plan.Failed, Error: "exit status 1"},
	}}
	if got := Rehearsed(r); got.State != plan.Failed || got.Error != "fix a: no table; check: exit status 1" {
		t.Errorf("%s: %s", got.State, got.Error)
	}
	if got := Rehearsed(plan.Record{State: plan.Succeeded}); got.State != plan.Succeeded || got.Error != "" {
		t.Errorf("%s: %s", got.State, got.Error)
	}
	if got := Rehearsed(plan.Record{State: plan.Undone, Error: "look: no copy"}); got.State != plan.Undone || got.Error != "look: no copy" {
		t.Errorf("%s: %s", got.State, got.Error)
	}
}
