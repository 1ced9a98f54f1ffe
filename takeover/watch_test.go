package takeover

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// standsIn is a host that holds both addresses and whose stand-in runs.
func standsIn() *host {
	h := newHost()
	h.held[service], h.held[second], h.running = true, true, true
	return h
}

func nothing(*Watch) {}

func TestTheWatchAnnouncesAndAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := standsIn(), newWire(t)
		watched(t, h, w, nothing)
		pass(10*time.Minute + time.Second)
		if n := h.times("announce 192.168.11.1"); n != 10 {
			t.Errorf("announced %d times in ten minutes", n)
		}
		if n := w.count(second); n != 201 {
			t.Errorf("asked for %d times in ten minutes, want every three seconds", n)
		}
		if diff := cmp.Diff([]SightingKind(nil), h.sightings()); diff != "" {
			t.Errorf("seen (-want +got):\n%s", diff)
		}
	})
}

// Somebody removes a service address: it is put back and announced anew, and what cannot be put back is said.
func TestTheWatchPutsBackWhatIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := standsIn(), newWire(t)
		watched(t, h, w, nothing)
		synctest.Wait()
		h.set(func() { delete(h.held, second) })
		synctest.Wait()
		if diff := cmp.Diff([]string{"assume 192.168.11.3", "announce 192.168.11.1", "announce 192.168.11.3"}, h.done()); diff != "" {
			t.Errorf("done (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]SightingKind{Restored, Reannounced}, h.sightings()); diff != "" {
			t.Errorf("seen (-want +got):\n%s", diff)
		}
		h.set(func() { delete(h.held, second); h.fail["assume 192.168.11.3"] = errBusy })
		synctest.Wait()
		if diff := cmp.Diff([]SightingKind{NotRestored}, h.sightings()); diff != "" {
			t.Errorf("seen (-want +got):\n%s", diff)
		}
		h.done()
		pass(time.Minute)
		if n := h.times("announce 192.168.11.3"); n != 0 {
			t.Errorf("an address that is not held was announced %d times", n)
		}
	})
}

func TestTheWatchFindsWhatWasRemovedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := standsIn(), newWire(t)
		delete(h.held, service)
		watched(t, h, w, nothing)
		synctest.Wait()
		if !h.Holds(service) {
			t.Error("not put back")
		}
	})
}

// The link comes back, or the interface gets another MAC address: what is held is announced anew.
func TestTheWatchAnnouncesAnewAfterAChangeOfTheLink(t *testing.T) {
	tests := map[string]struct {
		change []func(*host)
		anew   int
	}{
		"nothing that matters": {[]func(*host){func(*host) {}}, 0},
		"down":                 {[]func(*host){func(h *host) { h.up = false }}, 0},
		"down and up":          {[]func(*host){func(h *host) { h.up = false }, func(h *host) { h.up = true }}, 1},
		"another MAC address":  {[]func(*host){func(h *host) { h.mac = "b" }}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := standsIn(), newWire(t)
				watched(t, h, w, nothing)
				synctest.Wait()
				for _, change := range test.change {
					h.set(func() { change(h) })
					synctest.Wait()
				}
				if n := h.times("announce 192.168.11.1"); n != test.anew {
					t.Errorf("announced %d times, want %d", n, test.anew)
				}
			})
		})
	}
}

func TestTheWatchStartsADeadStandInAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := standsIn(), newWire(t)
		watched(t, h, w, nothing)
		h.set(func() { h.running = false })
		pass(6 * time.Second)
		if diff := cmp.Diff([]SightingKind{StandInDied, StandInRestarts}, h.sightings()); diff != "" {
			t.Errorf("seen (-want +got):\n%s", diff)
		}
		// One that goes on dying, each time a while after it was started.
		for range 10 {
			h.set(func() { h.running = false })
			pass(20 * time.Second)
		}
		want := []SightingKind{StandInDied, StandInRestarts, StandInDied, StandInRestarts, StandInFails}
		if diff := cmp.Diff(want, h.sightings()); diff != "" {
			t.Errorf("seen (-want +got):\n%s", diff)
		}
	})
}

func TestAStandInThatRunsForLongIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := standsIn(), newWire(t)
		watched(t, h, w, nothing)
		for range 6 {
			h.set(func() { h.running = false })
			pass(Calm + 30*time.Second)
		}
		died, fails := 0, 0
		for _, k := range h.sightings() {
			switch k {
			case StandInDied:
				died++
			case StandInFails:
				fails++
			}
		}
		if died != 6 || fails != 0 {
			t.Errorf("died %d times, given up %d times; want 6, 0", died, fails)
		}
	})
}

func TestAStandInThatCannotBeStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := standsIn(), newWire(t)
		watched(t, h, w, nothing)
		h.set(func() { h.running, h.fail["start"] = false, errBusy })
		pass(time.Minute)
		if diff := cmp.Diff([]SightingKind{StandInDied, StandInDied, StandInDied, StandInFails}, h.sightings()); diff != "" {
			t.Errorf("seen (-want +got):\n%s", diff)
		}
	})
}

func TestNobodyCanTellWhetherItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := standsIn(), newWire(t)
		watched(t, h, w, nothing)
		h.set(func() { h.running, h.fail["running"] = false, errBusy })
		pass(time.Minute)
		if n := h.times("start"); n != 0 || len(h.sightings()) != 0 {
			t.Errorf("started %d times", n)
		}
	})
}

func TestAStandInThatHangsDoesNotHoldUpTheAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := standsIn(), newWire(t)
		h.hangs = make(chan struct{})
		watched(t, h, w, nothing)
		h.set(func() { h.running = false })
		pass(10 * time.Second)
		h.set(func() { delete(h.held, service) })
		synctest.Wait()
		if !h.Holds(service) {
			t.Error("the address is not put back while the stand-in starts")
		}
	})
}

func TestAnIncompleteTakeoverIsLookedAfterAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := newHost(), newWire(t)
		h.held[service] = true
		watched(t, h, w, func(w *Watch) { w.Incomplete = true })
		synctest.Wait()
		h.set(func() { delete(h.held, service) })
		pass(time.Minute)
		if !h.Holds(service) || h.Holds(second) {
			t.Errorf("holds the one that it held: %t, the other one: %t", h.Holds(service), h.Holds(second))
		}
		if n := h.times("start"); n != 0 {
			t.Errorf("the stand-in was started %d times", n)
		}
	})
}

func TestWithoutAnAddressOnlyTheStandInIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := newHost(), newWire(t)
		watched(t, h, w, func(w *Watch) { w.Server.Assume = false })
		pass(10 * time.Second)
		h.set(func() {})
		pass(time.Minute)
		if diff := cmp.Diff([]string{"ready", "start"}, sorted(h.done())); diff != "" {
			t.Errorf("done (-want +got):\n%s", diff)
		}
		if w.count(service) != 0 {
			t.Error("an address was asked for that was never assumed")
		}
	})
}
