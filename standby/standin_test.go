package standby

import (
	"testing"
	"time"
)

func TestAClaimIsAlertedAndDefended(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.standsIn("pbx", pbx)
		w.pass(10 * time.Second)
		w.done()
		w.set(func() { w.wire[pbx] = badMAC })
		w.pass(10 * time.Second)
		if got := count(w.mails(), "address.conflict"); got != 1 {
			t.Errorf("address.conflict was mailed %d times", got)
		}
		if got := count(w.done(), "announce 192.168.11.1"); got < 3 || got > 11 {
			t.Errorf("announced %d times in ten seconds of defence", got)
		}
		w.set(func() { delete(w.wire, pbx) })
		w.pass(30 * time.Second)
		if got := w.happened("address.cleared"); got != 1 {
			t.Errorf("address.cleared %d times, want 1", got)
		}
	})
}

func TestWhatIsHeldIsLookedAfter(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.standsIn("pbx", pbx)
		w.set(func() { delete(w.held, pbx) })
		w.tell()
		w.pass(time.Second)
		if !w.holds(pbx) || count(w.mails(), "address.restored") != 1 {
			t.Errorf("an address that somebody removed: held %t, mails %v", w.holds(pbx), w.mails())
		}
		w.set(func() { delete(w.running, "pbx") })
		w.pass(10 * time.Second)
		if !w.runs("pbx") || count(w.mails(), "standin.died") != 1 {
			t.Errorf("a stand-in that died: runs %t, mails %v", w.runs("pbx"), w.mails())
		}
	})
}

func TestADefaultRouteThatGoesTakesNothingAway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx))
		w.conf.Standby.Interface = ""
		w.start()
		w.standsIn("pbx", pbx)
		w.set(func() { w.noRoute = true })
		w.tell()
		w.pass(10 * time.Second)
		w.set(func() { w.wire[pbx] = badMAC })
		w.pass(10 * time.Second)
		if got := w.happened("address.conflict"); got != 1 {
			t.Errorf("without a default route a foreign holder was noticed %d times, want once", got)
		}
		if _, err := w.s.Release(t.Context(), "pbx", by("")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if w.holds(pbx) {
			t.Error("the address is still held after the release")
		}
	})
}
