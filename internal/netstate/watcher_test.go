package netstate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"failoverd/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// watch makes a watcher on a host. It runs until the test ends.
func watch(t *testing.T, h *lab.Host) *Watcher {
	t.Helper()
	w := open(t, h)
	follow(t, h, w)
	return w
}

// open makes a watcher on a host that does not run yet.
func open(t *testing.T, h *lab.Host) (w *Watcher) {
	t.Helper()
	if err := h.Do(func() (err error) { w, err = New(slog.New(slog.DiscardHandler)); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// follow runs a watcher until the test ends.
func follow(t *testing.T, h *lab.Host, w *Watcher) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Do(func() error { return w.Run(ctx) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// waitFor waits until the state is as wanted, only by being told of changes.
func waitFor(t *testing.T, w *Watcher, what string, wanted func(State) bool) State {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		changed := w.Changed()
		if s := w.State(); wanted(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: never seen; the state is %+v", what, w.State())
		}
	}
}

func run(t *testing.T, h *lab.Host, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := h.Run(ctx, "ip", args...); err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

func TestStateAtStart(t *testing.T) {
	h := lab.New(t).Host("standby", "10.99.0.20/24", lab.Gateway("10.99.0.1"), lab.IPv6("fd00::20/64"))
	w := open(t, h)
	s := w.State()
	l := s.Links["eth0"]
	if !l.Works() || l.MAC.String() != h.MAC().String() || l.Index == 0 {
		t.Errorf("link eth0 is %+v", l)
	}
	if !l.Since.IsZero() {
		t.Errorf("eth0 changed at %v, but nothing has changed yet", l.Since)
	}
	if got := s.Addrs[netip.MustParseAddr("10.99.0.20")]; got.Link != "eth0" || got.Prefix.String() != "10.99.0.20/24" {
		t.Errorf("10.99.0.20 is %+v", got)
	}
	if got := s.Addrs[netip.MustParseAddr("fd00::20")]; got.Link != "eth0" {
		t.Errorf("fd00::20 is %+v", got)
	}
	if _, ok := s.Addrs[netip.MustParseAddr("127.0.0.1")]; !ok {
		t.Errorf("127.0.0.1 is not among %v", s.Addrs)
	}
	if s.Gateway4 != netip.MustParseAddr("10.99.0.1") || s.DefaultLink != "eth0" || s.Gateway6.IsValid() {
		t.Errorf("gateways %v and %v by %q", s.Gateway4, s.Gateway6, s.DefaultLink)
	}
}

func TestChangesAreTold(t *testing.T) {
	lw := lab.New(t)
	h := lw.Host("standby", "10.99.0.20/24")
	w := watch(t, h)
	service := netip.MustParseAddr("10.99.0.10")

	run(t, h, "address", "add", "10.99.0.10/32", "dev", "eth0", "label", "eth0:fo")
	s := waitFor(t, w, "the added address", func(s State) bool { _, ok := s.Addrs[service]; return ok })
	if got := s.Addrs[service]; got.Label != "eth0:fo" || got.Prefix.Bits() != 32 {
		t.Errorf("the address is %+v", got)
	}
	run(t, h, "address", "del", "10.99.0.10/32", "dev", "eth0")
	waitFor(t, w, "the address gone", func(s State) bool { _, ok := s.Addrs[service]; return !ok })

	run(t, h, "route", "add", "default", "via", "10.99.0.1", "metric", "100")
	waitFor(t, w, "the gateway", func(s State) bool { return s.Gateway4 == netip.MustParseAddr("10.99.0.1") })
	run(t, h, "route", "add", "default", "via", "10.99.0.2", "metric", "50")
	waitFor(t, w, "the better gateway", func(s State) bool { return s.Gateway4 == netip.MustParseAddr("10.99.0.2") })

	before := time.Now()
	if err := h.Down(); err != nil {
		t.Fatal(err)
	}
	s = waitFor(t, w, "no carrier", func(s State) bool { return !s.Links["eth0"].Carrier })
	if l := s.Links["eth0"]; !l.Up || l.Since.Before(before) {
		t.Errorf("without its cable eth0 is %+v", l)
	}
	if err := h.Up(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, w, "carrier", func(s State) bool { return s.Links["eth0"].Works() })
	run(t, h, "link", "set", "eth0", "down")
	waitFor(t, w, "switched off", func(s State) bool { return !s.Links["eth0"].Up })
}

// A flap that is over before the listing is told by Since alone.
func TestFlapBetweenListings(t *testing.T) {
	h := lab.New(t).Host("standby", "10.99.0.20/24")
	w := open(t, h)
	if err := errors.Join(h.Down(), h.Up()); err != nil {
		t.Fatal(err)
	}
	if s := w.State(); !s.Links["eth0"].Works() {
		t.Fatalf("the watcher does not run, and sees %+v", s.Links["eth0"])
	}
	follow(t, h, w)
	waitFor(t, w, "the flap", func(s State) bool { return s.Links["eth0"].Works() && !s.Links["eth0"].Since.IsZero() })
}

func TestEgress(t *testing.T) {
	h := lab.New(t).Host("standby", "10.99.0.20/24")
	w := watch(t, h)
	for _, args := range [][]string{{"prohibit", "10.1.0.1"}, {"unreachable", "10.1.0.2"}, {"blackhole", "10.1.0.3"}, {"local", "10.1.0.4", "dev", "lo"}} {
		generation := w.State().Generation
		run(t, h, append([]string{"route", "add"}, args...)...)
		waitFor(t, w, "a new generation", func(s State) bool { return s.Generation > generation })
	}
	for _, tt := range []struct {
		dst   string
		link  string
		local bool
		err   error
	}{
		{dst: "10.99.0.7", link: "eth0"},
		{dst: "10.99.0.20", link: "eth0", local: true},
		{dst: "127.0.0.1", link: "lo", local: true},
		{dst: "10.1.0.4", link: "lo", local: true},
		{dst: "192.0.2.1", err: unix.ENETUNREACH},
		{dst: "10.1.0.1", err: unix.EACCES},
		{dst: "10.1.0.2", err: unix.EHOSTUNREACH},
		{dst: "10.1.0.3", err: unix.EINVAL},
		{dst: "fe80::1%eth0", link: "eth0"},
		{dst: "fe80::1%eth9", err: unix.ENODEV},
	} {
		t.Run(tt.dst, func(t *testing.T) {
			for range 2 { // The second answer is from the cache.
				link, local, err := w.Egress(netip.MustParseAddr(tt.dst))
				if !errors.Is(err, tt.err) || (err != nil) != (tt.err != nil) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				if err == nil && (link != tt.link || local != tt.local) {
					t.Errorf("link %q, local %v; want %q, %v", link, local, tt.link, tt.local)
				}
			}
		})
	}
}

// A route that changes makes the cached answer void.
func TestEgressFollowsRoutes(t *testing.T) {
	h := lab.New(t).Host("standby", "10.99.0.20/24")
	w := watch(t, h)
	dst := netip.MustParseAddr("192.0.2.1")
	if _, _, err := w.Egress(dst); !errors.Is(err, unix.ENETUNREACH) {
		t.Fatalf("error %v, want %v", err, unix.ENETUNREACH)
	}
	generation := w.State().Generation
	run(t, h, "route", "add", "192.0.2.0/24", "via", "10.99.0.1")
	waitFor(t, w, "a new generation", func(s State) bool { return s.Generation > generation })
	if link, local, err := w.Egress(dst); link != "eth0" || local || err != nil {
		t.Errorf("link %q, local %v, error %v", link, local, err)
	}
}

// More messages than the socket holds: they are lost, what they said is not.
func TestOverflow(t *testing.T) {
	h := lab.New(t).Host("standby", "10.99.0.20/24")
	w := open(t, h)
	if err := w.sub.SetReceiveBufferSize(2048, false); err != nil {
		t.Fatal(err)
	}
	last := netip.MustParseAddr("10.98.0.200")
	err := h.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		for i := range 200 {
			addr, err := netlink.ParseAddr(fmt.Sprintf("10.98.0.%d/32", i+1))
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(link, addr); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	overflowed := w.sub
	follow(t, h, w)
	waitFor(t, w, "the last address", func(s State) bool { _, ok := s.Addrs[last]; return ok })
	w.mu.Lock()
	replaced := w.sub != overflowed
	w.mu.Unlock()
	if !replaced {
		t.Error("the subscription is still the one that overflowed")
	}
	// It goes on hearing.
	run(t, h, "address", "add", "10.97.0.1/32", "dev", "eth0")
	waitFor(t, w, "the next address", func(s State) bool { _, ok := s.Addrs[netip.MustParseAddr("10.97.0.1")]; return ok })
}

func TestRunEndsAndLeavesNothing(t *testing.T) {
	h := lab.New(t).Host("standby", "10.99.0.20/24")
	before := goleak.IgnoreCurrent()
	w := open(t, h)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Do(func() error { return w.Run(ctx) }) }()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("run: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("run does not end")
	}
	goleak.VerifyNone(t, before)
}

func TestInterruptedDumpIsAskedAgain(t *testing.T) {
	tries := 0
	got, err := dump("things", func() ([]int, error) {
		if tries++; tries < 3 {
			return []int{1}, netlink.ErrDumpInterrupted
		}
		return []int{1, 2}, nil
	})
	if err != nil || len(got) != 2 || tries != 3 {
		t.Errorf("got %v, %v after %d tries", got, err, tries)
	}
	tries = 0
	got, err = dump("things", func() ([]int, error) { tries++; return []int{1}, netlink.ErrDumpInterrupted })
	if err != nil || len(got) != 1 || tries != dumpTries {
		t.Errorf("always interrupted: got %v, %v after %d tries", got, err, tries)
	}
	if _, err = dump("things", func() ([]int, error) { return nil, unix.EPERM }); !errors.Is(err, unix.EPERM) {
		t.Errorf("error %v, want %v", err, unix.EPERM)
	}
}
