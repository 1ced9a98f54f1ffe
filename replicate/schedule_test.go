package replicate

import (
	"strings"
	"testing"
	"time"
)

// TestWantedOncePerLocalDay looks every five minutes over the days on which Berlin's clocks change.
func TestWantedOncePerLocalDay(t *testing.T) {
	berlin := place(t, "Europe/Berlin")
	for _, start := range []time.Time{time.Date(2026, 3, 27, 12, 0, 0, 0, berlin), time.Date(2026, 10, 23, 12, 0, 0, 0, berlin)} {
		for _, catchUp := range []bool{true, false} {
			d := Daily{Clock{2, 30}, catchUp}
			c := d.Joined(Copy{}, start)
			var runs []string
			for now := start; now.Before(start.AddDate(0, 0, 5)); now = now.Add(5 * time.Minute) {
				if day, missed, wanted := d.Wanted(c, now); wanted {
					runs = append(runs, day)
					c.Day = day
					if missed {
						t.Errorf("%s is called missed", day)
					}
				}
			}
			first := start.AddDate(0, 0, 1)
			if len(runs) != 5 || runs[0] != first.Format(time.DateOnly) || runs[4] != first.AddDate(0, 0, 4).Format(time.DateOnly) {
				t.Errorf("from %s: %v", start, runs)
			}
		}
	}
}

func TestMissedRuns(t *testing.T) {
	noon := time.Date(2026, 5, 5, 12, 0, 0, 0, time.UTC)
	c := Copy{Day: "2026-05-02"}
	if day, missed, wanted := (Daily{Clock{1, 0}, true}).Wanted(c, noon); !wanted || !missed || day != "2026-05-05" {
		t.Errorf("%q, %t, %t", day, missed, wanted)
	}
	if _, _, wanted := (Daily{Clock{1, 0}, false}).Wanted(c, noon); wanted {
		t.Error("made up for, although it is not to be")
	}
	c.Last = &Complete{}
	c.Last.Snapshot.At = noon.Add(-time.Hour)
	if _, _, wanted := (Daily{Clock{1, 0}, true}).Wanted(c, noon); wanted {
		t.Error("made up for, although it was copied by order since")
	}
	if _, _, wanted := (Daily{Clock{1, 0}, true}).Wanted(Copy{}, noon); wanted {
		t.Error("a catalog that was just added is copied in the middle of the day")
	}
}

func TestGiveBack(t *testing.T) {
	c := Copy{Day: "2026-03-01"}.GiveBack()
	if c.Day != "2026-02-28" || c.Again != "2026-03-01" {
		t.Fatalf("%+v", c)
	}
	c.Day = "2026-03-01"
	if again := c.GiveBack(); again.Day != "2026-03-01" {
		t.Errorf("given back twice: %+v", again)
	}
	c.Day = "2026-03-02"
	if next := c.GiveBack(); next.Day != "2026-03-01" {
		t.Errorf("the next day: %+v", next)
	}
}

func TestLate(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	copied := func(text string) *Complete {
		c := Complete{Verified: at(text)}
		c.Snapshot.At = at(text)
		return &c
	}
	daily := &Daily{Clock{1, 0}, true}
	for name, c := range map[string]struct {
		copy   Copy
		daily  *Daily
		maxAge time.Duration
		now    string
		want   string
	}{
		"in time":                   {Copy{Since: at("2026-05-01 00:00"), Last: copied("2026-05-04 01:20")}, daily, 0, "2026-05-04 12:00", ""},
		"not yet":                   {Copy{Since: at("2026-05-01 00:00"), Last: copied("2026-05-03 01:20")}, daily, 0, "2026-05-04 06:59", ""},
		"late":                      {Copy{Since: at("2026-05-01 00:00"), Last: copied("2026-05-03 01:20")}, daily, 0, "2026-05-04 07:00", "due at 2026-05-04 01:00"},
		"never, just added":         {Copy{Since: at("2026-05-04 02:00")}, daily, 0, "2026-05-04 12:00", ""},
		"never, and a night passed": {Copy{Since: at("2026-05-03 02:00")}, daily, 0, "2026-05-04 12:00", "none has before"},
		"by order only":             {Copy{Since: at("2026-05-01 00:00"), Last: copied("2026-05-01 01:20")}, nil, 0, "2026-05-04 12:00", ""},
		"too old":                   {Copy{Last: copied("2026-05-01 01:20")}, nil, 36 * time.Hour, "2026-05-04 12:00", "max_age 36h"},
	} {
		got := Late(c.copy, c.daily, c.maxAge, at(c.now))
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
