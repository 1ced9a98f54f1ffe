package alerts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"failoverd/journal"
)

// HeartbeatConfig says who is told that failoverd lives, so that its silence is heard.
type HeartbeatConfig struct {
	URL     string // shown to nobody: such services know their clients by it
	Method  string // GET or POST
	Every   time.Duration
	Timeout time.Duration
	CAFile  string
	Agent   string
}

// Heartbeat asks a URL again and again, as long as what it watches over is well.
type Heartbeat struct {
	well    func() error // why no heart beats now
	journal *journal.Journal
	log     *slog.Logger
	told    func(ok bool) // of each beat that was due

	mu     sync.Mutex
	config *HeartbeatConfig
	poke   chan struct{}
}

// NewHeartbeat returns a heartbeat that is still; Run makes it beat. A nil configuration is none.
func NewHeartbeat(c *HeartbeatConfig, well func() error, told func(ok bool), j *journal.Journal, log *slog.Logger) *Heartbeat {
	return &Heartbeat{well: well, journal: j, log: log, told: told, config: c, poke: make(chan struct{}, 1)}
}

// Use replaces the configuration.
func (h *Heartbeat) Use(c *HeartbeatConfig) {
	h.mu.Lock()
	h.config = c
	h.mu.Unlock()
	select {
	case h.poke <- struct{}{}:
	default: // It has been told already.
	}
}

// using is the configuration in force.
func (h *Heartbeat) using() *HeartbeatConfig {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.config
}

// Run beats until ctx ends. A beat that hangs ends with its time-out, and the next one comes at its own time.
func (h *Heartbeat) Run(ctx context.Context) error {
	failing := false
	for {
		c := h.using()
		pause := time.Hour
		if c != nil {
			pause = c.Every
			begun := time.Now()
			err := h.beat(ctx, *c)
			if ctx.Err() != nil {
				return nil
			}
			h.told(err == nil)
			if (err != nil) != failing {
				failing = err != nil
				h.say(ctx, err)
			}
			pause = max(pause-time.Since(begun), 0)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-h.poke:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// say writes into the history that the heart beats no longer, or again.
func (h *Heartbeat) say(ctx context.Context, err error) {
	e := journal.Event{
		Time: time.Now(), Kind: "heartbeat.ok", Severity: journal.Info, Actor: journal.Actor{Kind: "system", Name: "failoverd"},
		Message: "the heartbeat is heard again", Reason: "it was answered",
	}
	if err != nil {
		e.Kind, e.Severity, e.Message, e.Reason = "heartbeat.failed", journal.Warning, "the heartbeat is not heard", err.Error()
		h.log.Warn(e.Message, "err", err)
	}
	if _, err := h.journal.Commit(ctx, journal.Batch{Events: []journal.Event{e}}); err != nil && ctx.Err() == nil {
		h.log.Error("write down how the heartbeat fares", "err", err)
	}
}

// beat is one beat: heard if it is answered by a status of 2xx.
func (h *Heartbeat) beat(ctx context.Context, c HeartbeatConfig) error {
	if err := h.well(); err != nil {
		return fmt.Errorf("held back: %w", err)
	}
	target, err := url.Parse(c.URL)
	if err != nil {
		return errors.New("the address of the heartbeat cannot be understood")
	}
	trust, err := authorities(c.CAFile)
	if err != nil {
		return fmt.Errorf("read the heartbeat's authority: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, c.Method, c.URL, nil)
	if err != nil {
		return errors.New("the address of the heartbeat cannot be asked")
	}
	request.Header.Set("User-Agent", c.Agent)
	client := plainClient(&tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12})
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("heartbeat at %s: %w", target.Host, unwrapped(ctx, err))
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, answerBody)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("heartbeat at %s: %s", target.Host, response.Status)
	}
	return nil
}
