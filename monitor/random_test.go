package monitor

import (
	"fmt"
	"testing"
	"time"
)

// happen is one thing that happens.
func (w *world) happen() {
	h := w.hosts[w.rng.IntN(len(w.hosts))]
	if h.stale != nil && w.chance(300) {
		d := h.stale
		h.stale = nil
		// The standby admits takeovers one by one, so a decision that is late
		// is one about a standby that has room.
		if fresh := Decide(w.situation(h)); !d.TakeOver || fresh.Steps[0].Passed && fresh.Steps[1].Passed {
			w.step(h, Event{Kind: Decided, Decision: d})
		}
		return
	}
	by := []string{"", "anna"}[w.rng.IntN(2)]
	switch n := w.rng.IntN(1000); {
	case n < 800:
		w.beat(h)
	case n < 890:
		w.operation(h)
	case n < 905:
		h.alive = !h.alive
		if h.arp = h.alive; w.chance(200) {
			h.arp = true // it hangs
		}
	case n < 908:
		h.foreign = !h.foreign && w.chance(300)
	case n < 910:
		w.linkUp = !w.linkUp
		if !w.linkUp && !w.isolated {
			w.isolate("link down")
		}
	case n < 913:
		w.gateway = !w.gateway
	case n < 930:
		if w.isolated && w.linkUp && w.gateway {
			w.thaw()
		}
	case n < 945:
		probe := string(rune('x' + w.rng.IntN(2)))
		if w.chance(600) {
			w.step(h, Event{Kind: ProbeFailed, Probe: probe, Severity: Severity(w.rng.IntN(3)), Limit: 2, Evidence: "refused"})
		} else {
			w.step(h, Event{Kind: ProbePassed, Probe: probe})
		}
	case n < 950:
		w.step(h, Event{Kind: Suspend, By: "anna"})
	case n < 962:
		w.step(h, Event{Kind: Resume, By: by})
	case n < 964:
		w.step(h, Event{Kind: Stop, By: "anna"})
	case n < 966:
		e := Event{Kind: FailoverOrdered, By: "anna", Planned: h.facts.Role == StandingBy && h.facts.State() == StateOK && w.chance(300)}
		if w.step(h, e); e.Planned {
			h.leaves, h.cancelled = true, false
		}
	case n < 975:
		w.step(h, Event{Kind: ReleaseOrdered, By: "anna"})
	case n < 982:
		w.step(h, Event{Kind: CopyStarted, Direction: Activity(1 + w.rng.IntN(2)), Discard: w.chance(100)})
	case n < 992:
		w.step(h, Event{Kind: CopyEnded, Successful: w.chance(500), RolledBack: w.chance(100)})
	case n < 993:
		w.step(h, Event{Kind: CopyLate})
	case n < 994:
		w.crash(w.chance(300))
	case n < 995:
		w.pass(time.Duration(w.rng.IntN(7200)) * time.Second)
	default:
		// Anything at any time: the machine has an answer.
		all := eventsOf()
		e := all[w.rng.IntN(len(all))]
		switch e.Kind {
		case TakeoverDone, TakeoverFailed, ReleaseDone, ReleaseFailed, Started, Froze, Thawed, Decided, Claimed:
			return // these say what the world has done, and it has not
		}
		w.step(h, e)
	}
}

// settle brings the world to rest, with every primary dead or every one alive,
// and says what must be true then: nobody is forgotten.
func (w *world) settle(alive bool) {
	w.linkUp, w.gateway = true, true
	if w.isolated {
		w.pass(time.Second)
		w.thaw()
	}
	for _, h := range w.hosts {
		h.alive, h.arp, h.foreign, h.stale = alive, alive, false, nil
		for i := range h.facts.Probes {
			w.step(h, Event{Kind: ProbePassed, Probe: h.facts.Probes[i].Name})
		}
		w.step(h, Event{Kind: CopyEnded, Successful: true})
		if h.facts.Mode != Active {
			w.step(h, Event{Kind: Resume, By: "anna"})
		}
		for h.facts.Role == TakingOver || h.facts.Role == Releasing {
			w.operation(h)
		}
		for alive && h.facts.Role != StandingBy {
			w.step(h, Event{Kind: ReleaseOrdered, By: "anna"})
			w.operation(h)
		}
	}
	for range 40 {
		w.pass(2 * time.Second)
		for _, h := range w.hosts {
			for path := range h.facts.Paths {
				e := Event{Kind: Answered, Path: path, RTT: time.Millisecond}
				if !alive {
					e = Event{Kind: Missed, Path: path, Sent: w.now.Add(-time.Second), Evidence: "no answer"}
				}
				w.step(h, e)
			}
			if !alive && h.asking && h.facts.Neighbour.OnLink {
				h.asked, h.reply = true, ""
				for range 3 {
					w.step(h, Event{Kind: NeighbourAsked})
				}
			}
			if h.stale != nil {
				d := h.stale
				h.stale = nil
				if fresh := Decide(w.situation(h)); !d.TakeOver || fresh.TakeOver {
					w.step(h, Event{Kind: Decided, Decision: d})
				}
			}
			if h.facts.Role == TakingOver {
				w.operation(h)
			}
		}
	}
	for _, h := range w.hosts {
		f := h.facts
		switch {
		case alive && (f.State() != StateOK || f.Incident != "" || f.Announced || f.Hold.Code != NoHold || f.AwaitsPrimary || f.AfterReboot || f.Misses != 0 || h.asking):
			w.t.Fatalf("everybody answers, and %s is %s, asking %t: %+v", h.policy.Server, f.State(), h.asking, f)
		case !alive && f.Role == StandingBy && (f.State() != StateFailure || f.Hold.Code == NoHold || f.Hold.Code == Asking || f.Hold.Reason == ""):
			w.t.Fatalf("everybody is dead, and %s is %s without a reason: %+v", h.policy.Server, f.State(), f)
		case !alive && f.Role == StandingBy && !f.Announced:
			w.t.Fatalf("everybody is dead, and nobody was told of %s: %+v", h.policy.Server, f)
		}
	}
}

// TestRandomSequencesKeepThePromises plays seeded random worlds.
func TestRandomSequencesKeepThePromises(t *testing.T) {
	done, takes := 0, 0
	for seed := uint64(1); done < *steps; seed++ {
		w := newWorld(t, seed)
		func() {
			defer func() {
				if t.Failed() {
					fmt.Printf("seed %d\n", seed)
				}
			}()
			for w.steps < 8000 {
				for at := w.steps; w.steps < at+1500; {
					w.happen()
				}
				w.settle(w.chance(500))
			}
		}()
		done += w.steps
		takes += w.takes
	}
	t.Logf("%d steps, %d automatic takeovers", done, takes)
	if takes < done/2000 {
		t.Errorf("only %d automatic takeovers in %d steps: the worlds do not try the machine", takes, done)
	}
}
