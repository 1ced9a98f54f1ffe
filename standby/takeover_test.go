package standby

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
	"failoverd/status"
)

func TestAtFourteenMissesNothingAtFifteenOneTakeover(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second) // the last answer is that of the ping after 8 s
		w.dies(pbx)
		// The first missed ping is sent after 10 s, the fourteenth after 36 s and
		// missed after 37 s, the fifteenth missed after 39 s.
		w.pass(2*time.Second + 4*2*time.Second - time.Millisecond) // 18.999 s: four misses
		w.is("pbx", "Suspect", "standing by")
		if got := w.mails(); len(got) != 0 {
			t.Fatalf("mails after four misses: %v", got)
		}
		w.pass(time.Millisecond)
		if diff := cmp.Diff([]string{"server.warning"}, w.mails()); diff != "" {
			t.Fatalf("mails after five misses (-want +got):\n%s", diff)
		}
		w.pass(20*time.Second - time.Millisecond) // 38.999 s
		if v := w.of("pbx"); v.Misses != 14 || v.State != "Suspect" || w.holds(pbx) {
			t.Fatalf("after fourteen misses: %d misses, %s, holds %t", v.Misses, v.State, w.holds(pbx))
		}
		w.done()
		w.pass(time.Millisecond)
		// The neighbours have been asked since the first miss: nothing is waited for.
		w.is("pbx", "Failure", "standing in")
		w.pass(time.Minute)
		want := []string{"commit takeover open", "assume 192.168.11.1", "announce 192.168.11.1", "commit takeover open", "start pbx", "ready pbx", "commit takeover over"}
		got := slices.DeleteFunc(w.done(), func(s string) bool { return s == "announce 192.168.11.1" })
		want = slices.DeleteFunc(want, func(s string) bool { return s == "announce 192.168.11.1" })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what was done, and when it was written down (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"server.warning", "server.failure", "takeover.done"}, w.mails()); diff != "" {
			t.Errorf("mails (-want +got):\n%s", diff)
		}
		if got := w.happened("takeover.started"); got != 1 {
			t.Errorf("%d takeovers, want 1", got)
		}
		w.mu.Lock()
		if diff := cmp.Diff([]string{"pbx succeeded"}, w.took); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
		w.mu.Unlock()
	})
}

func TestAnnouncementsGoOnWhileTheStandInStarts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		open := w.shut("start pbx")
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(30 * time.Second) // the takeover begins now
		w.done()
		w.pass(10 * time.Second)
		if got := count(w.done(), "announce 192.168.11.1"); got != 5 {
			t.Errorf("%d announcements in ten seconds after the first, want 5", got)
		}
		open()
		w.pass(time.Minute)
		w.is("pbx", "Failure", "standing in")
		if got := count(w.done(), "announce 192.168.11.1"); got != 1 {
			t.Errorf("%d announcements in the minute after, want 1", got)
		}
	})
}

func TestTheStandbysOwnAnswerNeverCounts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := primary("pbx", pbx)
		c.ManagementAddress = crm
		w := newWorld(t, c).start()
		if diff := cmp.Diff([]string{"pbx 192.168.11.1", "witness 192.168.11.254"}, w.pinger.asks()); diff != "" {
			t.Errorf("asked while standing by (-want +got):\n%s", diff)
		}
		w.standsIn("pbx", pbx)
		if diff := cmp.Diff([]string{"pbx 192.168.11.1", "pbx 192.168.11.3", "witness 192.168.11.254"}, w.pinger.asks()); diff != "" {
			t.Errorf("asked while standing in (-want +got):\n%s", diff)
		}
		w.returns(pbx) // it is ourselves who would answer
		w.pass(time.Minute)
		if v := w.of("pbx"); v.Health != "failure" || v.Paths[0].Outcome != "unknown" {
			t.Errorf("health %s, path %s; want failure, unknown", v.Health, v.Paths[0].Outcome)
		}
		if got := w.happened("primary.back"); got != 0 {
			t.Errorf("primary.back %d times, want none", got)
		}
		w.returns(crm)
		w.pass(5 * time.Second)
		if got := w.happened("primary.back"); got != 1 {
			t.Errorf("the management address answers: primary.back %d times, want 1", got)
		}
	})
}

