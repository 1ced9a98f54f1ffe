package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"failoverd/internal/lab"
	"failoverd/internal/site"
	"failoverd/status"
)

// newMansion is a homestead whose own application serves, and whose agent can stop it together with the service address.
func newMansion(t *testing.T, at func(*testing.T, *company) databases) *homestead {
	t.Helper()
	h := newHomestead(t, at)
	ok(t, errors.Join(h.PBX.Die(), h.PBX.Up())) // its service of before is gone
	_, err := h.PBX.Run(t.Context(), filepath.Join(h.Dir, "own-start"))
	ok(t, err)
	h.waitState("pbx", "OK", "standing by")
	return h
}

// serving has users write at the primary, a row and a file each time, until the end. While its application is stopped they
// cannot; a row that was begun when it was told to stop is there before it has.
func (h *homestead) serving() *pen {
	h.t.Helper()
	p := &pen{}
	quiet, hushed, busy := filepath.Join(h.Dir, "own-quiet"), filepath.Join(h.Dir, "own-hushed"), filepath.Join(h.Dir, "own-busy")
	ok(h.t, os.WriteFile(busy, nil, 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	var ending sync.WaitGroup
	write := func(n int) error {
		db := h.d.at(h.t, primary, "calls") // each time anew: a failback puts another one in its place
		defer db.Close()
		if _, err := db.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("INSERT INTO calls VALUES (%d, 'caller')", n)); err != nil {
			return err
		}
		name := fmt.Sprintf("left/%d.wav", n)
		p.wrote(fmt.Sprint(n, " caller"), name)
		return errors.Join(os.MkdirAll(filepath.Join(h.m.src, "left"), 0o755), os.WriteFile(filepath.Join(h.m.src, name), []byte(name), 0o644),
			os.WriteFile(filepath.Join(h.m.src, "log"), []byte(name), 0o644))
	}
	ending.Go(func() {
		tick := time.NewTicker(writeEvery)
		defer tick.Stop()
		for n := 10_000; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if whose, err := os.ReadFile(quiet); err == nil {
				_ = errors.Join(os.WriteFile(hushed+".new", whose, 0o600), os.Rename(hushed+".new", hushed))
				continue
			}
			if err := write(n); err != nil {
				h.t.Errorf("a user cannot write at the primary: %v", err)
				return
			}
			n++
		}
	})
	var once sync.Once
	p.ended = func() {
		once.Do(func() {
			cancel()
			ending.Wait()
			_ = os.Remove(busy)
		})
	}
	h.t.Cleanup(p.ended)
	return p
}

// away checks that the standby serves with everything that was written, once.
func (h *homestead) away(p *pen) {
	h.t.Helper()
	h.waitServer("pbx", "handed over", func(v status.Server) bool { return v.Role == "standing in" && v.Operation == "" })
	want, files := p.written()
	if got := rows(h.t, h.d.at(h.t, secondary, "pbx_calls")); got != want {
		h.t.Errorf("the standby has\n%q, want\n%q", got, want)
	}
	for _, name := range files {
		if b, err := os.ReadFile(filepath.Join(h.m.dst, name)); err != nil || string(b) != name {
			h.t.Errorf("%s: %v, %q", name, err, b)
		}
	}
	h.assertHeld(site.PBXAddress, true)
	if n := h.standIns("pbx"); n != 1 {
		h.t.Errorf("%d stand-ins run", n)
	}
}

// spoke checks on the wire that pbx said nothing in the name of the service address from the instant at which the standby did.
func (h *homestead) spoke(wire *lab.Capture) {
	h.t.Helper()
	standby, pbx := h.Standby.MAC().String(), h.PBX.MAC().String()
	named := func(mac string) func(lab.Frame) bool {
		return func(f lab.Frame) bool { return f.ARP != nil && f.Src.String() == mac && f.ARP.SenderIP == pbxIP }
	}
	first, err := wire.WaitFor(h.waiting(), named(standby))
	ok(h.t, err)
	for _, f := range wire.Matching(named(pbx)) {
		if f.At.After(first.At) {
			h.t.Errorf("the standby has the address since %s, and pbx says: %s", first.At.Format("15:04:05.000"), f)
		}
	}
}

// TestHandoverOfAPrimaryThatServes: while users go on writing, one command stops the primary and has the standby serve with all that
// was written; a failback brings it all home again. Nothing is lost, nothing is there twice, and no two hosts have the address.
func TestHandoverOfAPrimaryThatServes(t *testing.T) {
	for name, engine := range ofFailback() {
		t.Run(name, func(t *testing.T) {
			h := newMansion(t, engine)
			user, err := site.NewUser(h.Client, site.PBXAddress)
			ok(t, err)
			defer func() { ok(t, user.Close()) }()
			ok(t, user.WaitServedBy(h.waiting(), "primary"))
			p := h.serving()
			h.eventually("users to have written", func() bool { return len(parts(filepath.Join(h.m.src, "left"))) > 10 })
			never, wire := h.holding(), h.World.Switch.Capture()
			contains(t, h.cli(exitDone, "handover", "pbx", "--dry-run"), "If pbx were handed over now", "POINT OF NO RETURN", "own-start", "ahead vm", "calls")
			contains(t, h.cli(exitUsage, "handover", "pbx"), "failoverd handover pbx --yes")
			out := h.cli(exitDone, "handover", "pbx", "--yes", "--reason", "new power supply")
			contains(t, out, "ahead vm", "turn", "leave", "gone", "level vm", "swap calls", "start", "Done in", "failoverd failback pbx")
			p.ended()
			h.away(p)
			h.spoke(wire)
			ok(t, user.WaitServedBy(h.waiting(), "stand-in"))
			e, found := h.happened("pbx", "handover.done")
			if !found || !strings.Contains(e.Reason, "the final stop took") {
				t.Errorf("in the history: %+v", e)
			}
			contains(t, h.waitMail("handover.done").Text(), "the final stop took", "failoverd failback pbx")
			if _, found := h.happened("pbx", "server.failure"); found {
				t.Error("the history calls it a failure")
			}
			contains(t, h.cli(exitConflict, "handover", "pbx", "--yes"), "standing in")
			t.Logf("%s; users saw %v", e.Reason, user.Outages(100*time.Millisecond))

			before, _ := p.written()
			p = h.writing()
			h.eventually("users to have written", func() bool { return len(parts(filepath.Join(h.m.dst, "taken"))) > 10 })
			h.waitServer("pbx", "answering over its management address", answersThere)
			h.cli(exitDone, "failback", "pbx", "--yes")
			p.ended()
			p.base = before
			h.home(p)
			never()
		})
	}
}

