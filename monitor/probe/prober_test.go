package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"failoverd/internal/lab"
	"failoverd/internal/netstate"
)

// street is what the one-question probers are tried in: a standby, a primary
// that serves, one that is silent, and the standby's view of its network.
type street struct {
	standby, primary, silent *lab.Host
	net                      *netstate.Watcher
}

func newStreet(t *testing.T) street {
	w := lab.New(t)
	s := street{w.Host("standby", "10.99.0.20/24"), w.Host("primary", "10.99.0.11/24"), w.Host("silent", "10.99.0.12/24"), nil}
	reach(t, s.standby, "10.99.0.11", "10.99.0.12")
	try(t, s.silent.Unplug())
	try(t, s.standby.Do(func() (err error) { s.net, err = netstate.New(slog.New(slog.DiscardHandler)); return err }))
	keep(t, s.standby, s.net.Run)
	return s
}

// ask puts a question on the standby.
func (s street) ask(t *testing.T, ctx context.Context, p Prober) (r Result) {
	t.Helper()
	try(t, s.standby.Do(func() error { r = p.Probe(ctx); return nil }))
	return r
}

// serve serves HTTP on the primary until the test ends.
func (s street) serve(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	l, err := s.primary.Listen("tcp", "10.99.0.11:80")
	try(t, err)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: patience}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-ended })
}

// TestProbers is what every Prober has to keep.
func TestProbers(t *testing.T) {
	s := newStreet(t)
	s.serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "all is well") })
	const timeout = 300 * time.Millisecond
	question := func(addr string) Question {
		return Question{Server: "a", Name: "asked", Addr: netip.MustParseAddr(addr), Timeout: timeout, Net: s.net}
	}
	kinds := map[string]func(addr string) Prober{
		"ping": func(addr string) Prober { return Ping{Question: question(addr)} },
		"tcp": func(addr string) Prober {
			return TCP{question(addr), netip.AddrPortFrom(netip.MustParseAddr(addr), 80)}
		},
		"http": func(addr string) Prober {
			return HTTP{Question: question(addr), URL: "http://" + addr + "/", Body: "well"}
		},
		"command": func(addr string) Prober {
			script := "case $FAILOVERD_ADDRESS in 10.99.0.11) exit 0;; 10.99.0.12) sleep 60;; *) exit 3;; esac"
			return Command{question(addr), []string{"/bin/sh", "-c", script}}
		},
	}
	for kind, prober := range kinds {
		t.Run(kind, func(t *testing.T) {
			check := func(t *testing.T, addr string, ctx context.Context, want Outcome) Result {
				t.Helper()
				before := others()
				r := s.ask(t, ctx, prober(addr))
				goleak.VerifyNone(t, before...)
				if r.Outcome != want {
					t.Errorf("%v (%s), want %v", r.Outcome, r.Evidence, want)
				}
				if r.Server != "a" || r.Probe != "asked" || r.Path != -1 || r.Evidence == "" || r.Sent.IsZero() || r.At.Before(r.Sent) {
					t.Errorf("incomplete: %+v", r)
				}
				if (r.RTT > 0) != (want == Answered) || r.Late {
					t.Errorf("RTT %v, late %v of a question that was %v", r.RTT, r.Late, r.Outcome)
				}
				return r
			}
			ctx := context.Background()
			t.Run("answers", func(t *testing.T) { check(t, "10.99.0.11", ctx, Answered) })
			t.Run("silent", func(t *testing.T) {
				r := check(t, "10.99.0.12", ctx, Missed)
				if took := r.At.Sub(r.Sent); took < timeout {
					t.Errorf("gave up after %v", took)
				}
			})
			t.Run("broken off", func(t *testing.T) {
				ctx, cancel := context.WithCancel(ctx)
				timer := time.AfterFunc(50*time.Millisecond, cancel)
				defer timer.Stop()
				r := check(t, "10.99.0.12", ctx, Unknown)
				if took := r.At.Sub(r.Sent); took > timeout {
					t.Errorf("ended only after %v", took)
				}
			})
			t.Run("over before it began", func(t *testing.T) {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				check(t, "10.99.0.11", ctx, Unknown)
			})
			if kind == "command" {
				return // It runs, whatever the network is like.
			}
			t.Run("own address", func(t *testing.T) {
				if r := check(t, "10.99.0.20", ctx, Unknown); r.Evidence != onStandby {
					t.Errorf("evidence %q", r.Evidence)
				}
			})
			t.Run("no route", func(t *testing.T) { check(t, "192.0.2.1", ctx, Unknown) })
			t.Run("prohibited", func(t *testing.T) {
				do(t, s.standby, "route", "add", "prohibit", "192.0.2.2")
				defer do(t, s.standby, "route", "del", "prohibit", "192.0.2.2")
				check(t, "192.0.2.2", ctx, Unknown)
			})
			t.Run("own link down", func(t *testing.T) {
				try(t, s.standby.Down())
				waitLink(t, s.net, false)
				check(t, "10.99.0.11", ctx, Unknown)
				try(t, s.standby.Up())
				waitLink(t, s.net, true)
				reach(t, s.standby, "10.99.0.11")
			})
		})
	}
}

