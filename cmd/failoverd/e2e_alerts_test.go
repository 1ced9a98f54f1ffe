package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"failoverd/alerts"
	"failoverd/internal/site"
)

// posted is a receiver of webhooks on the client's host.
type posted struct {
	mu       sync.Mutex
	received []alerts.Notification
}

// listenOn has a receiver listen.
func (p *posted) listenOn(t *testing.T, c *company) {
	t.Helper()
	l, err := c.Client.Listen("tcp", site.ClientAddress+":8080")
	ok(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var n alerts.Notification
		if err == nil {
			err = json.Unmarshal(body, &n)
		}
		if err != nil {
			t.Errorf("what came is no alert: %v", err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.received = append(p.received, n)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
}

// about returns the alerts of a kind.
func (p *posted) about(kind string) []alerts.Notification {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.received), func(n alerts.Notification) bool { return n.Kind != kind })
}

// A failure's webhook arrives after the receiver was away and the daemon has crashed; a command gets what is critical, and
// the end of it; the mails wait for neither.
func TestAlertsByEveryWay(t *testing.T) {
	dir := t.TempDir()
	secret, taken := filepath.Join(dir, "secret"), filepath.Join(dir, "taken")
	ok(t, os.WriteFile(secret, []byte("of the receiver\n"), 0o600))
	c := newCompany(t, site.Options{Alerts: `webhooks:
  - {name: chat, url: "http://` + site.ClientAddress + `:8080/alerts", secret: {file: ` + secret + `}, severity: warning}
commands:
  - {name: sms, command: [/bin/sh, -c, 'echo "$FAILOVERD_ALERT_KIND" >> "$0"', ` + taken + `], severity: critical}`})
	c.start()
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	c.waitMail("takeover.done")
	c.eventually("the receiver that is away to be in the status", func() bool {
		out, _ := c.CLI(t.Context(), "status")
		return strings.Contains(out, "could not be sent") && strings.Contains(out, "webhook:chat")
	})
	ok(t, c.daemon.Kill())
	var receiver posted
	receiver.listenOn(t, c)
	c.launch()
	c.eventually("the webhook", func() bool { return len(receiver.about("takeover.done")) > 0 })
	if n := receiver.about("takeover.done")[0]; n.Server != "pbx" || n.Incident == "" || n.Severity != "critical" {
		t.Errorf("%+v", n)
	}
	c.eventually("the command", func() bool {
		b, _ := os.ReadFile(taken)
		return strings.Contains(string(b), "takeover.done\n")
	})
	contains(t, c.cli(exitDone, "test-alert"), "operator@example.com: accepted", "webhook:chat: accepted", "command:sms: accepted", "POST to "+site.ClientAddress)
	if n := len(receiver.about("alert.test")); n != 1 {
		t.Errorf("%d test alerts, want 1", n)
	}
}

// Nobody acknowledges a failure: they are reminded, and it goes further; then somebody does, and the others are told. It
// survives a crash, and ends with the recovery.
func TestIncidentEndToEnd(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	contains(t, c.cli(exitDone, "incidents"), "No incident is open.")
	ok(t, c.PBX.Die())
	c.waitState("pbx", "Failure", "standing in")
	letter := c.waitMail("takeover.done")
	id := letter.Header.Get("X-Failoverd-Incident")
	contains(t, c.cli(exitDone, "incidents"), id, "NOBODY")
	ok(t, c.daemon.Kill())
	c.launch()
	contains(t, c.cli(exitDone, "ack", "pbx", "--reason", "on my way"), id, "takes care of it")
	told := c.waitMail("incident.acknowledged")
	contains(t, told.Text(), "on my way")
	if told.Header.Get("In-Reply-To") == "" || told.Header.Get("X-Failoverd-Incident") != id {
		t.Errorf("it is not in the thread: %v", told.Header)
	}
	if out := c.cli(exitDone, "incidents"); strings.Contains(out, "NOBODY") {
		t.Errorf("nobody takes care:\n%s", out)
	}
	contains(t, c.cli(exitDone, "audit"), "takes care of it")
	ok(t, c.PBX.Return())
	c.cli(exitDone, "release", "pbx", "--yes", "--reason", "repaired")
	c.waitState("pbx", "OK", "standing by")
	c.eventually("the incident to be over", func() bool {
		out, _ := c.CLI(t.Context(), "incidents")
		return strings.Contains(out, "No incident is open.")
	})
	contains(t, c.cli(exitDone, "incidents", "--all"), id)
	c.cli(exitConflict, "ack", id)
	c.cli(exitNotFound, "ack", "nothing")
}

// While failoverd is well it asks its dead man's switch, by the address that the last reload has given it.
func TestHeartbeatEndToEnd(t *testing.T) {
	c := newCompany(t, site.Options{})
	c.start()
	l, err := c.Client.Listen("tcp", site.ClientAddress+":8081")
	ok(t, err)
	beats := make(chan string, 100)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { beats <- r.Method + " " + r.URL.Path })}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	wait := func(want string) {
		t.Helper()
		for got := ""; got != want; {
			select {
			case got = <-beats:
			case <-c.waiting().Done():
				t.Fatalf("no %s has come", want)
			}
		}
	}
	ok(t, c.Configure(site.Options{Interval: 100 * time.Millisecond, Alerts: `heartbeat: {url: "http://` + site.ClientAddress + `:8081/one", every: 10s, timeout: 5s}`}))
	c.cli(exitDone, "reload")
	wait("GET /one")
	ok(t, c.Configure(site.Options{Interval: 100 * time.Millisecond, Alerts: `heartbeat: {url: "http://` + site.ClientAddress + `:8081/two", method: POST, every: 10s, timeout: 5s}`}))
	c.cli(exitDone, "reload")
	wait("POST /two")
	ok(t, c.daemon.Kill())
	c.launch()
	wait("POST /two")
}
