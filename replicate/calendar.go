package replicate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Calendar is a time of day, local, on one day of each week, or on one of each month.
type Calendar struct {
	Clock   Clock
	Weekday time.Weekday // where Day is 0
	Day     int          // of the month, 1 to 28
}

// LastDay is the last day that every month has.
const LastDay = 28

// ParseWeekly reads "sunday 03:00".
func ParseWeekly(text string) (Calendar, error) {
	word, at, _ := strings.Cut(text, " ")
	clock, err := ParseClock(at)
	for day := time.Sunday; day <= time.Saturday; day++ {
		if err == nil && strings.ToLower(day.String()) == word {
			return Calendar{Clock: clock, Weekday: day}, nil
		}
	}
	return Calendar{}, fmt.Errorf(`%q is no day and time such as "sunday 03:00"`, text)
}

// ParseMonthly reads "1 03:00".
func ParseMonthly(text string) (Calendar, error) {
	number, at, _ := strings.Cut(text, " ")
	clock, err := ParseClock(at)
	day, wrong := strconv.Atoi(number)
	if err != nil || wrong != nil || day < 1 || day > LastDay {
		return Calendar{}, fmt.Errorf(`%q is no day of the month and time such as "1 03:00"`, text)
	}
	return Calendar{Clock: clock, Day: day}, nil
}

// has reports whether something is due on a day.
func (c Calendar) has(day time.Time) bool {
	if c.Day > 0 {
		return day.Day() == c.Day
	}
	return day.Weekday() == c.Weekday
}

// Due is the last instant, not after now, at which something that is done at c was due, and the local day that it was due
// for. What daylight saving skips or repeats is decided as for a daily clock. It is zero where there was none for two
// months.
func (c Calendar) Due(now time.Time) (at time.Time, day string) {
	return c.find(now, -1, func(at time.Time) bool { return !at.After(now) })
}

// Next is the first instant after now at which something that is done at c is due.
func (c Calendar) Next(now time.Time) time.Time {
	at, _ := c.find(now, 1, func(at time.Time) bool { return at.After(now) })
	return at
}

// find goes through the days from now's own on, forwards or backwards, to the first instant that is wanted.
func (c Calendar) find(now time.Time, step int, wanted func(time.Time) bool) (at time.Time, day string) {
	const days = 62
	y, m, d := now.Date()
	for n := range days {
		// Noon of the day: it exists, and its date is not in doubt, wherever the clocks change.
		noon := time.Date(y, m, d+step*n, 12, 0, 0, 0, now.Location())
		if !c.has(noon) {
			continue
		}
		if at, ok := c.Clock.on(noon); ok && wanted(at) {
			return at, at.Format(time.DateOnly)
		}
	}
	return time.Time{}, ""
}
