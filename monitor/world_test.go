package monitor

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var steps = flag.Int("monitor.steps", 2_000_000, "steps of the random event sequences")

// A world has several primaries, a gateway and a standby. It knows what is true
// (who holds which address, who is alive), and the machine only learns of it
// what probes and questions bring.
type world struct {
	t        testing.TB
	rng      *rand.Rand
	now      time.Time
	hosts    []*host
	capacity int
	linkUp   bool
	gateway  bool // it answers
	heard    time.Time
	isolated bool
	steps    int
	takes    int // automatic takeovers seen
}

// host is one primary and what the standby does about it.
type host struct {
	facts  Facts
	policy Policy

	alive   bool // answers pings
	arp     bool // answers ARP
	foreign bool // another host has its address
	asked   bool // was asked by ARP at the last beat, and how it went:
	reply   string

	holds     bool // the standby holds the address
	cancelled bool
	leaves    bool // the takeover that runs is a hand-over
	asking    bool
	due       bool
	stale     *Decision
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: noon, linkUp: true, gateway: true, heard: noon}
	w.capacity = 1 + w.rng.IntN(2)
	for i := range 4 {
		h := &host{alive: true, arp: true}
		h.policy = defaults(string(rune('a' + i)))
		p := &h.policy
		p.Priority = w.rng.IntN(3)
		p.Seize, p.Fenced = w.rng.IntN(6) == 0, w.rng.IntN(6) == 0
		p.Automatic = w.rng.IntN(6) > 0
		p.OnClaim = Claiming(w.rng.IntN(3))
		if w.rng.IntN(3) == 0 {
			p.AssumeAddress, p.AutoRelease = false, w.rng.IntN(2) == 0
		}
		p.FailAfter, p.WarnAfter, p.FailAfterReboot = 6, 3, 9
		h.facts.Paths = make([]PathCount, 1+w.rng.IntN(2))
		if w.rng.IntN(4) > 0 {
			h.facts.Neighbour = Neighbour{OnLink: true, Known: "aa"}
		}
		w.hosts = append(w.hosts, h)
	}
	return w
}

// chance is true n times in a thousand.
func (w *world) chance(n int) bool { return w.rng.IntN(1000) < n }

// step takes an event to the machine, holds what follows against the promises,
// and does what is wanted.
func (w *world) step(h *host, e Event) {
	w.steps++
	e.At = w.now
	if e.Reason == "" {
		e.Reason = "because"
	}
	if e.Evidence == "" {
		e.Evidence = "seen"
	}
	before := h.facts
	after, effects := Step(before, e, h.policy)
	if what := broken(before, e, h.policy, after, effects); what != "" {
		w.t.Fatalf("step %d: %s\n%s\nbecame %+v\neffects %+v", w.steps, what, name(before, e), after, effects)
	}
	h.facts = after
	for _, x := range effects {
		switch x.Do {
		case AskNeighbour:
			h.asking = true
		case StopAsking:
			h.asking = false
		case Consider:
			h.due = true
		case TakeOver:
			h.cancelled = false
			if !x.Ordered && e.Kind == Decided {
				w.tookOver(h)
			}
		case CancelTakeOver:
			h.cancelled = true
		}
	}
	if h.facts.Role == StandingBy && h.holds {
		w.t.Fatalf("step %d: %s is held while standing by, after %s", w.steps, h.policy.Server, e.Kind)
	}
	if h.due {
		h.due = false
		w.decide(h)
	}
}

// tookOver holds an automatic takeover against what is true.
func (w *world) tookOver(h *host) {
	w.takes++
	used := 0
	for _, o := range w.hosts {
		if o.facts.Role != StandingBy {
			used++
		}
	}
	if used > w.capacity {
		w.t.Fatalf("step %d: %d taken over, capacity %d", w.steps, used, w.capacity)
	}
	if !w.linkUp {
		w.t.Fatalf("step %d: taken over with the own link down", w.steps)
	}
	// After a fence the plan asks afresh, so that whoever answers as the primary, or as nobody knows whom, may be fenced.
	known := h.facts.Neighbour.Known
	fenced := h.policy.Fenced && (known == "" || h.reply == known)
	if h.facts.Neighbour.OnLink && h.facts.Misses > 0 && h.asked && h.reply != "" && !h.policy.Seize && !fenced {
		w.t.Fatalf("step %d: %s is taken over, and %s answers for its address: %+v, %+v", w.steps, h.policy.Server, h.reply, h.facts, h.policy)
	}
	heard := w.heard
	for _, o := range w.hosts {
		if o.facts.Mode == Active && o.facts.LastAnswer.After(heard) {
			heard = o.facts.LastAnswer
		}
	}
	if w.now.Sub(heard) > h.policy.Window(h.facts.Limit(h.policy)) {
		w.t.Fatalf("step %d: taken over, and nobody has answered for %s", w.steps, w.now.Sub(heard))
	}
}

func (w *world) situation(h *host) Situation {
	m := Situation{
		Now: w.now, Facts: h.facts, Policy: h.policy, Link: "eth0", LinkUp: w.linkUp, Capacity: w.capacity,
		Witnesses: []Witness{{"gateway", w.heard}}, Data: Data{Note: "nothing is replicated"},
	}
	for _, o := range w.hosts {
		if o != h {
			m.Others = append(m.Others, Other{o.policy.Server, o.facts, o.policy})
		}
	}
	return m
}

