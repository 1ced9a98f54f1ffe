package probe

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/internal/lab"
	"failoverd/internal/netstate"
)

// childEnv makes the test binary a pinger of one address that prints what it
// sees: "ADDRESS INTERVAL TIMEOUT [unprivileged]".
const childEnv = "PROBE_TEST_CHILD"

func childMain() int {
	words := strings.Fields(os.Getenv(childEnv))
	interval, _ := time.ParseDuration(words[1])
	timeout, _ := time.ParseDuration(words[2])
	if len(words) > 3 {
		if err := dropRaw(); err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := NewPinger(PingerConfig{
		Deliver: func(results []Result) {
			for _, r := range results {
				fmt.Println(r.Outcome, r.Evidence)
			}
		},
		Stalled: func(gap time.Duration) { fmt.Println("stalled", gap) },
	})
	p.Set([]Target{{Server: "a", Addr: netip.MustParseAddr(words[0]), Interval: interval, Timeout: timeout}})
	if err := p.Run(ctx); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

// dropRaw executes this process again without CAP_NET_RAW. It returns where that
// has happened, or is not possible.
func dropRaw() error {
	has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_NET_RAW, 0, 0, 0)
	if err != nil || has == 0 {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_NET_RAW, 0, 0, 0); err != nil {
		return err
	}
	return unix.Exec("/proc/self/exe", os.Args, os.Environ())
}

// process is a pinger in a process of its own.
type process struct {
	*exec.Cmd
	lines chan string
}

// pinging starts one on a host until the test ends.
func pinging(t *testing.T, h *lab.Host, args ...string) *process {
	t.Helper()
	cmd := h.Command(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(args, " "))
	out, err := cmd.StdoutPipe()
	try(t, err)
	cmd.Stderr = os.Stderr
	try(t, cmd.Start())
	p := &process{cmd, make(chan string, 10000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = cmd.Wait() // It was killed.
	})
	return p
}

// until reads lines up to the n-th that begins with word, and gives all of them.
func (p *process) until(t *testing.T, word string, n int) (seen []string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("the process ended after %q", seen)
			}
			seen = append(seen, line)
			if strings.HasPrefix(line, word) {
				if n--; n == 0 {
					return seen
				}
			}
		case <-deadline:
			t.Fatalf("no %q among %q", word, seen)
		}
	}
}

// A process that was stopped knows it, and blames nobody for what it did not
// hear meanwhile.
func TestStopped(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24")
	asked := make(chan struct{}, 1000)
	respond(t, primary, func(c net.PacketConn, e echo) {
		asked <- struct{}{}
		timer := time.AfterFunc(150*time.Millisecond, func() { e.reply(c) })
		t.Cleanup(func() { timer.Stop() })
	})
	p := pinging(t, standby, "10.99.0.11", "300ms", "1s")
	p.until(t, "answered", 3)
	// Stopped with a ping out, which is never answered.
	for len(asked) > 0 {
		<-asked
	}
	<-asked
	try(t, p.Process.Signal(syscall.SIGSTOP))
	try(t, primary.Unplug())
	<-time.After(3 * time.Second)
	try(t, primary.Plug())
	try(t, p.Process.Signal(syscall.SIGCONT))
	seen := p.until(t, "stalled", 1)
	seen = append(seen, p.until(t, "answered", 4)...)
	all := strings.Join(seen, "\n")
	if !strings.Contains(all, "unknown the standby itself was stopped for") {
		t.Errorf("the ping that was out is not unknown:\n%s", all)
	}
	if strings.Contains(all, "missed") || strings.Count(all, "stalled") != 1 {
		t.Errorf("want one stall and no miss:\n%s", all)
	}
}

// Where raw sockets are not permitted, datagram ones do, with the identifier
// changed just the same.
func TestDatagramSockets(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24", lab.IPv6("fd00::20/64")), w.Host("primary", "10.99.0.11/24", lab.IPv6("fd00::11/64"))
	p := pinging(t, standby, "10.99.0.11", "100ms", "90ms", "unprivileged")
	if line := p.until(t, "unknown", 1); !strings.Contains(line[0], "the right to open the socket is missing") {
		t.Errorf("without any right: %q", line)
	}
	try(t, standby.Sysctl("net/ipv4/ping_group_range", "0 2147483647"))
	p.until(t, "answered", 3)
	pinging(t, standby, "fd00::11", "100ms", "90ms", "unprivileged").until(t, "answered", 3)

	wire := standby.Capture()
	try(t, primary.Sysctl("net/ipv4/icmp_echo_ignore_all", "1"))
	p.until(t, "missed", 3)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	frames, err := wire.WaitForN(ctx, 5, func(f lab.Frame) bool { return f.ICMP != nil && f.ICMP.Echo() && !f.ICMP.V6 })
	try(t, err)
	if frames[0].ICMP.ID == frames[4].ICMP.ID {
		t.Errorf("the identifier is still %d after the first miss", frames[0].ICMP.ID)
	}
}

// A thousand living targets, and every core kept busy by others.
func TestManyTargetsOnABusyHost(t *testing.T) {
	w := lab.New(t)
	standby, primary := w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24")
	do(t, primary, "route", "add", "local", "10.64.0.0/16", "dev", "lo")
	do(t, standby, "route", "add", "10.64.0.0/16", "via", "10.99.0.11")
	stop := make(chan struct{})
	ended := make(chan struct{})
	hogs := runtime.GOMAXPROCS(0)
	for range hogs {
		go func() {
			defer func() { ended <- struct{}{} }()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	t.Cleanup(func() {
		close(stop)
		for range hogs {
			<-ended
		}
	})
	var targets []Target
	for i := range 1000 {
		a := netip.AddrFrom4([4]byte{10, 64, byte(i / 250), byte(i%250 + 1)})
		targets = append(targets, Target{Server: a.String(), Addr: a, Interval: time.Second, Timeout: time.Second})
	}
	s := watching(t, standby, targets...)
	s.waitFor(t, "answered", 4000, is(Answered))
	if wrong, _ := s.all(func(r Result) bool { return r.Outcome != Answered || r.Late }); len(wrong) > 0 {
		t.Errorf("%d others:%s", len(wrong), tailOf(wrong))
	}
	if len(s.stalls) > 0 {
		t.Errorf("stalled %v", s.stalls)
	}
}

var _ NetState = (*netstate.Watcher)(nil)
