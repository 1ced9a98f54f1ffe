package probe

import (
	"hash/fnv"
	"net/netip"
	"strconv"
	"time"

	"failoverd/internal/netstate"
)

// Target is one path of one server and the beat that it is pinged at.
type Target struct {
	Server   string
	Path     int // index in the server's addresses
	Addr     netip.Addr
	Interval time.Duration
	Timeout  time.Duration
}

// NetState is what the probes need to know of this host's network;
// *netstate.Watcher has it.
type NetState interface {
	State() netstate.State
	Egress(dst netip.Addr) (link string, local bool, err error)
}

// resolved gives the target a beat that can be kept: at most a thousand pings
// a second, and a time-out, the interval if none is given.
func (t Target) resolved() Target {
	t.Addr = t.Addr.Unmap()
	t.Interval = max(t.Interval, time.Millisecond)
	if t.Timeout <= 0 {
		t.Timeout = t.Interval
	}
	return t
}

// key tells targets apart.
type key struct {
	server string
	path   int
	addr   netip.Addr
}

// key is the target's identity; its beat may change without making it another.
func (t Target) key() key { return key{t.Server, t.Path, t.Addr} }

// pings is the rate of all the targets together, in pings a second.
func pings(targets []Target) float64 {
	var rate float64
	for _, t := range targets {
		rate += float64(time.Second) / float64(t.Interval)
	}
	return rate
}

// crowd is the rate, in pings a second, from which sends are gathered and
// answers are read together: below it each ping may cost a wake-up of its own.
const crowd = 50

// grid is the step that a beat is put on in a crowd, so that several pings share
// a wake-up: at most a hundredth of the interval. The steps are multiples of
// each other, or nearly, so that targets of different intervals meet. Below
// 100 ms there is none.
func grid(interval time.Duration) time.Duration {
	for _, ms := range [...]time.Duration{20, 10, 5, 2, 1} {
		if g := ms * time.Millisecond; g <= interval/100 {
			return g
		}
	}
	return 1
}

// phase is where in its interval a target is pinged: spread by a hash of who it
// is, hence the same after every reload and every start. In a crowd it is put on
// a grid.
func phase(t Target, crowded bool) time.Duration {
	h := fnv.New64a()
	// A hash does not fail.
	_, _ = h.Write([]byte(t.Server + "\x00" + strconv.Itoa(t.Path) + "\x00" + t.Addr.String()))
	sum := h.Sum64()
	// FNV leaves neighbours close together; the finalizer of SplitMix64 does not.
	sum = (sum ^ sum>>30) * 0xbf58476d1ce4e5b9
	sum = (sum ^ sum>>27) * 0x94d049bb133111eb
	sum ^= sum >> 31
	p := time.Duration(sum % uint64(t.Interval))
	if crowded {
		p -= p % grid(t.Interval)
	}
	return p
}
