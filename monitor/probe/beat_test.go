package probe

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"failoverd/internal/lab"
)

// Slow answers, misses, a reload, and a receiver that holds every beat up move
// no later ping.
func TestBeatIsKept(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24")
	reach(t, standby, "10.99.0.11")
	respond(t, primary, func(c net.PacketConn, e echo) {
		if e.number%2 == 0 {
			timer := time.AfterFunc(70*time.Millisecond, func() { e.reply(c) })
			t.Cleanup(func() { timer.Stop() })
		}
	})
	wire := standby.Capture()
	rec := newRecord()
	p := NewPinger(PingerConfig{Deliver: func(results []Result) {
		rec.deliver(results)
		if results[0].Outcome == Missed {
			// Past the next beat, which comes 10 ms after the time-out.
			<-time.After(40 * time.Millisecond)
		}
	}})
	p.Set([]Target{fast("a", "10.99.0.11")})
	keep(t, standby, p.Run)
	rec.waitFor(t, "results", 15, func(Result) bool { return true })
	p.Set([]Target{fast("b", "10.99.0.98"), fast("a", "10.99.0.11")})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	const pings = 40
	frames, err := wire.WaitForN(ctx, pings, func(f lab.Frame) bool {
		return f.ICMP != nil && f.ICMP.Echo() && f.ICMP.Dst == netip.MustParseAddr("10.99.0.11")
	})
	try(t, err)
	// Every second ping is held up by 30 ms. Were that passed on, the pings
	// would come to lie anywhere in the interval; as it is, they lie close
	// together, but for some on a busy machine.
	const interval, arc = 100 * time.Millisecond, 50 * time.Millisecond
	best := 0
	for _, start := range frames {
		within := 0
		for _, f := range frames {
			off := f.At.Sub(start.At) % interval
			if off < 0 {
				off += interval
			}
			if off < arc {
				within++
			}
		}
		best = max(best, within)
	}
	if best < pings*8/10 {
		t.Errorf("only %d of %d pings are on one beat", best, pings)
	}
	if took := frames[pings-1].At.Sub(frames[0].At); took < (pings-2)*interval {
		t.Errorf("%d pings within %v", pings, took)
	}
}

// A reload keeps the ping that is out, and drops that of a target that is gone.
func TestSetKeepsPendingPings(t *testing.T) {
	w := lab.New(t)
	standby := w.Host("standby", "10.99.0.20/24")
	primary := w.Host("primary", "10.99.0.11/24", lab.Address("10.99.0.12/24"))
	slow := func(server, addr string) Target {
		return Target{Server: server, Addr: netip.MustParseAddr(addr), Interval: time.Hour, Timeout: 10 * time.Second}
	}
	out, release := make(chan struct{}, 2), make(chan struct{})
	reach(t, standby, "10.99.0.11", "10.99.0.12")
	respond(t, primary, func(c net.PacketConn, e echo) {
		out <- struct{}{}
		<-release
		e.reply(c)
	})
	_ = primary
	s := watching(t, standby, slow("a", "10.99.0.11"))
	s.Now("a")
	<-out
	s.Set([]Target{slow("b", "10.99.0.12"), slow("a", "10.99.0.11")})
	close(release)
	if got := s.waitFor(t, "answered", 1, is(Answered))[0]; got.Server != "a" {
		t.Errorf("answered %+v", got)
	}
}

// Our own lateness is not the target's: an answer that the kernel had in time
// counts, whenever it is read.
func TestReadLateIsNotLate(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24")
	reach(t, standby, "10.99.0.11")
	respond(t, primary, func(c net.PacketConn, e echo) {
		timer := time.AfterFunc(300*time.Millisecond, func() { e.reply(c) })
		t.Cleanup(func() { timer.Stop() })
	})
	// Two targets whose beats lie so close that one's ping is out when the
	// other's answer is delivered.
	target := func(path int) Target {
		return Target{Server: "a", Path: path, Addr: netip.MustParseAddr("10.99.0.11"), Interval: time.Second, Timeout: 900 * time.Millisecond}
	}
	targets := []Target{target(0)}
	for path := 1; len(targets) < 2; path++ {
		if d := phase(target(path), false) - phase(targets[0], false); d > 50*time.Millisecond && d < 150*time.Millisecond {
			targets = append(targets, target(path))
		}
	}
	rec := newRecord()
	held := false
	p := NewPinger(PingerConfig{Deliver: func(results []Result) {
		rec.deliver(results)
		if !held && results[0].Path == 0 && results[0].Outcome == Answered {
			held = true
			<-time.After(1200 * time.Millisecond)
		}
	}})
	p.Set(targets)
	keep(t, standby, p.Run)
	read := rec.waitFor(t, "the answer that was read late", 1, func(r Result) bool { return r.Path != 0 && r.At.Sub(r.Sent) > time.Second })[0]
	if read.Outcome != Answered || read.Late || read.RTT > 900*time.Millisecond {
		t.Errorf("read %v after it was asked for: %v, late %v, RTT %v (%s)", read.At.Sub(read.Sent), read.Outcome, read.Late, read.RTT, read.Evidence)
	}
}

func TestNowAsksEveryPath(t *testing.T) {
	w := lab.New(t)
	standby := w.Host("standby", "10.99.0.20/24")
	w.Host("primary", "10.99.0.11/24", lab.Address("10.99.0.12/24"))
	target := func(server string, path int, addr string) Target {
		return Target{Server: server, Path: path, Addr: netip.MustParseAddr(addr), Interval: time.Hour, Timeout: time.Second}
	}
	reach(t, standby, "10.99.0.11", "10.99.0.12")
	s := watching(t, standby, target("a", 0, "10.99.0.11"), target("a", 1, "10.99.0.12"), target("b", 0, "10.99.0.11"))
	s.Now("a")
	got := s.waitFor(t, "answered", 2, is(Answered))
	if got[0].Server != "a" || got[1].Server != "a" || got[0].Path == got[1].Path {
		t.Errorf("answered:%s", tailOf(got))
	}
}
