package netstate

import (
	"net/netip"
	"testing"
	"time"
)

// TestRouteCache: what was asked just after a change may be an answer from before it, and is not kept.
func TestRouteCache(t *testing.T) {
	now := time.Unix(1e9, 0)
	dst := netip.MustParseAddr("192.0.2.1")
	var c routeCache
	known := func(generation uint64, at time.Time) bool {
		_, known := c.of(generation, at).answers[dst]
		return known
	}
	ask := func(generation uint64, at time.Time) { c.of(generation, at).keep(dst, egress{local: true}, at) }
	if ask(1, now); known(1, now) {
		t.Error("an answer of the first instant is kept")
	}
	if ask(1, now.Add(settling-1)); known(1, now.Add(settling)) {
		t.Error("an answer is kept too early")
	}
	if ask(1, now.Add(settling)); !known(1, now.Add(time.Hour)) {
		t.Error("an answer is not kept")
	}
	if known(2, now.Add(time.Hour)) {
		t.Error("an answer is kept over a change")
	}
	if ask(2, now.Add(time.Hour)); known(2, now.Add(2*time.Hour)) {
		t.Error("after a change, an answer of the first instant is kept")
	}
}