// The journal cannot be written: detection goes on, nothing is taken over, and that is shown.
func TestWithoutAJournalNothingIsTakenOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second)
		w.memory.breaks(errors.New("disk full"))
		w.dies(pbx)
		w.pass(time.Minute)
		v := w.of("pbx")
		if v.Misses < 15 || w.holds(pbx) || w.runs("pbx") {
			t.Fatalf("%d misses, holds %t: want detection to go on and nothing taken over", v.Misses, w.holds(pbx))
		}
		if s := w.s.Snapshot(); s.Standby.Journal.OK || s.Standby.Journal.Error != "cannot be written: disk full" {
			t.Errorf("the snapshot says of the journal: %+v", s.Standby.Journal)
		}
		if got := slices.IndexFunc(v.Readiness.Checks, func(c status.Check) bool { return c.Name == "journal" && c.Result == "critical" }); got < 0 {
			t.Errorf("the readiness does not say that the journal cannot be written: %+v", v.Readiness)
		}
		w.memory.breaks(nil)
		w.pass(5 * time.Second)
		w.is("pbx", "Failure", "standing in")
		if s := w.s.Snapshot(); !s.Standby.Journal.OK {
			t.Errorf("the journal can be written again, and the snapshot says %+v", s.Standby.Journal)
		}
		// Nothing that was to be said is lost.
		if diff := cmp.Diff([]string{"journal.writable", "server.failure", "takeover.done"}, slices.DeleteFunc(w.mails(), func(k string) bool { return k == "server.warning" || k == "decision.refused" })); diff != "" {
			t.Errorf("mails (-want +got):\n%s", diff)
		}
	})
}

func TestAJournalThatCanBeWrittenAgainIsFoundWithoutAnythingToWrite(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second)
		w.memory.breaks(errors.New("disk full"))
		if _, err := w.s.Suspend(t.Context(), "pbx", by("")); code(err) != status.JournalUnwritable {
			t.Fatal(err)
		}
		if w.s.Snapshot().Standby.Journal.OK {
			t.Fatal("the journal is said to be well")
		}
		w.memory.breaks(nil)
		w.pass(time.Second)
		if !w.s.Snapshot().Standby.Journal.OK {
			t.Error("the journal is said to be unwritable for ever")
		}
		before := w.memory.count()
		w.pass(10 * time.Second)
		if got := w.memory.count() - before; got != 0 {
			t.Errorf("%d commits with nothing to write", got)
		}
	})
}

func TestWhatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.memory.breaks(errors.New("disk full"))
		w.pinger.stalled(time.Minute)
		w.pass(time.Minute)
		w.memory.breaks(nil)
		w.pass(time.Second)
		if got := w.happened("standby.stalled"); got != 1 {
			t.Errorf("standby.stalled %d times, want 1", got)
		}
	})
}

func TestTheEndOfATaskIsNotLostWithTheJournal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second)
		w.dies(pbx)
		open := w.shut("start pbx")
		w.pass(40 * time.Second)
		w.is("pbx", "Failure", "taking over")
		w.memory.breaks(errors.New("disk full"))
		open()
		w.pass(10 * time.Second)
		w.is("pbx", "Failure", "taking over")
		w.memory.breaks(nil)
		w.pass(time.Second)
		w.is("pbx", "Failure", "standing in")
		if n := w.openOperations(); n != 0 {
			t.Errorf("%d operations are open", n)
		}
		if got := count(w.mails(), "takeover.done"); got != 1 {
			t.Errorf("takeover.done was mailed %d times", got)
		}
	})
}

// The journal cannot be written in the middle of a takeover: what was done is taken back, and the takeover is tried
// again.
func TestADiskThatFailsInTheMiddleOfATakeoverIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second)
		w.dies(pbx)
		// The second record is that of the beginning of "start".
		records := 0
		w.memory.asks(func(b journal.Batch) error {
			if len(b.Operations) > 0 && b.Operations[0].Open {
				if records++; records == 2 {
					return errors.New("disk full")
				}
			}
			return nil
		})
		w.pass(40 * time.Second)
		v := w.of("pbx")
		if v.Role != "standing by" || w.holds(pbx) || v.Hold == nil || v.Hold.Code != "unwritable" {
			t.Fatalf("%s, holds %t, hold %+v: want it undone, and held because the disk failed", v.Role, w.holds(pbx), v.Hold)
		}
		w.pass(2 * time.Minute)
		w.is("pbx", "Failure", "standing in")
	})
}

// Pings are silent and the address answers ARP: it is held, and taken over when that falls silent too.
func TestAPrimaryThatAnswersARPIsNotTakenOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.set(func() { w.wire[pbx] = pbxMAC })
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(2 * time.Minute)
		v := w.of("pbx")
		if v.Hold == nil || v.Hold.Code != "address-in-use" || w.holds(pbx) {
			t.Fatalf("hold %+v, holds %t", v.Hold, w.holds(pbx))
		}
		w.set(func() { delete(w.wire, pbx) })
		w.pass(2 * time.Minute)
		w.is("pbx", "Failure", "standing in")
	})
}

