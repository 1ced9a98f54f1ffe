package alerts

import "time"

// mailsPerHour is how many mails about one server one recipient gets within an hour; those of a protected
// kind are never dropped, but count.
const mailsPerHour = 20

// keepTrying is how long a mail is tried before it is given up.
const keepTrying = 7 * 24 * time.Hour

// pause is how long to wait after so many tries that did not succeed.
func pause(attempts int) time.Duration {
	steps := [...]time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute}
	if attempts < 1 {
		return 0
	}
	if attempts > len(steps) {
		return 30 * time.Minute
	}
	return steps[attempts-1]
}
