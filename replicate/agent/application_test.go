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
	refuses error // to start
	lame    bool  // it is started, and does not run
}

func (c *ct) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starts++
	c.runs = c.refuses == nil && !c.lame
	return c.refuses
}

func (c *ct) Running(context.Context) (bool, string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs, map[bool]string{true: "active", false: "dead"}[c.runs], nil
}

// TestTheApplicationIsStarted: the standby asks whether it runs, and has it started; one that runs is left alone.
func TestTheApplicationIsStarted(t *testing.T) {
	app := &ct{}
	b := newBed(t, func(c *ServerConfig) {
		c.Services = map[string]Service{ServiceApplication: NewApplication(app, "ct.service", c.Log)}
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
	for _, order := range []string{"", "stop", "start; reboot"} {
		if _, err := b.client.Application(t.Context(), b.at, order); refusal(err) != BadRequest {
			t.Errorf("%q: %v", order, err)
		}
	}
}

// TestNoApplication: an agent whose configuration names none starts none.
func TestNoApplication(t *testing.T) {
	b := newBed(t, func(c *ServerConfig) {
		c.Services = map[string]Service{ServiceApplication: NewApplication(nil, "", slog.New(slog.DiscardHandler))}
	})
	b.pair(b.client)
	for _, order := range []string{OrderLook, OrderStart} {
		if got, err := b.client.Application(t.Context(), b.at, order); err != nil || got != (ApplicationState{}) {
			t.Errorf("%s: %+v, %v", order, got, err)
		}
	}
}
