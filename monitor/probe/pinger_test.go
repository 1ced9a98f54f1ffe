package probe

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/net/icmp"

	"failoverd/internal/lab"
)

func TestAnsweredAndMissed(t *testing.T) {
	w := lab.New(t)
	standby := w.Host("standby", "10.99.0.20/24", lab.IPv6("fd00::20/64"))
	primary := w.Host("primary", "10.99.0.11/24", lab.IPv6("fd00::11/64"))
	s := watching(t, standby, fast("a", "10.99.0.11"), fast("b", "fd00::11"), fast("c", "fe80::fa:ff:fe00:2%eth0"), fast("d", "10.99.0.99"))
	for _, server := range []string{"a", "b", "c"} {
		got := s.waitFor(t, server+" answered", 3, func(r Result) bool { return r.Server == server && r.Outcome == Answered })
		for _, r := range got {
			if r.RTT <= 0 || r.RTT > 90*time.Millisecond || r.At.Before(r.Sent) || r.Path != 0 || !strings.HasPrefix(r.Probe, "ping ") {
				t.Errorf("answered: %+v", r)
			}
		}
	}
	missed := s.waitFor(t, "nobody missed", 3, func(r Result) bool { return r.Server == "d" && r.Outcome == Missed })
	if missed[0].Evidence != "no answer within 90ms" {
		t.Errorf("evidence %q", missed[0].Evidence)
	}
	if err := primary.Sysctl("net/ipv4/icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	s.waitFor(t, "a missed", 3, func(r Result) bool { return r.Server == "a" && r.Outcome == Missed })
	if err := primary.Sysctl("net/ipv4/icmp_echo_ignore_all", "0"); err != nil {
		t.Fatal(err)
	}
	before, _ := s.all(func(r Result) bool { return r.Server == "a" && r.Outcome == Answered })
	s.waitFor(t, "a answered again", len(before)+1, func(r Result) bool { return r.Server == "a" && r.Outcome == Answered })
	if wrong, _ := s.all(is(Unknown)); len(wrong) > 0 {
		t.Errorf("unknown:%s", tailOf(wrong))
	}
}

// An answer that comes after the time-out is late, and neither an answer nor a second miss.
func TestLateAnswer(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24")
	reach(t, standby, "10.99.0.11")
	respond(t, primary, func(c net.PacketConn, e echo) {
		if e.number == 2 {
			timer := time.AfterFunc(140*time.Millisecond, func() { e.reply(c) })
			t.Cleanup(func() { timer.Stop() })
			return
		}
		e.reply(c)
	})
	s := watching(t, standby, fast("a", "10.99.0.11"))
	late := s.waitFor(t, "late", 1, func(r Result) bool { return r.Late })[0]
	s.waitFor(t, "answered", 4, is(Answered))
	missed, _ := s.all(is(Missed))
	if len(missed) != 1 {
		t.Fatalf("%d misses, want 1:%s", len(missed), tailOf(missed))
	}
	if !missed[0].Sent.Equal(late.Sent) || late.Outcome != Missed {
		t.Errorf("late %+v, missed %+v", late, missed[0])
	}
	if late.RTT < 140*time.Millisecond || !strings.HasPrefix(late.Evidence, "answered only after 1") {
		t.Errorf("late after %v: %s", late.RTT, late.Evidence)
	}
}

// Only the right answer counts, and once: right address, identifier, sequence
// and token.
func TestForeignAnswers(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24", lab.Address("10.99.0.12/24"))
	elsewhere, err := primary.ListenPacket("ip4:icmp", "10.99.0.12")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = elsewhere.Close() })
	frauds := []func(c net.PacketConn, e echo){
		func(_ net.PacketConn, e echo) { e.reply(elsewhere) },
		func(c net.PacketConn, e echo) { e.reply(c, func(m *icmp.Echo) { m.ID ^= 1 }) },
		func(c net.PacketConn, e echo) { e.reply(c, func(m *icmp.Echo) { m.Seq ^= 1 }) },
		func(c net.PacketConn, e echo) { e.reply(c, func(m *icmp.Echo) { m.Data[8] ^= 1 }) }, // token
		func(c net.PacketConn, e echo) { e.reply(c, func(m *icmp.Echo) { m.Data[7] ^= 1 }) }, // slot
		func(c net.PacketConn, e echo) { e.reply(c, func(m *icmp.Echo) { m.Data[0] ^= 1 }) }, // magic
		func(c net.PacketConn, e echo) { e.reply(c, func(m *icmp.Echo) { m.Data = m.Data[:12] }) },
	}
	reach(t, standby, "10.99.0.11")
	respond(t, primary, func(c net.PacketConn, e echo) {
		if e.number <= len(frauds) {
			frauds[e.number-1](c, e)
			return
		}
		e.reply(c)
		e.reply(c)
	})
	s := watching(t, standby, fast("a", "10.99.0.11"))
	s.waitFor(t, "answered", 3, is(Answered))
	got, _ := s.all(func(Result) bool { return true })
	var outcomes []string
	for _, r := range got[:len(frauds)+3] {
		outcomes = append(outcomes, r.Outcome.String())
	}
	want := append(strings.Split(strings.Repeat("missed ", len(frauds)), " ")[:len(frauds)], "answered", "answered", "answered")
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// The identifier stays while a target answers, changes at the first miss, and
// stays again.
func TestIdentifierChangesAtFirstMiss(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24")
	reach(t, standby, "10.99.0.11")
	respond(t, primary, func(c net.PacketConn, e echo) {
		if e.number <= 3 || e.number > 6 {
			e.reply(c)
		}
	})
	wire := standby.Capture()
	watching(t, standby, fast("a", "10.99.0.11"))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	frames, err := wire.WaitForN(ctx, 9, func(f lab.Frame) bool { return f.ICMP != nil && f.ICMP.Echo() })
	if err != nil {
		t.Fatal(err)
	}
	var ids, seqs []int
	changes := 0
	for i, f := range frames {
		ids, seqs = append(ids, int(f.ICMP.ID)), append(seqs, int(f.ICMP.Seq))
		if i > 0 && ids[i] != ids[i-1] {
			changes++
		}
		if i > 0 && seqs[i] != seqs[i-1]+1 {
			t.Errorf("sequences %v", seqs)
		}
	}
	// The fourth ping is the first miss; on a busy machine the fifth may be out
	// before that is known.
	if changes != 1 || ids[3] != ids[0] || ids[5] == ids[3] {
		t.Errorf("identifiers %v: want one change, after the fourth", ids)
	}
}

func TestRunEndsAndLeavesNothing(t *testing.T) {
	h := lab.New(t).Host("standby", "10.99.0.20/24")
	before := goleak.IgnoreCurrent()
	p := NewPinger(PingerConfig{Deliver: func([]Result) {}, Log: slog.New(slog.DiscardHandler)})
	p.Set([]Target{fast("a", "10.99.0.99")})
	for range 2 { // It may be run again.
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- h.Do(func() error { return p.Run(ctx) }) }()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Fatal("run does not end")
		}
	}
	goleak.VerifyNone(t, before)
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
