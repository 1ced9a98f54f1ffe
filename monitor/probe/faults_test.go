package probe

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/internal/lab"
)

// What is wrong on the standby's own side is unknown, and never a miss.
func TestOwnFaults(t *testing.T) {
	tests := map[string]struct {
		addr     string
		fail     func(t *testing.T, standby *lab.Host)
		evidence string
	}{
		"no carrier":   {"10.99.0.11", func(t *testing.T, h *lab.Host) { try(t, h.Down()) }, "has no carrier"},
		"switched off": {"10.99.0.11", func(t *testing.T, h *lab.Host) { do(t, h, "link", "set", "eth0", "down") }, "the standby has no route to it"},
		"own address":  {"10.99.0.11", func(t *testing.T, h *lab.Host) { do(t, h, "addr", "add", "10.99.0.11/32", "dev", "eth0") }, onStandby},
		"local route":  {"10.99.0.11", func(t *testing.T, h *lab.Host) { do(t, h, "route", "add", "local", "10.99.0.11", "dev", "lo") }, onStandby},
		"prohibited":   {"10.99.0.11", func(t *testing.T, h *lab.Host) { do(t, h, "route", "add", "prohibit", "10.99.0.11") }, "prohibited"},
		"unreachable":  {"10.99.0.11", func(t *testing.T, h *lab.Host) { do(t, h, "route", "add", "unreachable", "10.99.0.11") }, "no route"},
		"black hole":   {"10.99.0.11", func(t *testing.T, h *lab.Host) { do(t, h, "route", "add", "blackhole", "10.99.0.11") }, "black hole"},
		"own firewall": {"10.99.0.11", func(t *testing.T, h *lab.Host) {
			nft(t, h, "table inet own {\n chain output {\n type filter hook output priority 0;\n icmp type echo-request drop\n }\n }\n")
		}, "firewall"},
		"link deleted, IPv6": {"fe80::fa:ff:fe00:2%eth0", func(t *testing.T, h *lab.Host) { do(t, h, "link", "del", "eth0") }, "no such link"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := lab.New(t)
			standby := w.Host("standby", "10.99.0.20/24")
			w.Host("primary", "10.99.0.11/24")
			s := watching(t, standby, fast("a", tt.addr))
			s.waitFor(t, "answered", 2, is(Answered))
			tt.fail(t, standby)
			unknown := s.waitFor(t, "unknown", 3, is(Unknown))
			for _, r := range unknown[1:] { // The first may be of a ping that was out.
				if !strings.Contains(r.Evidence, tt.evidence) {
					t.Errorf("evidence %q, want %q", r.Evidence, tt.evidence)
				}
			}
			if missed, _ := s.all(is(Missed)); len(missed) > 0 {
				t.Errorf("missed:%s", tailOf(missed))
			}
		})
	}
}

// Without the view of the network the kernel's refusal is enough, and is not
// tried again and again.
func TestRefusedByTheKernel(t *testing.T) {
	for _, kind := range []string{"prohibit", "unreachable", "blackhole"} {
		t.Run(kind, func(t *testing.T) {
			h := lab.New(t).Host("standby", "10.99.0.20/24")
			do(t, h, "route", "add", kind, "10.1.0.1")
			rec := newRecord()
			p := NewPinger(PingerConfig{Deliver: rec.deliver})
			p.Set([]Target{fast("a", "10.1.0.1")})
			keep(t, h, p.Run)
			got := rec.waitFor(t, "unknown", 12, func(r Result) bool {
				return r.Outcome == Unknown && !strings.Contains(r.Evidence, "late")
			})
			// Eleven intervals; on a busy machine the first may be sent late.
			if between := got[11].Sent.Sub(got[0].Sent); between < 700*time.Millisecond {
				t.Errorf("twelve pings within %v: refused ones are tried again", between)
			}
		})
	}
}

// An address that is the standby's own never counts, not even for the moment
// before the address is known to be: the answer of one's own kernel is refused.
func TestOwnAnswerIsNone(t *testing.T) {
	h := lab.New(t).Host("standby", "10.99.0.20/24")
	rec := newRecord()
	p := NewPinger(PingerConfig{Deliver: rec.deliver})
	p.Set([]Target{fast("a", "10.99.0.20"), fast("b", "fe80::fa:ff:fe00:1%eth0")})
	keep(t, h, p.Run)
	rec.waitFor(t, "own addresses judged", 6, func(r Result) bool { return !r.Late })
	if answered, _ := rec.all(is(Answered)); len(answered) > 0 {
		t.Errorf("answered:%s", tailOf(answered))
	}
}

// near gives a target of another address whose beat is a little before one's.
func near(one Target, addr string) Target {
	other := one
	other.Server, other.Addr = "b", netip.MustParseAddr(addr)
	for ; ; other.Path++ {
		if d := phase(one, false) - phase(other, false); d > 50*time.Millisecond && d < 150*time.Millisecond {
			return other
		}
	}
}

