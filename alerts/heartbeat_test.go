package alerts

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"failoverd/journal"
)

// pulse is a heartbeat under test.
type pulse struct {
	*Heartbeat
	config *HeartbeatConfig
	ill    atomic.Bool
	beats  chan bool // of each beat that was due, whether it was heard
	asked  atomic.Int32
	ended  chan error
	s      *station
}

// newPulse starts a heartbeat to a real server.
func newPulse(t *testing.T, answer http.HandlerFunc) *pulse {
	t.Helper()
	p := &pulse{beats: make(chan bool), ended: make(chan error, 1), s: &station{t: t, dir: t.TempDir()}}
	c := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		answer(w, r)
	})
	p.config = &HeartbeatConfig{URL: c.URL, Method: http.MethodGet, Every: 20 * time.Millisecond, Timeout: 20 * time.Second, CAFile: c.CAFile, Agent: "failoverd/test"}
	p.s.open()
	well := func() error {
		if p.ill.Load() {
			return errors.New("the loop stands still")
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := func(heard bool) {
		select {
		case p.beats <- heard:
		case <-ctx.Done():
		}
	}
	p.Heartbeat = NewHeartbeat(p.config, well, told, p.s.journal, slog.New(slog.NewTextHandler(&p.s.log, nil)))
	go func() { p.ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-p.ended; err != nil {
			t.Errorf("the heartbeat ended: %v", err)
		}
		p.s.journal.Close()
	})
	return p
}

// beat waits for the next beat.
func (p *pulse) beat(t *testing.T, what string, want bool) {
	t.Helper()
	select {
	case heard := <-p.beats:
		if heard != want {
			t.Errorf("%s: heard %t, want %t", what, heard, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: no beat", what)
	}
}

// until waits for a beat of that kind; some may have been under way.
func (p *pulse) until(t *testing.T, what string, want bool) {
	t.Helper()
	for end := time.After(20 * time.Second); ; {
		select {
		case heard := <-p.beats:
			if heard == want {
				return
			}
		case <-end:
			t.Fatalf("%s: no beat with heard %t", what, want)
		}
	}
}

// history is the kinds of what was written down, with why.
func (p *pulse) history(t *testing.T) string {
	t.Helper()
	events, err := p.s.journal.Events(t.Context(), journal.EventQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range events {
		lines = append(lines, e.Kind+": "+e.Reason)
	}
	return strings.Join(lines, "\n")
}

// It beats while all is well, is silent while it is not, and says in the history when that changes, once.
func TestHeartbeat(t *testing.T) {
	var broken atomic.Bool
	p := newPulse(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != webhookPath || r.Header.Get("User-Agent") != "failoverd/test" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		if broken.Load() {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	for range 3 {
		p.beat(t, "all is well", true)
	}
	p.ill.Store(true)
	p.until(t, "ill", false)
	before := p.asked.Load()
	for range 3 {
		p.beat(t, "ill", false)
	}
	if n := p.asked.Load(); n != before {
		t.Errorf("asked %d times while it was ill", n-before)
	}
	broken.Store(true)
	p.ill.Store(false)
	for p.asked.Load() == before {
		p.beat(t, "not answered well", false)
	}
	broken.Store(false)
	p.until(t, "well again", true)
	p.beat(t, "well again", true)
	text := p.history(t)
	if strings.Count(text, "heartbeat.failed: held back: the loop stands still") != 1 || strings.Count(text, "heartbeat.") != 2 || !strings.HasSuffix(text, "heartbeat.ok: it was answered") {
		t.Errorf("history:\n%s", text)
	}
	if strings.Contains(p.s.log.String(), "t0k3n") {
		t.Errorf("the token is in the log:\n%s", p.s.log.String())
	}
}

// Another configuration counts without a restart, also after one that had none.
func TestHeartbeatReload(t *testing.T) {
	methods := make(chan string, 1000)
	p := newPulse(t, func(_ http.ResponseWriter, r *http.Request) { methods <- r.Method })
	p.beat(t, "at first", true)
	p.Use(nil)
	other := *p.config
	other.Method = http.MethodPost
	p.Use(&other)
	for method := ""; method != http.MethodPost; {
		select {
		case method = <-methods:
		case <-p.beats:
		case <-time.After(30 * time.Second):
			t.Fatal("the new configuration is not in force")
		}
	}
}

// A server that hangs, redirects or cannot be trusted has not heard it.
func TestHeartbeatNotHeard(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		change func(*HeartbeatConfig)
		want   string
	}{
		"hangs":     {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(c *HeartbeatConfig) { c.Timeout = 100 * time.Millisecond }, "no answer in time"},
		"redirects": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, func(*HeartbeatConfig) {}, "302 Found"},
		"stranger":  {func(http.ResponseWriter, *http.Request) {}, func(c *HeartbeatConfig) { c.CAFile = "" }, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			c := receiver(t, tt.answer)
			config := HeartbeatConfig{URL: c.URL, Method: http.MethodPost, Timeout: 20 * time.Second, CAFile: c.CAFile}
			tt.change(&config)
			h := NewHeartbeat(nil, func() error { return nil }, func(bool) {}, nil, slog.New(slog.DiscardHandler))
			err := h.beat(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "t0k3n") {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}
