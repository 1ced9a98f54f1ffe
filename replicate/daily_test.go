package replicate

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func place(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestOneRunPerLocalDay goes through a year minute by minute, where clocks change in every way that there is.
func TestOneRunPerLocalDay(t *testing.T) {
	for _, where := range []string{
		"Europe/Berlin", "America/New_York", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Beirut", "UTC", "Asia/Kolkata",
	} {
		for _, c := range []Clock{{0, 0}, {0, 30}, {1, 0}, {2, 30}, {3, 0}, {23, 59}} {
			loc := place(t, where)
			year := 2025
			if where == "America/Sao_Paulo" {
				year = 2018 // It changed its clocks at midnight until then.
			}
			now := time.Date(year, 1, 1, 12, 0, 0, 0, loc)
			end := now.AddDate(1, 0, 0)
			last := now
			days := map[string]int{}
			for {
				next := c.Next(last)
				if !next.After(last) {
					t.Fatalf("%s %v: after %s comes %s", where, c, last, next)
				}
				if !next.Before(end) {
					break
				}
				at, day := c.Due(next)
				if !at.Equal(next) || day != next.Format(time.DateOnly) {
					t.Fatalf("%s %v: due at %s, but Due says %s for %s", where, c, next, at, day)
				}
				days[day]++
				last = next
			}
			if len(days) != 365 {
				t.Errorf("%s %v: %d days had a run", where, c, len(days))
			}
			for day, n := range days {
				if n != 1 {
					t.Errorf("%s %v: %d runs on %s", where, c, n, day)
				}
			}
		}
	}
}

func TestWhenTheClocksChange(t *testing.T) {
	berlin := place(t, "Europe/Berlin")
	for _, c := range []struct{ name, after, want string }{
		{"a time that is skipped runs once, after the gap", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"a time that comes twice runs the first time", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"and not the second time", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
	} {
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Clock{2, 30}).Next(after.In(berlin)).Format(time.RFC3339); got != c.want {
			t.Errorf("%s: after %s comes %s, want %s", c.name, c.after, got, c.want)
		}
	}
	// Samoa had no 30 December 2011.
	apia := place(t, "Pacific/Apia")
	at, day := Clock{1, 0}.Due(time.Date(2011, 12, 31, 0, 30, 0, 0, apia))
	if day != "2011-12-29" || at.IsZero() {
		t.Errorf("Samoa: %s for %q", at, day)
	}
}

func TestParseClock(t *testing.T) {
	if c, err := ParseClock("01:05"); err != nil || c != (Clock{1, 5}) {
		t.Errorf("%v, %v", c, err)
	}
	for _, bad := range []string{"", "24:00", "1", "01:60", "noon"} {
		if _, err := ParseClock(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
