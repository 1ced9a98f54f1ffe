package files

import "time"

// Settle says when a file that changes is read.
type Settle struct {
	Quiet   time.Duration // without a change, where the system tells that nobody has it open for writing
	Unknown time.Duration // without a change, where the system does not tell
	MaxWait time.Duration // a file that never comes to rest is read after this time all the same, and called open
}

const (
	// fastestLook and slowestLook bound how often a file that somebody has open for writing is looked at: nothing says
	// when he closes it.
	fastestLook = 20 * time.Millisecond
	slowestLook = time.Second
)

// unrest is what is known of a path that changed.
type unrest struct {
	first, last    time.Time // when the first and the last change were seen that were not announced yet
	writing, known bool      // somebody has it open for writing, if the system tells
	told           bool      // it was announced as open, and has not changed since
}

// settled decides whether a file may be announced now, and whether as one that is still open; if not, after how long it
// is to be looked at again.
func (s Settle) settled(u unrest, now time.Time) (ready, open bool, again time.Duration) {
	rest := s.Unknown
	if u.known {
		rest = s.Quiet
	}
	switch {
	case !(u.known && u.writing) && now.Sub(u.last) >= rest:
		return true, false, 0
	case now.Sub(u.first) >= s.MaxWait && !u.told:
		return true, true, 0
	case u.known && u.writing:
		wait := min(max(now.Sub(u.first)/4, fastestLook), slowestLook)
		if left := s.MaxWait - now.Sub(u.first); !u.told && left < wait {
			wait = left
		}
		return false, false, wait
	}
	wait := rest - now.Sub(u.last)
	if left := s.MaxWait - now.Sub(u.first); !u.told && left < wait {
		wait = left
	}
	return false, false, wait
}
