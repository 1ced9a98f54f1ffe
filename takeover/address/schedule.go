package address

import "time"

const (
	quickBursts  = 5                       // after the first
	quickSpacing = 1100 * time.Millisecond // longer than the second in which old kernels keep an entry (locktime)
	slowSpacing  = time.Minute
)

// Announcements is the schedule of an address's announcements: the first at
// once, five more 1.1 s apart, then one a minute for as long as the address is
// held. Given the time since the first, it returns how long to wait for the next
// that comes after it; a negative time since waits for the first.
func Announcements(since time.Duration) time.Duration {
	const quick = quickBursts * quickSpacing
	switch {
	case since < 0:
		return -since
	case since < quick:
		return quickSpacing - since%quickSpacing
	default:
		return slowSpacing - (since-quick)%slowSpacing
	}
}