func TestAFailedStandInIsUndone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.set(func() { w.fail["start pbx"] = errors.New("unit not found") })
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(2 * time.Minute)
		v := w.of("pbx")
		if v.State != "Failure" || v.Role != "standing by" || w.holds(pbx) || v.Hold.Code != "takeover-failed" {
			t.Fatalf("%s %s, holds %t, hold %+v", v.State, v.Role, w.holds(pbx), v.Hold)
		}
		if got := w.happened("takeover.started"); got != 1 {
			t.Errorf("%d takeovers: one that failed is not tried again by itself", got)
		}
		if got := count(w.mails(), "takeover.failed"); got != 1 {
			t.Errorf("takeover.failed was mailed %d times", got)
		}
	})
}

func TestAnAddressThatCannotBeDroppedIsNotForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.set(func() {
			w.fail["start pbx"] = errors.New("unit not found")
			w.fail["drop 192.168.11.1"] = errors.New("netlink: busy")
		})
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(time.Minute)
		w.is("pbx", "Failure", "standing in") // incompletely
		if v := w.of("pbx"); !w.holds(pbx) || v.Next != "failoverd failover pbx" {
			t.Errorf("holds %t, next %q", w.holds(pbx), v.Next)
		}
		w.pass(time.Minute)
		if acts := w.done(); count(acts, "start pbx") != 1 {
			t.Errorf("an incomplete takeover's stand-in is left to the operator: %v", acts)
		}
	})
}

func TestTwoFailWithRoomForOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		low, high := primary("low", crm), primary("high", pbx)
		low.Priority, high.Priority = 10, 20
		w := newWorld(t, low, high).start()
		w.pass(9 * time.Second)
		w.dies(crm)
		w.dies(pbx)
		w.pass(time.Minute)
		w.is("high", "Failure", "standing in")
		w.is("low", "Failure", "standing by")
		s := w.s.Snapshot()
		if diff := cmp.Diff([]string{"low"}, s.Standby.Waiting); diff != "" || string(s.Verdict) != "uncovered" {
			t.Errorf("waiting, verdict %s (-want +got):\n%s", s.Verdict, diff)
		}
		if got := count(w.mails(), "capacity.waiting"); got != 1 {
			t.Errorf("capacity.waiting was mailed %d times", got)
		}
		if _, err := w.s.Release(t.Context(), "high", by("it is repaired")); err != nil {
			t.Fatal(err)
		}
		w.pass(10 * time.Second)
		w.is("low", "Failure", "standing in")
		w.is("high", "Failure", "standing by")
	})
}

// A gateway that is dead while neighbours live is no reason not to help.
func TestAnotherPrimaryIsAWitness(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx), primary("crm", crm)).start()
		w.pass(9 * time.Second)
		w.dies(gateway)
		w.pass(time.Minute)
		w.dies(pbx)
		w.pass(time.Minute)
		w.is("pbx", "Failure", "standing in")
		w.is("crm", "OK", "standing by")
	})
}

// The kernel tells of an address a moment after it is there; a ping in that
// moment would be answered by the standby itself.
func TestAnAddressIsMarkedBeforeItIsAssumed(t *testing.T) {
	w := newWorld(t)
	own := &ownNet{Net: w}
	h := markedHolder{Holder: slowKernel{w, func() {
		if _, local, _ := own.Egress(pbx); !local || !own.own(pbx) {
			t.Error("the address is assumed and not marked")
		}
	}}, own: own}
	if err := h.Assume(t.Context(), "eth0", netip.PrefixFrom(pbx, 32)); err != nil || !own.own(pbx) {
		t.Errorf("%v, marked %t", err, own.own(pbx))
	}
	if err := h.Drop(t.Context(), "eth0", pbx); err != nil || own.own(pbx) {
		t.Errorf("dropped: %v, marked %t", err, own.own(pbx))
	}
	w.fail["assume "+pbx.String()] = errors.New("netlink: no")
	if err := h.Assume(t.Context(), "eth0", netip.PrefixFrom(pbx, 32)); err == nil || own.own(pbx) {
		t.Errorf("not assumed: %v, marked %t", err, own.own(pbx))
	}
}

// slowKernel calls assumed in the middle of assuming.
type slowKernel struct {
	*world
	assumed func()
}

func (k slowKernel) Assume(ctx context.Context, link string, p netip.Prefix) error {
	k.assumed()
	return k.world.Assume(ctx, link, p)
}
