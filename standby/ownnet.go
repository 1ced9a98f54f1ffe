package standby

import (
	"net/netip"
	"sync"
)

// ownNet is the kernel's view of the network, in which an address that is about
// to be assumed is the standby's own already. The kernel reports a new address
// a moment after it was added, and in that moment a ping of it would be
// answered by the standby itself.
type ownNet struct {
	Net

	mu     sync.RWMutex
	marked map[netip.Addr]bool
}

func (n *ownNet) mark(a netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.marked == nil {
		n.marked = map[netip.Addr]bool{}
	}
	n.marked[a] = true
}

func (n *ownNet) unmark(a netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.marked, a)
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