// decide asks the four questions. Sometimes the answer comes late: not so late
// that another one was admitted meanwhile, because the standby admits one by one.
func (w *world) decide(h *host) {
	if w.isolated || h.facts.Health != Failure || h.facts.Role != StandingBy || h.facts.Mode != Active {
		return
	}
	d := Decide(w.situation(h))
	switch {
	case d.Isolated:
		w.isolate(d.Hold.Reason)
	case w.chance(50):
		h.stale = &d
	default:
		w.step(h, Event{Kind: Decided, Decision: &d})
	}
}

func (w *world) isolate(reason string) {
	w.isolated = true
	for _, h := range w.hosts {
		w.step(h, Event{Kind: Froze, Reason: reason})
	}
}

func (w *world) thaw() {
	w.isolated = false
	for _, h := range w.hosts {
		w.step(h, Event{Kind: Thawed, Reason: "connected"})
	}
}

// holder is who answers ARP for the address, apart from the standby.
func (w *world) holder(h *host) string {
	switch {
	case !w.linkUp:
		return ""
	case h.foreign:
		return "66"
	case h.arp:
		return "aa"
	}
	return ""
}

// beat is one ping over one path, and the questions by ARP beside it.
func (w *world) beat(h *host) {
	w.pass(h.policy.Interval / time.Duration(len(h.facts.Paths)))
	e := Event{Path: w.rng.IntN(len(h.facts.Paths)), Evidence: "no answer"}
	own := h.holds && h.policy.AssumeAddress
	switch {
	case own && e.Path == 0 || w.chance(15):
		e.Kind = CannotAsk
	case h.alive && w.linkUp && !w.chance(30):
		e.Kind, e.RTT = Answered, time.Millisecond
	default:
		e.Kind, e.Sent = Missed, w.now.Add(-h.policy.Timeout)
	}
	if h.facts.Mode != Active && w.chance(900) {
		return
	}
	if e.Kind == Missed && h.asking && h.facts.Neighbour.OnLink {
		h.asked, h.reply = true, w.holder(h)
		for range 3 {
			w.step(h, Event{Kind: NeighbourAsked})
		}
		if h.reply != "" {
			w.step(h, Event{Kind: NeighbourAnswered, MAC: h.reply})
		}
	}
	w.step(h, e)
	if w.chance(5) {
		w.step(h, Event{Kind: Late, RTT: 2 * h.policy.Timeout})
	}
}

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	if w.gateway && w.linkUp {
		w.heard = w.now
	}
}

// operation lets a takeover or a release come to its end, as its plan would.
func (w *world) operation(h *host) {
	switch h.facts.Role {
	case TakingOver:
		e := Event{Kind: TakeoverFailed, Step: "start", Reason: "it failed", Touched: w.chance(500), Planned: h.leaves}
		h.leaves = false
		other := w.holder(h)
		switch {
		case h.cancelled:
			h.holds = false
		case h.policy.AssumeAddress && other != "" && !h.policy.Seize && !h.facts.Ordered:
			e.Step, e.Refused, e.Reason, e.Touched = "probe", AddressInUse, other+" answers", false
			h.holds = false
		case w.chance(150):
			e.Kept, h.holds = w.chance(500), false
			h.holds = e.Kept && h.policy.AssumeAddress
		default:
			e.Kind, h.holds = TakeoverDone, h.policy.AssumeAddress
		}
		w.step(h, e)
	case Releasing:
		home := w.chance(300) // a failback, whose data goes back as well
		if w.chance(200) {
			w.step(h, Event{Kind: ReleaseFailed, Step: "stop", Reason: "it hangs", Back: home, Kept: home && w.chance(300)})
			return
		}
		h.holds = false
		w.step(h, Event{Kind: ReleaseDone, By: []string{"", "anna"}[w.rng.IntN(2)], Back: home})
	case StandingIn:
		if mac := w.holder(h); mac != "" && h.holds {
			w.step(h, Event{Kind: Claimed, MAC: mac, Evidence: "ARP"})
		} else {
			w.step(h, Event{Kind: Cleared})
		}
	}
}

// crash forgets everything that is not written down.
func (w *world) crash(rebooted bool) {
	for _, h := range w.hosts {
		kept := h.facts.Kept
		if w.chance(100) {
			body, err := json.Marshal(kept)
			if err != nil {
				w.t.Fatal(err)
			}
			kept = Kept{}
			if err := json.Unmarshal(body, &kept); err != nil {
				w.t.Fatal(err)
			}
		}
		counters := Counters{Paths: make([]PathCount, len(h.facts.Paths))}
		if h.facts.Neighbour.OnLink {
			counters.Neighbour = Neighbour{OnLink: true, Known: "aa"}
		}
		h.facts = Facts{Kept: kept, Counters: counters}
		h.asking, h.stale, h.asked = false, nil, false
		if rebooted {
			h.holds = false
		}
		w.step(h, Event{Kind: Started, Rebooted: rebooted})
	}
	w.isolated = false
}
