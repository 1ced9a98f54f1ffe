package probe

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"failoverd/internal/lab"
	"failoverd/internal/netstate"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	os.Exit(lab.Main(m))
}

// patience is how long a test waits for what must come; nothing is measured by it.
const patience = 20 * time.Second

// record keeps what a Pinger or a Schedule delivered.
type record struct {
	mu      sync.Mutex
	results []Result
	stalls  []time.Duration
	changed chan struct{}
}

func newRecord() *record { return &record{changed: make(chan struct{})} }

func (r *record) deliver(results []Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, results...)
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *record) stalled(gap time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stalls = append(r.stalls, gap)
}

// all is what was delivered so far and satisfies pred.
func (r *record) all(pred func(Result) bool) (found []Result, changed <-chan struct{}) {
	results, changed := r.snapshot()
	for _, res := range results {
		if pred(res) {
			found = append(found, res)
		}
	}
	return found, changed
}

// snapshot is everything so far. It is only ever appended to, so that it can be
// looked through without holding up the delivery.
func (r *record) snapshot() ([]Result, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.results[:len(r.results):len(r.results)], r.changed
}

// waitFor waits for n results that satisfy pred.
func (r *record) waitFor(t *testing.T, what string, n int, pred func(Result) bool) []Result {
	t.Helper()
	deadline := time.After(patience)
	var found []Result
	for seen := 0; ; {
		results, changed := r.snapshot()
		for ; seen < len(results); seen++ {
			if pred(results[seen]) {
				if found = append(found, results[seen]); len(found) == n {
					return found
				}
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s: saw %d of %d; the last of all %d are %s", what, len(found), n, len(results), tailOf(results))
		}
	}
}

func tailOf(results []Result) (s string) {
	for _, r := range results[max(0, len(results)-8):] {
		s += fmt.Sprintf("\n%s %v late=%v %s", r.Probe, r.Outcome, r.Late, r.Evidence)
	}
	return s
}

func is(o Outcome) func(Result) bool { return func(r Result) bool { return r.Outcome == o && !r.Late } }

// stand is a standby at work.
type stand struct {
	*Pinger
	*record
	net *netstate.Watcher
}

// watching starts a Pinger with these targets on a host, until the test ends.
func watching(t *testing.T, h *lab.Host, targets ...Target) *stand {
	t.Helper()
	s := &stand{record: newRecord()}
	log := slog.New(slog.DiscardHandler)
	if err := h.Do(func() (err error) { s.net, err = netstate.New(log); return err }); err != nil {
		t.Fatal(err)
	}
	s.Pinger = NewPinger(PingerConfig{Net: s.net, Deliver: s.deliver, Stalled: s.stalled, Log: log})
	s.Set(targets)
	keep(t, h, s.net.Run)
	keep(t, h, s.Run)
	return s
}

// keep runs something on a host until the test ends.
func keep(t *testing.T, h *lab.Host, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Do(func() error { return run(ctx) }) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Error("run does not end")
		}
	})
}

// fast is a target with the thresholds of a quick takeover.
func fast(server, addr string) Target {
	return Target{Server: server, Addr: netip.MustParseAddr(addr), Interval: 100 * time.Millisecond, Timeout: 90 * time.Millisecond}
}

// echo is an echo request that a responder got.
type echo struct {
	number int // counted from 1
	from   *net.IPAddr
	*icmp.Echo
}

// respond lets a host answer pings by itself instead of by its kernel. answer
// is called for each echo request, in order, and sends what it likes.
func respond(t *testing.T, h *lab.Host, answer func(c net.PacketConn, e echo)) net.PacketConn {
	t.Helper()
	if err := h.Sysctl("net/ipv4/icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	c, err := h.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 1500)
		for number := 1; ; {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			m, err := icmp.ParseMessage(1, append([]byte(nil), b[:n]...))
			if err != nil || m.Type != ipv4.ICMPTypeEcho {
				continue
			}
			answer(c, echo{number, from.(*net.IPAddr), m.Body.(*icmp.Echo)})
			number++
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-ended
	})
	return c
}

// reply answers an echo request, changed by the edits.
func (e echo) reply(c net.PacketConn, edits ...func(*icmp.Echo)) {
	body := *e.Echo
	body.Data = append([]byte(nil), e.Data...)
	for _, edit := range edits {
		edit(&body)
	}
	m := icmp.Message{Type: ipv4.ICMPTypeEchoReply, Body: &body}
	b, err := m.Marshal(nil)
	if err != nil {
		return
	}
	// The test sees by the outcome whether it arrived.
	_, _ = c.WriteTo(b, e.from)
}

// do runs ip on a host.
func do(t *testing.T, h *lab.Host, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if out, err := h.Run(ctx, "ip", args...); err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

// reach waits until addresses answer on a host, so that no ping of the test
// waits for the switch or for ARP.
func reach(t *testing.T, h *lab.Host, addrs ...string) {
	t.Helper()
	for _, a := range addrs {
		ask := Ping{Question: Question{Addr: netip.MustParseAddr(a), Timeout: 200 * time.Millisecond}}
		for give := time.Now().Add(patience); ; {
			var r Result
			if err := h.Do(func() error { r = ask.Probe(context.Background()); return nil }); err != nil {
				t.Fatal(err)
			}
			if r.Outcome == Answered {
				break
			}
			if time.Now().After(give) {
				t.Fatalf("%s does not answer: %s", a, r.Evidence)
			}
		}
	}
}