// others are the goroutines that are not the question's: those of now, and those
// that the street and the server just start.
func others() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("failoverd/internal/netstate.(*Watcher).Run"),
		goleak.IgnoreAnyFunction("net/http.(*conn).serve"),
		goleak.IgnoreAnyFunction("net/http.(*Server).Serve"),
	}
}

func waitLink(t *testing.T, n *netstate.Watcher, works bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		changed := n.Changed()
		if n.State().Links["eth0"].Works() == works {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatal("the link does not change")
		}
	}
}

// Without the check of the route pro-bing would go round for ever.
func TestPingEndsWhenSendingIsProhibited(t *testing.T) {
	s := newStreet(t)
	do(t, s.standby, "route", "add", "prohibit", "192.0.2.2")
	before := others()
	r := s.ask(t, context.Background(), Ping{Question: Question{Addr: netip.MustParseAddr("192.0.2.2"), Timeout: 10 * time.Second}})
	goleak.VerifyNone(t, before...)
	if took := r.At.Sub(r.Sent); r.Outcome != Unknown || !strings.Contains(r.Evidence, "prohibited") || took > 5*time.Second {
		t.Errorf("%v after %v: %s", r.Outcome, took, r.Evidence)
	}
}

func TestPingSourceAndInterface(t *testing.T) {
	s := newStreet(t)
	do(t, s.standby, "address", "add", "10.99.0.10/32", "dev", "eth0")
	wire := s.standby.Capture()
	q := Question{Addr: netip.MustParseAddr("10.99.0.11"), Timeout: time.Second}
	source := netip.MustParseAddr("10.99.0.10")
	r := s.ask(t, context.Background(), Ping{Question: q, Source: source, Interface: "eth0"})
	if r.Outcome != Answered || r.Probe != "ping 10.99.0.11" {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f, err := wire.WaitFor(ctx, func(f lab.Frame) bool { return f.ICMP != nil && f.ICMP.Echo() })
	try(t, err)
	if f.ICMP.Src != source {
		t.Errorf("asked from %v", f.ICMP.Src)
	}
	for _, p := range []Ping{{Question: q, Source: netip.MustParseAddr("10.99.0.77")}, {Question: q, Interface: "eth9"}} {
		if r := s.ask(t, context.Background(), p); r.Outcome != Unknown {
			t.Errorf("source %v, interface %q: %v (%s)", p.Source, p.Interface, r.Outcome, r.Evidence)
		}
	}
}

func TestRefusedConnection(t *testing.T) {
	s := newStreet(t)
	q := Question{Addr: netip.MustParseAddr("10.99.0.11"), Timeout: time.Second, Net: s.net}
	for _, p := range []Prober{
		TCP{q, netip.MustParseAddrPort("10.99.0.11:81")},
		HTTP{Question: q, URL: "http://10.99.0.11:81/"},
	} {
		if r := s.ask(t, context.Background(), p); r.Outcome != Missed || !strings.Contains(r.Evidence, "refuses the connection") {
			t.Errorf("%T: %v (%s)", p, r.Outcome, r.Evidence)
		}
	}
}

func TestHTTP(t *testing.T) {
	s := newStreet(t)
	s.serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/ok":
			fmt.Fprint(w, "fine")
		case "/far":
			_, _ = io.WriteString(w, strings.Repeat(".", maxBody)+"fine")
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat(".", 4096)); err != nil {
					return
				}
			}
		case "/drip":
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, ".")
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(20 * time.Millisecond):
				}
			}
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	for name, tt := range map[string]struct {
		path, body string
		status     int
		want       Outcome
		evidence   string
	}{
		"as wanted":             {"/ok", "fine", 200, Answered, "200 OK"},
		"status by default":     {"/ok", "", 0, Answered, "200 OK"},
		"redirect not followed": {"/moved", "", 0, Missed, "status 302 Found, wanted is 200 OK"},
		"redirect wanted":       {"/moved", "", 302, Answered, "302 Found"},
		"other status":          {"/x", "", 200, Missed, "status 503 Service Unavailable"},
		"other body":            {"/ok", "superb", 200, Missed, `does not contain "superb"`},
		"too far in the body":   {"/far", "fine", 200, Missed, "does not contain"},
		"endless body":          {"/endless", "fine", 200, Missed, "does not contain"},
		"body that drips":       {"/drip", "fine", 200, Missed, "no answer from"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.ask(t, context.Background(), HTTP{
				Question: Question{Timeout: 500 * time.Millisecond, Net: s.net},
				URL:      "http://10.99.0.11" + tt.path, Status: tt.status, Body: tt.body,
			})
			if r.Outcome != tt.want || !strings.Contains(r.Evidence, tt.evidence) {
				t.Errorf("%v (%s), want %v (%s)", r.Outcome, r.Evidence, tt.want, tt.evidence)
			}
			if r.Addr != netip.MustParseAddr("10.99.0.11") {
				t.Errorf("address %v", r.Addr)
			}
		})
	}
	for _, url := range []string{"http://primary.example/", "ftp://10.99.0.11/", "http://10.99.0.11:99999/", "://"} {
		if r := s.ask(t, context.Background(), HTTP{Question: Question{Timeout: time.Second}, URL: url}); r.Outcome != Unknown {
			t.Errorf("%s: %v (%s)", url, r.Outcome, r.Evidence)
		}
	}
}