// TestHandoverStops: a hand-over that cannot be finished leaves the users with the primary and all of their data; ordered again
// when the reason is gone, it is finished.
func TestHandoverStops(t *testing.T) {
	h := newMansion(t, newFiles)
	p := h.serving()
	never := h.holding()
	// When the primary's application is stopped, something gets into the way of the standby's copy that was not there when it was asked.
	inTheWay := filepath.Join(h.Dir, "copies", "pbx_calls__prev.db")
	_ = os.Remove(inTheWay)
	stop := filepath.Join(h.Dir, "own-stop")
	text, err := os.ReadFile(stop)
	ok(t, err)
	ok(t, os.WriteFile(stop, []byte(strings.Replace(string(text), "\n", fmt.Sprintf("\nmkdir -p %q\n", inTheWay), 1)), 0o700))
	out := h.cli(exitFailed, "handover", "pbx", "--yes")
	contains(t, out, "what had been done is taken back")
	h.waitServer("pbx", "serving again", func(v status.Server) bool { return v.Operation == "" && v.Role == "standing by" && v.State == "OK" })
	h.assertHeld(site.PBXAddress, false)
	h.waitMail("handover.failed")
	before := len(parts(filepath.Join(h.m.src, "left")))
	h.eventually("users to write again", func() bool { return len(parts(filepath.Join(h.m.src, "left"))) > before+3 })
	ok(t, os.Remove(inTheWay))
	h.configure()
	h.cli(exitDone, "handover", "pbx", "--yes")
	p.ended()
	h.away(p)
	never()
}

// TestKilledAtEveryEdgeOfAHandover: the daemon is killed at every journalled edge of a hand-over, while users write. The next start
// finishes it, or takes it back, and says which. No two hosts have the address, and whoever serves has all that was written.
func TestKilledAtEveryEdgeOfAHandover(t *testing.T) {
	h := newMansion(t, newFiles)
	p := h.serving()
	never := h.holding()
	ok(t, h.daemon.Stop())
	finished, back, untouched, said := 0, 0, 0, 0
	h.killedAgainAndAgain(8, func() bool {
		h.waitServer("pbx", "ready to be handed over", func(v status.Server) bool {
			return v.State == "OK" && v.Role == "standing by" && v.Operation == "" && len(v.Trees) == 1 && v.Trees[0].Lag != nil && *v.Trees[0].Lag < 5
		})
		h.cliOrDeath("handover", "pbx", "--yes", "--no-wait")
		return h.killedBefore("the hand-over", func(v status.Server) bool { return v.Operation == "" && v.Role == "standing in" })
	}, func(e edge) {
		v := h.waitServer("pbx", "through with it", func(v status.Server) bool {
			return v.Operation == "" && (v.Role == "standing in" || v.Role == "standing by" && v.State == "OK")
		})
		n, what := h.examined(status.Handover)
		if v.Role == "standing in" {
			finished++
			if n > said && !strings.Contains(what, "is finished") {
				t.Errorf("%v: it is finished, and %q was said", e, what)
			}
			h.away(p)
			h.waitServer("pbx", "answering over its management address", answersThere)
			h.cli(exitDone, "failback", "pbx", "--yes")
			h.waitState("pbx", "OK", "standing by")
		} else {
			if n == said {
				untouched++
			} else if back++; !strings.Contains(what, "is taken back") {
				t.Errorf("%v: it is taken back, and %q was said", e, what)
			}
			if n := h.standIns("pbx"); n != 0 || h.held(site.PBXAddress) {
				t.Errorf("%v: %d stand-ins, held %v", e, n, h.held(site.PBXAddress))
			}
			before := len(parts(filepath.Join(h.m.src, "left")))
			h.eventually(fmt.Sprintf("%v: users to write", e), func() bool { return len(parts(filepath.Join(h.m.src, "left"))) > before+3 })
		}
		if n > said+1 {
			t.Errorf("%v: what became of it was said %d times", e, n-said)
		}
		said = n
	})
	if finished == 0 || back == 0 || untouched == 0 {
		t.Errorf("finished %d times, taken back %d times, untouched %d times", finished, back, untouched)
	}
	h.launch()
	p.ended()
	h.away(p)
	never()
}
