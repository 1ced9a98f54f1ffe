package trees

import "time"

const (
	firstPause = time.Second
	mostPause  = time.Minute
)

// pause is how long to wait before the next attempt, after so many that came to nothing. It doubles up to a minute;
// chance, from 0 to 1, spreads it over half of that, so that what failed together is not tried together.
func pause(attempts int, chance float64) time.Duration {
	whole := mostPause
	if attempts < 6 {
		whole = min(firstPause<<attempts, mostPause)
	}
	return whole/2 + time.Duration(chance*float64(whole/2))
}
