package replicate

import (
	"testing"
	"time"
)

func TestCalendar(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		out, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	weekly := func(text string) Calendar { return parsed(t, ParseWeekly, text) }
	monthly := func(text string) Calendar { return parsed(t, ParseMonthly, text) }
	tests := []struct {
		name           string
		calendar       Calendar
		now, due, next string
		day            string
	}{
		{"the same day, later", weekly("sunday 03:00"), "2026-11-29 03:00", "2026-11-29 03:00", "2026-12-06 03:00", "2026-11-29"},
		{"the same day, earlier", weekly("sunday 03:00"), "2026-11-29 02:59", "2026-11-22 03:00", "2026-11-29 03:00", "2026-11-22"},
		{"in the middle of the week", weekly("saturday 23:30"), "2026-11-25 12:00", "2026-11-21 23:30", "2026-11-28 23:30", "2026-11-21"},
		{"over the year's end", weekly("friday 00:00"), "2027-01-03 12:00", "2027-01-01 00:00", "2027-01-08 00:00", "2027-01-01"},
		{"the hour that spring skips", weekly("sunday 02:30"), "2026-03-29 12:00", "2026-03-29 03:00", "2026-04-05 02:30", "2026-03-29"},
		{"of a month", monthly("1 03:00"), "2026-11-29 12:00", "2026-11-01 03:00", "2026-12-01 03:00", "2026-11-01"},
		{"of a month, in the same minute", monthly("28 03:00"), "2026-02-28 03:00", "2026-02-28 03:00", "2026-03-28 03:00", "2026-02-28"},
		{"of a month, just before", monthly("28 03:00"), "2026-03-28 02:59", "2026-02-28 03:00", "2026-03-28 03:00", "2026-02-28"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := at(test.now)
			due, day := test.calendar.Due(now)
			if !due.Equal(at(test.due)) || day != test.day {
				t.Errorf("due %s for %q, want %s for %q", due, day, test.due, test.day)
			}
			if next := test.calendar.Next(now); !next.Equal(at(test.next)) {
				t.Errorf("next %s, want %s", next, test.next)
			}
		})
	}
}

// parsed reads a calendar that is well written.
func parsed(t *testing.T, parse func(string) (Calendar, error), text string) Calendar {
	t.Helper()
	c, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCalendarsThatAreNone(t *testing.T) {
	for _, text := range []string{"", "sunday", "Sunday 03:00", "sunday 24:00", "so 03:00", "sunday  03:00", "1 03:00"} {
		if c, err := ParseWeekly(text); err == nil {
			t.Errorf("weekly %q is read as %v", text, c)
		}
	}
	for _, text := range []string{"", "1", "0 03:00", "29 03:00", "1 3", "-1 03:00", "sunday 03:00"} {
		if c, err := ParseMonthly(text); err == nil {
			t.Errorf("monthly %q is read as %v", text, c)
		}
	}
}
