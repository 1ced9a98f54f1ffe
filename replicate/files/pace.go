package files

import "time"

// pace keeps what is sent below a number of bytes a second. It is asked before something is sent, and told afterwards:
// what was sent in one go is waited for after it.
type pace struct {
	rate int64 // bytes a second; zero for no limit
	debt float64
	at   time.Time
	sent uint64
}

// set changes the limit.
func (p *pace) set(now time.Time, rate int64, sent uint64) {
	p.wait(now, sent)
	p.rate = rate
	if rate == 0 {
		p.debt = 0
	}
}

// wait is for how long nothing may be sent, when so many bytes were sent since the beginning. What was not sent in time
// is not made up for.
func (p *pace) wait(now time.Time, sent uint64) time.Duration {
	p.debt += float64(sent - p.sent)
	p.debt = max(0, p.debt-now.Sub(p.at).Seconds()*float64(p.rate))
	p.at, p.sent = now, sent
	if p.rate == 0 {
		p.debt = 0
		return 0
	}
	return time.Duration(p.debt / float64(p.rate) * float64(time.Second))
}
