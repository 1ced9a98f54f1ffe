package agent

import (
	"net/netip"
	"sync"
)

const (
	// maxStrangers is how many connections may be on their way to a request, and maxFromOne from one address: whoever
	// opens more and says nothing keeps himself out, and not the standby.
	maxStrangers = 128
	maxFromOne   = 16
	// maxTalks is how many conversations the paired standby may have.
	maxTalks = 64
)

// doorman counts who is in the house.
type doorman struct {
	mu        sync.Mutex
	strangers int
	from      map[netip.Addr]int
	talks     int
}

// admit lets a connection in that has to say who it is; leave is for when it has, or has gone.
func (d *doorman) admit(from netip.Addr) (leave func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.strangers >= maxStrangers || d.from[from] >= maxFromOne {
		return nil, false
	}
	d.strangers++
	d.from[from]++
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.strangers--
		if d.from[from]--; d.from[from] == 0 {
			delete(d.from, from)
		}
	}), true
}

// begin lets a conversation begin.
func (d *doorman) begin() (end func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.talks >= maxTalks {
		return nil, false
	}
	d.talks++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.talks--
	}, true
}
