package replicate

import (
	"fmt"
	"time"
)

// onTime is how long after the due instant a run that is not made up for may still begin: the daemon may be settling,
// or another run may be before it.
const onTime = 15 * time.Minute

// lateAfter is how long after it was due a daily run is late if it has not completed.
const lateAfter = 6 * time.Hour

// Daily is when one catalog is replicated.
type Daily struct {
	Clock   Clock
	CatchUp bool // a run that was missed is made up for
}

// Wanted reports whether the daily run of a catalog is due now, and for which local day. One day has one run, whatever
// the clocks do and however often the daemon is started. missed says that the due instant has long passed.
func (d Daily) Wanted(c Copy, now time.Time) (day string, missed, wanted bool) {
	at, day := d.Clock.Due(now)
	if day == "" || day <= c.Day || c.Day == "" {
		return "", false, false // a catalog that was just added is offered, and not copied in the middle of the day
	}
	if c.Last != nil && !c.Last.Snapshot.At.Before(at) {
		return "", false, false // by order, since it was due
	}
	missed = now.Sub(at) > onTime
	return day, missed, d.CatchUp || !missed
}

// Joined is a catalog that is seen for the first time: its first daily run is the next one.
func (d Daily) Joined(c Copy, now time.Time) Copy {
	_, c.Day = d.Clock.Due(now)
	return c
}

// GiveBack lets the run of the day be begun once more, because it was interrupted and nothing is wrong with it. A run
// that was interrupted a second time is not begun a third time that day.
func (c Copy) GiveBack() Copy {
	day, err := time.Parse(time.DateOnly, c.Day)
	if err != nil || c.Again == c.Day {
		return c
	}
	c.Again = c.Day
	c.Day = day.AddDate(0, 0, -1).Format(time.DateOnly)
	return c
}

// Late says why a copy is late, and is empty if it is not: the run that was due some hours ago has not completed since,
// or the copy is older than maxAge, where there is a limit. daily is nil where a catalog is replicated by order only.
func Late(c Copy, daily *Daily, maxAge time.Duration, now time.Time) string {
	if c.Last != nil && maxAge > 0 {
		if age := now.Sub(c.Last.Snapshot.At); age > maxAge {
			return fmt.Sprintf("the copy is %s old (max_age %s)", age.Round(time.Minute), maxAge)
		}
	}
	if daily == nil || c.Since.IsZero() {
		return ""
	}
	at, _ := daily.Clock.Due(now.Add(-lateAfter))
	switch {
	case at.IsZero(), at.Before(c.Since):
		return ""
	case c.Last == nil:
		return fmt.Sprintf("the run that was due at %s has not completed, and none has before", at.Format("2006-01-02 15:04"))
	case c.Last.Verified.Before(at):
		return fmt.Sprintf("the run that was due at %s has not completed", at.Format("2006-01-02 15:04"))
	}
	return ""
}
