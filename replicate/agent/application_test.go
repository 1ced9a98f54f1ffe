package agent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// ct is an application.
type ct struct {
	mu      sync.Mutex
	runs    bool
	starts  int
	stops   int
	refuses error // to start or to stop
	stuck   bool  // it is stopped, and runs
	lame    bool  // it is started, and does not run
}

func (c *ct) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starts++
	c.runs = c.refuses == nil && !c.lame
	return c.refuses
}

func (c *ct) Stop(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stops++
	c.runs = c.runs && (c.stuck || c.refuses != nil)
	return c.refuses
}

func (c *ct) Running(context.Context) (bool, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs, map[bool]string{true: "active", false: "dead"}[c.runs], nil
}

// nothingHeld is a host on which nothing is held.
func nothingHeld() error { return nil }

// TestTheApplicationIsStarted: the standby asks whether it runs, and has it started; one that runs is left alone.
func TestTheApplicationIsStarted(t *testing.T) {
	app := &ct{}
	b := newBed(t, func(c *ServerConfig) {
		c.Services = map[string]Service{ServiceApplication: NewApplication(app, "ct.service", nothingHeld, c.Log)}
	})
	if _, err := b.client.Application(t.Context(), b.at, OrderStart); err == nil || app.starts != 0 {
		t.Errorf("without a pairing: %v, started %d times", err, app.starts)
	}
	b.pair(b.client)
	for _, test := range []struct {
		name, order string
		prepare     func()
		want        ApplicationState
		starts      int
	}{
		{"looked at", OrderLook, func() {}, ApplicationState{What: "ct.service", Evidence: "dead"}, 0},
		{"refuses", OrderStart, func() { app.refuses = errors.New("no\nlicence") }, ApplicationState{What: "ct.service", Evidence: "dead", Error: "nolicence"}, 1},
		{"does not run", OrderStart, func() { app.refuses, app.lame = nil, true }, ApplicationState{What: "ct.service", Evidence: "dead", Error: "it was started, and does not run: dead"}, 2},
		{"started", OrderStart, func() { app.lame = false }, ApplicationState{What: "ct.service", Running: true, Evidence: "active"}, 3},
		{"started again", OrderStart, func() {}, ApplicationState{What: "ct.service", Running: true, Evidence: "active"}, 3},
	} {
		app.mu.Lock()
		test.prepare()
		app.mu.Unlock()
		got, err := b.client.Application(t.Context(), b.at, test.order)
		if err != nil || got != test.want || app.starts != test.starts {
			t.Errorf("%s: %+v, %v; started %d times", test.name, got, err, app.starts)
		}
	}
	if !strings.Contains(b.log.String(), "the application is started") {
		t.Error("the log does not say that it is started")
	}
	for _, order := range []string{"", "hang", "start; reboot"} {
		if _, err := b.client.Application(t.Context(), b.at, order); refusal(err) != BadRequest {
			t.Errorf("%q: %v", order, err)
		}
	}
}

// TestTheApplicationIsStopped: the standby has it stopped; one that does not run is left alone, and one that runs on is told of.
func TestTheApplicationIsStopped(t *testing.T) {
	app := &ct{}
	b := newBed(t, func(c *ServerConfig) {
		c.Services = map[string]Service{ServiceApplication: NewApplication(app, "ct.service", nothingHeld, c.Log)}
	})
	b.pair(b.client)
	for _, test := range []struct {
		name    string
		prepare func()
		want    ApplicationState
		stops   int
	}{
		{"does not run", func() {}, ApplicationState{What: "ct.service", Evidence: "dead"}, 0},
		{"refuses", func() { app.runs, app.refuses = true, errors.New("it hangs") }, ApplicationState{What: "ct.service", Error: "it hangs"}, 1},
		{"runs on", func() { app.refuses, app.stuck = nil, true }, ApplicationState{What: "ct.service", Running: true, Evidence: "active", Error: "it was stopped, and runs: active"}, 2},
		{"stopped", func() { app.stuck = false }, ApplicationState{What: "ct.service", Evidence: "dead"}, 3},
	} {
		app.mu.Lock()
		test.prepare()
		app.mu.Unlock()
		got, err := b.client.Application(t.Context(), b.at, OrderStop)
		if err != nil || got != test.want || app.stops != test.stops {
			t.Errorf("%s: %+v, %v; stopped %d times", test.name, got, err, app.stops)
		}
	}
	if !strings.Contains(b.log.String(), "the application is stopped") {
		t.Error("the log does not say that it is stopped")
	}
}

// TestNoApplication: an agent whose configuration names none starts none.
func TestNoApplication(t *testing.T) {
	b := newBed(t, func(c *ServerConfig) {
		c.Services = map[string]Service{ServiceApplication: NewApplication(nil, "", nothingHeld, slog.New(slog.DiscardHandler))}
	})
	b.pair(b.client)
	for _, order := range []string{OrderLook, OrderStart} {
		if got, err := b.client.Application(t.Context(), b.at, order); err != nil || got != (ApplicationState{}) {
			t.Errorf("%s: %+v, %v", order, got, err)
		}
	}
}
