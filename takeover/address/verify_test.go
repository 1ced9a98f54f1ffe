package address

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// neighbourhood answers pings from those that know the service address.
type neighbourhood struct {
	mu       sync.Mutex
	answers  map[netip.Addr]bool
	learning map[netip.Addr]bool // answers once it was introduced
	pings    map[netip.Addr]int
}

func (n *neighbourhood) Introduce(_, neighbour netip.Addr) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.learning[neighbour] {
		n.answers[neighbour] = true
	}
	return nil
}

func (n *neighbourhood) Known(a netip.Addr) net.HardwareAddr {
	if n.answers[a] {
		return hw("02:fa:00:00:00:01")
	}
	return nil
}

func (n *neighbourhood) ping(_ context.Context, from, to netip.Addr, timeout time.Duration) (bool, string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pings[to]++
	if from != ip("10.99.0.50") || timeout <= 0 {
		return false, "", errors.New("a ping that proves nothing")
	}
	if to == ip("10.99.0.66") {
		return false, "", errors.New("operation not permitted")
	}
	if n.answers[to] {
		return true, "answered", nil
	}
	return false, "no answer", nil
}

func TestVerify(t *testing.T) {
	mac := hw("02:fa:00:00:00:01")
	for _, c := range []struct {
		name       string
		neighbours []netip.Addr
		want       Result
		answers    []Answer
	}{
		{"nobody to ask", nil, Unverified, nil},
		{"only ourselves, nobody and the other family", []netip.Addr{ip("10.99.0.50"), {}, ip("fe80::1")}, Unverified, nil},
		{"answers at once", []netip.Addr{ip("10.99.0.1")}, Verified, []Answer{{ip("10.99.0.1"), true, false, mac, "answered"}}},
		{"answers when introduced", []netip.Addr{ip("10.99.0.2")}, Verified, []Answer{{ip("10.99.0.2"), true, true, mac, "answered"}}},
		{"silent", []netip.Addr{ip("10.99.0.3")}, Failed, []Answer{{ip("10.99.0.3"), false, true, nil, "no answer"}}},
		{"one of them answers", []netip.Addr{ip("10.99.0.3"), ip("10.99.0.1")}, Verified, []Answer{
			{ip("10.99.0.3"), false, true, nil, "no answer"}, {ip("10.99.0.1"), true, false, mac, "answered"},
		}},
		{"cannot be pinged", []netip.Addr{ip("10.99.0.66")}, Failed, []Answer{{ip("10.99.0.66"), false, false, nil, "operation not permitted"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &neighbourhood{
				answers:  map[netip.Addr]bool{ip("10.99.0.1"): true, ip("10.99.0.50"): true, ip("fe80::1"): true},
				learning: map[netip.Addr]bool{ip("10.99.0.2"): true},
				pings:    map[netip.Addr]int{},
			}
			got := Verify(t.Context(), n, n.ping, ip("10.99.0.50"), c.neighbours)
			want := Verification{Service: ip("10.99.0.50"), Result: c.want, Answers: c.answers}
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("verification (-want +got):\n%s", diff)
			}
		})
	}
}
