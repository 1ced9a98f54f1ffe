package api

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

// A limiter allows a burst and then a rate, for each client by itself, and
// remembers a bounded number of them.
func TestLimiter(t *testing.T) {
	l := newLimiter(2, 3)
	now := time.Unix(0, 0)
	allowed := func(client string, at time.Time) bool {
		_, ok := l.allow(client, at)
		return ok
	}
	for i, want := range []bool{true, true, true, false} {
		if allowed("a", now) != want {
			t.Errorf("request %d: want %v", i+1, want)
		}
	}
	if wait, _ := l.allow("a", now); wait != 500*time.Millisecond {
		t.Errorf("wait %s, want 500ms", wait)
	}
	if !allowed("b", now) {
		t.Error("another client is held up")
	}
	if !allowed("a", now.Add(500*time.Millisecond)) || allowed("a", now.Add(500*time.Millisecond)) {
		t.Error("after half a second: want exactly one more")
	}
	for i := range 3 * clientsRemembered {
		allowed(fmt.Sprint("crowd ", i), now)
		if i%100 == 0 {
			if allowed("a", now.Add(500*time.Millisecond)) {
				t.Fatal("a crowd made the limiter forget somebody who keeps knocking")
			}
		}
	}
	if len(l.known) > clientsRemembered || l.order.Len() > clientsRemembered {
		t.Errorf("%d clients are remembered", len(l.known))
	}
}

// Whose allowance a request counts against.
func TestOrigin(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1:1234":                   "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:1":         "2001:db8:1:2::/64",
		"[2001:db8:1:2:aaaa:4:5:6]:9":      "2001:db8:1:2::/64",
		"[::ffff:192.0.2.1]:80":            "192.0.2.1",
		"[fe80::1%eth0]:80":                "fe80::/64",
		"@":                                "@",
		"not an address but something:foo": "not an address but something",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = from
		if got := origin(r); got != want {
			t.Errorf("origin of %s is %q, want %q", from, got, want)
		}
	}
}