// A verdict that comes far too late blames the standby.
func TestVerdictTooLate(t *testing.T) {
	w := lab.New(t)
	standby := w.Host("standby", "10.99.0.20/24")
	w.Host("primary", "10.99.0.11/24")
	reach(t, standby, "10.99.0.11")
	a := Target{Server: "a", Addr: netip.MustParseAddr("10.99.0.11"), Interval: time.Second, Timeout: 300 * time.Millisecond}
	rec := newRecord()
	answers := 0
	p := NewPinger(PingerConfig{Deliver: func(results []Result) {
		rec.deliver(results)
		if results[0].Outcome == Answered {
			if answers++; answers == 2 {
				<-time.After(1700 * time.Millisecond)
			}
		}
	}, Stalled: rec.stalled})
	p.Set([]Target{a, near(a, "10.99.0.99")})
	keep(t, standby, p.Run)
	late := rec.waitFor(t, "the verdict that was late", 1, func(r Result) bool {
		return r.Server == "b" && r.At.Sub(r.Sent) > time.Second && !strings.Contains(r.Evidence, "not sent")
	})[0]
	if late.Outcome != Unknown || !strings.Contains(late.Evidence, "the standby itself was late by") {
		t.Errorf("%v: %s", late.Outcome, late.Evidence)
	}
}

// An answer that the standby had no room for is nobody's miss.
func TestNoRoomForAnswers(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24")
	do(t, primary, "route", "add", "local", "10.64.0.0/16", "dev", "lo")
	do(t, standby, "route", "add", "10.64.0.0/16", "via", "10.99.0.11")
	reach(t, standby, "10.99.0.11")
	rec := newRecord()
	var targets []Target
	for i := range 200 {
		a := netip.AddrFrom4([4]byte{10, 64, 0, byte(i + 1)})
		targets = append(targets, Target{Server: a.String(), Addr: a, Interval: 500 * time.Millisecond, Timeout: 400 * time.Millisecond})
	}
	p := NewPinger(PingerConfig{Deliver: rec.deliver})
	p.Set(targets)
	keep(t, standby, func(ctx context.Context) error {
		return runLoop(ctx, p, func(l *loop) {
			shrunk := false
			l.cfg.Deliver = func(results []Result) {
				rec.deliver(results)
				if !shrunk {
					// Room for two or three.
					shrunk = true
					if err := unix.SetsockoptInt(l.family[0].sockets[0].fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
						panic(err)
					}
				}
			}
		})
	})
	rec.waitFor(t, "no room", 20, func(r Result) bool {
		return r.Outcome == Unknown && strings.Contains(r.Evidence, "no room for an answer")
	})
	if missed, _ := rec.all(func(r Result) bool { return r.Outcome == Missed }); len(missed) > 0 {
		t.Errorf("%d missed:%s", len(missed), tailOf(missed))
	}
}

// runLoop is Run with a look inside.
func runLoop(ctx context.Context, p *Pinger, prepare func(*loop)) error {
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(bell) }()
	rung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(rung)
		_, _ = unix.Write(bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	defer func() {
		if !stop() {
			<-rung
		}
	}()
	l, err := newLoop(p.cfg, bell, p.inbox)
	if err != nil {
		return err
	}
	defer l.close()
	prepare(l)
	return l.run(ctx)
}

// A link that goes away and comes back while a ping is out took the answer with
// it.
func TestLinkFlapWhilePingIsOut(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24")
	got := make(chan struct{}, 8)
	reach(t, standby, "10.99.0.11")
	respond(t, primary, func(net.PacketConn, echo) { got <- struct{}{} })
	s := watching(t, standby, Target{Server: "a", Addr: netip.MustParseAddr("10.99.0.11"), Interval: 3 * time.Second, Timeout: 2 * time.Second})
	s.Now("a")
	<-got
	try(t, standby.Down())
	try(t, standby.Up())
	first := s.waitFor(t, "a verdict", 1, func(Result) bool { return true })[0]
	if first.Outcome != Unknown || !strings.Contains(first.Evidence, "was down while the ping was out") {
		t.Errorf("%v: %s", first.Outcome, first.Evidence)
	}
}

// Sockets that broke are opened again.
func TestSocketIsReopened(t *testing.T) {
	w := lab.New(t)
	standby := w.Host("standby", "10.99.0.20/24")
	w.Host("primary", "10.99.0.11/24")
	rec := newRecord()
	p := NewPinger(PingerConfig{Deliver: rec.deliver})
	p.Set([]Target{fast("a", "10.99.0.11")})
	keep(t, standby, func(ctx context.Context) error {
		return runLoop(ctx, p, func(l *loop) {
			broke := false
			l.cfg.Deliver = func(results []Result) {
				rec.deliver(results)
				if !broke && results[0].Outcome == Answered {
					// The descriptor becomes one of something else.
					broke = true
					if err := unix.Dup2(l.bell, l.family[0].sockets[0].fd); err != nil {
						panic(err)
					}
				}
			}
		})
	})
	rec.waitFor(t, "answered", 5, is(Answered))
	if missed, _ := rec.all(is(Missed)); len(missed) > 0 {
		t.Errorf("missed:%s", tailOf(missed))
	}
}

// nft loads rules on a host.
func nft(t *testing.T, h *lab.Host, rules string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	file := filepath.Join(h.Dir, "rules")
	try(t, os.WriteFile(file, []byte(rules), 0o600))
	if out, err := h.Run(ctx, "/usr/sbin/nft", "-f", file); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
}
