package probe

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// moment is a point on the monotonic clock: the time since the Pinger was made.
type moment = time.Duration

// lateMemory is how many missed pings of a target are remembered, so that a
// late answer is known as one.
const lateMemory = 8

// lateMemoryTime is how long they are remembered at most.
const lateMemoryTime = time.Minute

// window is one ping that was sent and from when to when its answer counts.
type window struct {
	token    uint64
	sent     moment
	deadline moment
	id, seq  uint16
	missed   bool // reported as missed; an answer now is late
}

// entry is a target and everything known of its pings.
type entry struct {
	Target
	probe string // "ping 10.0.0.1"
	wire  netip.Addr

	beat moment // when the next ping is due
	ask  moment // when somebody asked for one more at once, 0 if nobody did
	wake moment // when this entry has to be looked at; the heap's order
	heap int    // where in the heap it is

	slot    uint32 // where in the book's slots it is; travels in the payload
	id, seq uint16
	silent  bool // the last ping that was judged was a miss
	windows []window

	route route
}

// book knows every target, what is due when, and which answers are awaited. It
// has no socket and no clock, and belongs to one goroutine.
type book struct {
	entries map[key]*entry
	slots   []*entry
	free    []uint32
	heap    []*entry
	crowded bool

	shortest time.Duration // the shortest interval of all targets
}

// set replaces the targets. Those that stay keep their beat and their pings.
func (b *book) set(targets []Target, now moment) {
	old := b.entries
	crowded := pings(targets) > crowd
	b.entries = make(map[key]*entry, len(targets))
	for _, t := range targets {
		e, known := old[t.key()]
		if !known {
			if _, twice := b.entries[t.key()]; twice {
				continue
			}
			e = &entry{probe: "ping " + t.Addr.String(), wire: t.Addr.WithZone(""), heap: -1}
			e.id = uint16(rand.Uint32())
			b.place(e)
		}
		delete(old, t.key())
		if !known || e.Interval != t.Interval || crowded != b.crowded {
			e.beat = nextBeat(phase(t, crowded), t.Interval, now)
		}
		e.Target = t
		b.entries[t.key()] = e
		b.schedule(e)
	}
	b.crowded = crowded
	b.shortest = 0
	for _, t := range targets {
		if b.shortest == 0 || t.Interval < b.shortest {
			b.shortest = t.Interval
		}
	}
	for _, gone := range old {
		b.remove(gone)
		b.slots[gone.slot] = nil
		b.free = append(b.free, gone.slot)
	}
}

// nextBeat is the first moment after now that is a whole number of intervals
// after phase.
func nextBeat(phase, interval time.Duration, now moment) moment {
	if now < phase {
		return phase
	}
	return phase + (now-phase)/interval*interval + interval
}

// place gives an entry a slot.
func (b *book) place(e *entry) {
	if n := len(b.free); n > 0 {
		e.slot = b.free[n-1]
		b.free = b.free[:n-1]
		b.slots[e.slot] = e
		return
	}
	e.slot = uint32(len(b.slots))
	b.slots = append(b.slots, e)
}

// schedule puts the entry where its next due moment belongs.
func (b *book) schedule(e *entry) {
	wake := e.beat
	if e.ask != 0 && e.ask < wake {
		wake = e.ask
	}
	for i := range e.windows {
		if w := &e.windows[i]; !w.missed && w.deadline < wake {
			wake = w.deadline
		}
	}
	e.wake = wake
	b.fix(e)
}

// open makes a window for a ping that is about to be sent with this identifier.
func (b *book) open(e *entry, id uint16, sent moment) window {
	// Missed pings are forgotten oldest first; awaited ones never.
	missed := 0
	for i := len(e.windows) - 1; i >= 0; i-- {
		if w := e.windows[i]; w.missed {
			if missed++; missed >= lateMemory || sent-w.sent > lateMemoryTime {
				e.windows = slices.Delete(e.windows, i, i+1)
			}
		}
	}
	e.seq++
	w := window{token: rand.Uint64(), sent: sent, deadline: sent + e.Timeout, id: id, seq: e.seq}
	e.windows = append(e.windows, w)
	return w
}

// answer finds the ping that a reply belongs to, and takes it out of the book.
// An answer from another address, with another identifier, of another ping or
// a second time belongs to none.
func (b *book) answer(from netip.Addr, r reply) (*entry, window, bool) {
	if int(r.slot) >= len(b.slots) || b.slots[r.slot] == nil {
		return nil, window{}, false
	}
	e := b.slots[r.slot]
	if e.wire != from {
		return nil, window{}, false
	}
	for i, w := range e.windows {
		if w.seq == r.seq && w.token == r.token && w.id == r.id {
			e.windows = slices.Delete(e.windows, i, i+1)
			b.schedule(e)
			return e, w, true
		}
	}
	return nil, window{}, false
}

// renew gives the target another identifier: firewalls pin a dead session to
// the one that they saw. It differs in its low bits too, so that where the
// identifier is the socket's, another socket is taken.
func (e *entry) renew() {
	for old := e.id; e.id%identifiers == old%identifiers; {
		e.id = uint16(rand.Uint32())
	}
}

// due gives an entry that has to be looked at, nil if there is none.
func (b *book) due(now moment) *entry {
	if len(b.heap) > 0 && b.heap[0].wake <= now {
		return b.heap[0]
	}
	return nil
}
