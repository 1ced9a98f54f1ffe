package standby

import (
	"errors"
	"testing"
	"time"

	"failoverd/monitor/probe"
)

func TestItsOwnCablePulled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx), primary("crm", crm))
		w.conf.Standby.Capacity = 2
		w.start()
		w.pass(5 * time.Second)
		w.link("eth0", false)
		w.dies(pbx)
		w.dies(crm)
		w.dies(gateway)
		w.pass(5 * time.Minute)
		for _, name := range []string{"pbx", "crm"} {
			v := w.of(name)
			if v.State != "Suspect" || v.Hold == nil || v.Hold.Code != "isolated" {
				t.Errorf("%s is %s, hold %+v", name, v.State, v.Hold)
			}
		}
		if got := count(w.mails(), "standby.isolated"); got != 1 {
			t.Errorf("standby.isolated was mailed %d times", got)
		}
		if s := w.s.Snapshot(); s.Standby.Isolated == nil || s.Standby.Interface.Up {
			t.Errorf("the snapshot does not say it: %+v", s.Standby)
		}
		w.link("eth0", true)
		w.returns(gateway)
		w.returns(crm)
		w.pass(9 * time.Second)
		if w.s.Snapshot().Standby.Isolated == nil {
			t.Error("connected before it has settled")
		}
		w.pass(5 * time.Second)
		if w.s.Snapshot().Standby.Isolated != nil || count(w.mails(), "standby.connected") != 1 {
			t.Errorf("not connected: %v", w.mails())
		}
		w.is("crm", "OK", "standing by")
		if v := w.of("pbx"); v.Misses >= 15 || w.holds(pbx) {
			t.Errorf("%d misses: counting did not begin afresh", v.Misses)
		}
		w.pass(time.Minute)
		w.is("pbx", "Failure", "standing in")
	})
}

func TestAnIsolationIsSaidOnceTheJournalCanBeWritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		w.memory.breaks(errors.New("disk full"))
		w.link("eth0", false)
		w.pass(time.Minute)
		w.memory.breaks(nil)
		w.pass(time.Second)
		if got := count(w.mails(), "standby.isolated"); got != 1 {
			t.Errorf("standby.isolated was mailed %d times", got)
		}
		if got := w.happened("standby.link_down"); got != 1 {
			t.Errorf("standby.link_down %d times", got)
		}
	})
}

func TestNobodyAnswersAtAll(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		w.dies(pbx)
		w.dies(gateway)
		w.pass(2 * time.Minute)
		w.is("pbx", "Suspect", "standing by")
		if got := count(w.mails(), "standby.isolated"); got != 1 || w.holds(pbx) {
			t.Errorf("standby.isolated was mailed %d times, holds %t", got, w.holds(pbx))
		}
		// The gateway answers ARP though no pings: that is an answer.
		w.set(func() { w.wire[gateway] = badMAC })
		w.returns(gateway)
		w.pass(2 * time.Minute)
		w.is("pbx", "Failure", "standing in")
	})
}

func TestAnotherGatewayIsAsked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		if got := w.pinger.asks(); len(got) != 2 || got[1] != "witness 192.168.11.254" {
			t.Fatalf("asked: %v", got)
		}
		w.set(func() { w.gateway = crm })
		w.tell()
		w.pass(time.Second)
		if got := w.pinger.asks(); len(got) != 2 || got[1] != "witness 192.168.11.3" {
			t.Errorf("asked: %v, want the new gateway", got)
		}
	})
}

func TestAStallDecidesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(29 * time.Second)
		w.pinger.stalled(time.Minute)
		w.pass(25 * time.Second)
		v := w.of("pbx")
		if w.holds(pbx) || v.Hold == nil || v.Hold.Code != "unsettled" {
			t.Fatalf("holds %t, hold %+v", w.holds(pbx), v.Hold)
		}
		if s := w.s.Snapshot(); s.Standby.Inhibited == nil {
			t.Error("the snapshot does not say that nothing is decided")
		}
		w.pass(10 * time.Second)
		w.is("pbx", "Failure", "standing in")
	})
}

func TestABootSettlesBeforeAnythingIsDecided(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := primary("pbx", pbx)
		c.Ping.FailAfter = 2
		w := newWorld(t, c)
		w.conf.Standby.Settle = time.Minute
		w.bootAt = time.Now()
		w.dies(pbx)
		w.start()
		w.pass(50 * time.Second)
		if v := w.of("pbx"); w.holds(pbx) || v.Hold == nil || v.Hold.Code != "unsettled" {
			t.Fatalf("holds %t, hold %+v", w.holds(pbx), v.Hold)
		}
		w.pass(20 * time.Second)
		w.is("pbx", "Failure", "standing in")
	})
}

// A disk that hangs for long: the loop waits, the pings go on, and what there is
// no room for is not guessed.
func TestObservationsThatHaveNoRoomAreCountedAfresh(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(25 * time.Second)
		release := w.memory.blocks()
		w.pinger.stalled(time.Minute)
		w.pass(time.Second)
		miss := probe.Result{Server: "pbx", Addr: pbx, Outcome: probe.Missed, At: time.Now(), Sent: time.Now()}
		many := make([]probe.Result, 1000)
		for i := range many {
			many[i] = miss
		}
		for range room/len(many) + 10 {
			w.s.results(many)
		}
		w.s.box.mu.Lock()
		heard, lost := w.s.box.heard, w.s.box.lost
		w.s.box.mu.Unlock()
		if heard > room || lost < 9*len(many) {
			t.Errorf("%d wait, %d are lost", heard, lost)
		}
		release()
		w.pass(time.Millisecond)
		if v := w.of("pbx"); v.Misses > 1 || w.holds(pbx) {
			t.Errorf("%d misses, holds %t", v.Misses, w.holds(pbx))
		}
		w.pass(time.Minute)
		w.is("pbx", "Failure", "standing in")
	})
}
