package standby

import (
	"net/netip"
	"sync"

	"failoverd/internal/netstate"
)

// ownNet is the kernel's view of the network, in which an address that is about
// to be assumed is the standby's own already. The kernel reports a new address
// a moment after it was added, and in that moment a ping of it would be
// answered by the standby itself.
type ownNet struct {
	Net

	mu      sync.RWMutex
	marked  map[netip.Addr]bool
	changes uint64 // of what is marked
}

func (n *ownNet) mark(a netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.marked == nil {
		n.marked = map[netip.Addr]bool{}
	}
	if !n.marked[a] {
		n.marked[a] = true
		n.changes++
	}
}

func (n *ownNet) unmark(a netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.marked[a] {
		delete(n.marked, a)
		n.changes++
	}
}

// State is the kernel's, of another generation whenever another address is marked: who keeps what was true of an earlier
// one asks again. An address that a start finds given back already is unmarked without any change in the kernel.
func (n *ownNet) State() netstate.State {
	n.mu.RLock()
	changes := n.changes
	n.mu.RUnlock()
	s := n.Net.State()
	s.Generation += changes
	return s
}

// own reports whether the address is the standby's, or about to be.
func (n *ownNet) own(a netip.Addr) bool {
	n.mu.RLock()
	marked := n.marked[a]
	n.mu.RUnlock()
	return marked || n.holds(a)
}

// holds reports whether the kernel has the address.
func (n *ownNet) holds(a netip.Addr) bool {
	_, ok := n.State().Addrs[a]
	return ok
}

// Egress is the kernel's answer, but for addresses that are marked.
func (n *ownNet) Egress(dst netip.Addr) (link string, local bool, err error) {
	n.mu.RLock()
	marked := n.marked[dst]
	n.mu.RUnlock()
	if marked {
		return "lo", true, nil
	}
	return n.Net.Egress(dst)
}

// Link is what the watch over a takeover asks.
func (n *ownNet) Link(name string) (up bool, mac string) {
	l, ok := n.State().Links[name]
	return ok && l.Up && l.Carrier, l.MAC.String()
}
