package trees

import (
	"time"

	"failoverd/replicate"
)

// Bandwidth limits how fast a tree may travel, by local time of day. The first window that a time lies in counts.
type Bandwidth []Window

// Window is a limit from one time of day to another, which is on the next day if it comes before the first.
type Window struct {
	From, To replicate.Clock
	Limit    int64 // bytes a second
}

// At is the limit in force, in bytes a second; zero if there is none. It goes by what the clock on the wall shows: a time
// of day that daylight saving skips has no limit to lose, and of one that occurs twice both are limited.
func (b Bandwidth) At(now time.Time) int64 {
	at := now.Hour()*60 + now.Minute()
	for _, w := range b {
		from, to := w.From.Hour*60+w.From.Minute, w.To.Hour*60+w.To.Minute
		inside := from <= at && at < to
		if to < from {
			inside = at >= from || at < to
		}
		if inside {
			return w.Limit
		}
	}
	return 0
}
