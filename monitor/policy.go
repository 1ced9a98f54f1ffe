package monitor

import "time"

// Policy is what the configuration says about one server, as far as it takes
// part in a decision.
type Policy struct {
	Server          string
	Interval        time.Duration
	Timeout         time.Duration
	WarnAfter       int
	FailAfter       int
	FailAfterReboot int

	Priority      int
	Automatic     bool // takeover: automatic
	AssumeAddress bool
	Seize         bool // on_conflict: seize
	Fenced        bool // a fence is configured
	OnClaim       Claiming
	AutoRelease   bool
	ReleaseAfter  time.Duration
	MaxAge        time.Duration // zero: any age is accepted
}

// Claiming is what is done when another host claims a service address while
// the standby holds it.
type Claiming uint8

const (
	Defend    Claiming = iota // announce again, at a limited rate
	Yield                     // stop the stand-in, drop the address
	AlertOnly                 // say so, nothing else
)

// AntiFlap is how long after a takeover no second automatic one of the same
// server happens, unless the first was finished and acknowledged.
const AntiFlap = time.Hour

// AgainAfter is how long after a takeover that was refused failoverd asks again
// by itself: a host that holds the address is asked once a minute, not at
// every beat.
const AgainAfter = time.Minute

// Limit is the number of consecutive misses that is a failure now.
func (f Facts) Limit(p Policy) int {
	if f.AfterReboot {
		return p.FailAfterReboot
	}
	return p.FailAfter
}

// Window is how long a server has been silent when it is declared failed after
// n misses: n intervals, and the time-out of the last ping.
func (p Policy) Window(n int) time.Duration {
	return time.Duration(n)*p.Interval + p.Timeout
}
