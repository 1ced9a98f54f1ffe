package replicate

import (
	"fmt"
	"time"
)

// Clock is a time of day, local.
type Clock struct{ Hour, Minute int }

// ParseClock reads "HH:MM".
func ParseClock(text string) (Clock, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return Clock{}, fmt.Errorf("%q is no time of day such as 01:00", text)
	}
	return Clock{t.Hour(), t.Minute()}, nil
}

// Due is the last instant, not after now, at which something that is done daily at c was due, and the day that it was
// due for. Every local day has exactly one such instant: a time of day that daylight saving skips is the first instant
// after the gap, and one that occurs twice is the first of the two. A day that a place has left out altogether has none.
func (c Clock) Due(now time.Time) (at time.Time, day string) {
	y, m, d := now.Date()
	for back := range 3 {
		// Noon of the day: it exists, and its date is not in doubt, wherever the clocks change.
		noon := time.Date(y, m, d-back, 12, 0, 0, 0, now.Location())
		if at, ok := c.on(noon); ok && !at.After(now) {
			return at, at.Format(time.DateOnly)
		}
	}
	return time.Time{}, ""
}

// Next is the first instant after now at which something that is done daily at c is due.
func (c Clock) Next(now time.Time) time.Time {
	y, m, d := now.Date()
	for ahead := range 4 {
		noon := time.Date(y, m, d+ahead, 12, 0, 0, 0, now.Location())
		if at, ok := c.on(noon); ok && at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// on finds the first instant of noon's local day at which the clock shows c or later. It looks at every minute around
// it, because what time.Date makes of a time that does not exist differs from place to place, by hours.
func (c Clock) on(noon time.Time) (time.Time, bool) {
	y, m, d := noon.Date()
	want := c.Hour*60 + c.Minute
	start := time.Date(y, m, d, c.Hour, c.Minute, 0, 0, noon.Location()).Add(-4 * time.Hour)
	for minute := range 8 * 60 {
		t := start.Add(time.Duration(minute) * time.Minute)
		ty, tm, td := t.Date()
		if ty == y && tm == m && td == d && t.Hour()*60+t.Minute() >= want {
			return t, true
		}
	}
	return time.Time{}, false
}
