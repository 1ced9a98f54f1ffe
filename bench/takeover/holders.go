package main

import (
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"failoverd/internal/lab"
)

// holders notes when a host gets a service address and when it loses it again.
// The primaries hold theirs all the time, so that each of these times is one
// with two holders.
type holders struct {
	done  chan struct{}
	ended sync.WaitGroup

	mu    sync.Mutex
	since map[netip.Addr]time.Time // held now
	found trouble
}

// watchHolders listens to the host's kernel.
func watchHolders(host *lab.Host, services []string) (*holders, error) {
	wanted := map[netip.Addr]bool{}
	for _, s := range services {
		wanted[netip.MustParseAddr(s)] = true
	}
	h := &holders{done: make(chan struct{}), since: map[netip.Addr]time.Time{}}
	updates := make(chan netlink.AddrUpdate, 1024)
	// The socket belongs to the namespace that it was opened in.
	if err := host.Do(func() error { return netlink.AddrSubscribe(updates, h.done) }); err != nil {
		return nil, err
	}
	h.ended.Go(func() {
		for u := range updates {
			if ip, ok := netip.AddrFromSlice(u.LinkAddress.IP); ok && wanted[ip.Unmap()] {
				h.change(ip.Unmap(), u.NewAddr)
			}
		}
	})
	return h, nil
}

// change takes in that an address came or went.
func (h *holders) change(ip netip.Addr, came bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	began, held := h.since[ip]
	switch {
	case came && !held:
		h.since[ip] = time.Now()
		h.found.takeovers++
		h.found.twice++
	case !came && held:
		delete(h.since, ip)
		h.add(time.Since(began))
	}
}

func (h *holders) add(d time.Duration) {
	h.found.together += d
	h.found.longest = max(h.found.longest, d)
}

// holding is for how long the host has held a service address by now.
func (h *holders) holding() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var longest time.Duration
	for _, began := range h.since {
		longest = max(longest, time.Since(began))
	}
	return longest
}

// trouble is what was seen so far.
func (h *holders) trouble() trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ip, began := range h.since {
		h.add(time.Since(began))
		delete(h.since, ip)
	}
	return h.found
}

// close ends the watch.
func (h *holders) close() {
	close(h.done)
	h.ended.Wait()
}