func TestCommand(t *testing.T) {
	q := Question{Server: "voice1", Name: "line", Addr: netip.MustParseAddr("10.99.0.11"), Timeout: 400 * time.Millisecond}
	for name, tt := range map[string]struct {
		script   string
		want     Outcome
		evidence string
	}{
		"status 0":         {"echo fine", Answered, "exit status 0: fine"},
		"status 7":         {"echo broken >&2; exit 7", Missed, "exit status 7: broken"},
		"environment":      {`test "$(env | grep -v ^_= | grep -v ^PWD= | grep -v ^SHLVL= | cut -d= -f1 | sort | tr '\n' ' ')" = "FAILOVERD_ADDRESS FAILOVERD_SERVER PATH " && echo $FAILOVERD_SERVER $FAILOVERD_ADDRESS`, Answered, "voice1 10.99.0.11"},
		"too slow":         {"echo begun; sleep 60", Missed, "not finished within 400ms: begun"},
		"killed by others": {"kill -SEGV $$", Unknown, "ended by a signal: segmentation fault"},
		"much output":      {"head -c 1000000 /dev/zero | tr '\\0' x; echo the end; exit 1", Missed, "xxthe end"},
		"leaves a child":   {"sleep 61 & exit 0", Answered, "exit status 0"},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			r := Command{q, []string{"/bin/sh", "-c", tt.script}}.Probe(context.Background())
			goleak.VerifyNone(t, before)
			if r.Outcome != tt.want || !strings.Contains(strings.ReplaceAll(r.Evidence, "\n", ""), tt.evidence) {
				t.Errorf("%v (%s), want %v (%s)", r.Outcome, r.Evidence, tt.want, tt.evidence)
			}
			if len(r.Evidence) > maxOutput+100 {
				t.Errorf("evidence of %d bytes", len(r.Evidence))
			}
		})
	}
	if r := (Command{q, []string{"/nowhere/at/all"}}).Probe(context.Background()); r.Outcome != Unknown {
		t.Errorf("a command that does not exist: %v (%s)", r.Outcome, r.Evidence)
	}
	if r := (Command{Question: q}).Probe(context.Background()); r.Outcome != Unknown {
		t.Errorf("no command: %v (%s)", r.Outcome, r.Evidence)
	}
}

// The whole group goes at the time-out, not only the shell.
func TestCommandKillsItsGroup(t *testing.T) {
	r, w, err := os.Pipe()
	try(t, err)
	defer func() { _ = r.Close() }()
	dir := t.TempDir()
	fifo := dir + "/alive"
	try(t, syscall.Mkfifo(fifo, 0o600))
	_ = w.Close()
	// The grandchild holds the fifo open for as long as it lives.
	opened := make(chan error, 1)
	go func() {
		f, err := os.Open(fifo)
		if err == nil {
			_, err = io.ReadAll(f)
			err = errors.Join(err, f.Close())
		}
		opened <- err
	}()
	q := Question{Timeout: 300 * time.Millisecond}
	got := Command{q, []string{"/bin/sh", "-c", "(exec sleep 62 >" + fifo + ") & wait"}}.Probe(context.Background())
	if got.Outcome != Missed {
		t.Errorf("%v (%s)", got.Outcome, got.Evidence)
	}
	select {
	case err := <-opened:
		try(t, err)
	case <-time.After(patience):
		t.Error("the grandchild lives on")
	}
}
