package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"failoverd/journal"
	"failoverd/replicate/agent/discovery"
	"failoverd/status"
)

// What the description of an address and a port allows is what Go reads as one, and the other way round, but for a port of 0 and
// for zeros in front.
func TestEndpointPattern(t *testing.T) {
	pattern := regexp.MustCompile(endpointPattern)
	for text, want := range map[string]bool{
		"192.168.11.21:7443": true, "0.0.0.0:1": true, "255.255.255.255:65535": true, "[::]:80": true, "[::1]:80": true, "[1::]:80": true, "[fe80::1%eth0]:7443": true,
		"[1:2:3:4:5:6:7:8]:9": true, "[1:2:3:4:5:6:7::]:9": true, "[::2:3:4:5:6:7:8]:9": true, "[1::3:4:5:6:7:8]:9": true, "[1:2::8]:9": true, "[a:B::c:D]:59999": true,
		"[::ffff:10.0.0.1]:80": true,
		"":                     false, "10.0.0.1": false, "10.0.0.1:": false, "10.0.0.1:65536": false, "10.0.0.256:80": false, "10.0.0:80": false, "10.0.0.1.1:80": false,
		"010.0.0.1:80": false, "pbx:80": false, "::1:80": false, "[::1]": false, "[1::2::3]:80": false, "[1:2:3:4:5:6:7:8:9]:80": false, "[1:2:3:4:5:6:7]:80": false,
		"[12345::]:80": false, "[fe80::1%]:80": false, "10.0.0.1:+80": false, " 10.0.0.1:80": false, "10.0.0.1:80\n": false, "[10.0.0.1]:80": false,
	} {
		_, err := netip.ParseAddrPort(text)
		if got := pattern.MatchString(text); got != want || (err == nil) != want {
			t.Errorf("%q: the pattern says %t, Go says %v; want %t", text, got, err, want)
		}
	}
	for _, text := range []string{"10.0.0.1:0", "10.0.0.1:080"} {
		if pattern.MatchString(text) {
			t.Errorf("%q is allowed", text)
		}
	}
}

// fakeAgents are agents of which each knows one code.
type fakeAgents struct {
	mu   sync.Mutex
	list []status.Agent
	err  error
}

const goodCode = "7K3M-Q2XV-0T9R-HB4C"

func (f *fakeAgents) Pair(_ context.Context, at netip.AddrPort, code string) (status.Agent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if code != goodCode {
		return status.Agent{}, &status.Refusal{Code: status.PairingFailed, Detail: "the code is wrong", Try: "failoverd agent pair"}
	}
	now := time.Now()
	a := status.Agent{Server: "PBX", Address: at.String(), Paired: true, Name: "pbx\n", Fingerprint: "AB:CD", Version: "1.0", PairedAt: &now}
	f.list = append(f.list, a)
	return a, f.err
}

func (f *fakeAgents) Agents() ([]status.Agent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list, f.err
}

func (f *fakeAgents) Discover(_ context.Context, at netip.AddrPort) (discovery.Found, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at.Port() != 7443 {
		return discovery.Found{}, &status.Refusal{Code: status.AgentSilent, Detail: "no agent is paired at " + at.String(), Try: "failoverd pair"}
	}
	return discovery.Found{
		Name: "pbx", Addresses: []discovery.Address{}, Gateways: []discovery.Gateway{}, Databases: []discovery.Database{},
		SQLite: []discovery.SQLite{}, Trees: []discovery.Tree{{Name: "vm", Directory: "/srv/vm"}}, Backups: []discovery.Backup{}, Gaps: []discovery.Gap{},
	}, f.err
}

func (f *fakeAgents) Propose(found discovery.Found, at netip.Addr) (name, text string) {
	return found.Name, "address: " + at.String() + "\n"
}

func (f *fakeAgents) Fingerprint() string { return "01:02" }

func TestAgentsArePairedAndWrittenDown(t *testing.T) {
	w := startWorld(t, Limits{})
	c := w.client()
	secret := w.token(Admin).Secret
	if list, err := c.Agents(t.Context()); err != nil || list.Agents == nil || len(list.Agents) > 0 || list.Fingerprint != "01:02" {
		t.Errorf("before the pairing: %+v, %v", list, err)
	}
	a, err := c.PairAgent(t.Context(), NewPairing{Address: "10.0.0.1:7443", Code: goodCode, Reason: "new primary"})
	if err != nil || a.Address != "10.0.0.1:7443" || a.Fingerprint != "AB:CD" || !a.Paired {
		t.Fatalf("%+v, %v", a, err)
	}
	if list, err := c.Agents(t.Context()); err != nil || len(list.Agents) != 1 || list.Agents[0].Name != "pbx\n" {
		t.Errorf("after the pairing: %+v, %v", list, err)
	}
	events, err := w.journal.Events(t.Context(), journal.EventQuery{Kind: "audit.agent_paired"})
	if err != nil || len(events) != 1 || events[0].Reason != "new primary" || events[0].Server != "PBX" || events[0].Evidence["fingerprint"] != "AB:CD" ||
		!strings.Contains(events[0].Message, "10.0.0.1:7443") || events[0].Actor.Name == "" {
		t.Errorf("written down: %+v, %v", events, err)
	}
	if strings.Contains(w.log.String(), goodCode) {
		t.Error("the code is in the log")
	}

	for body, code := range map[string]string{
		`{"address":"10.0.0.1:7443","code":"7K3M-Q2XV-0T9R-0000"}`:                       status.PairingFailed,
		`{"address":"pbx.example.com:7443","code":"` + goodCode + `"}`:                   Invalid,
		`{"address":"10.0.0.1:7443","code":"short"}`:                                     Invalid,
		`{"address":"10.0.0.1:7443","code":"` + goodCode + `","reason":"two\nlines"}`:    Invalid,
		`{"address":"10.0.0.1:7443","code":"` + strings.Repeat("0", 65) + `"}`:           Invalid,
		`{"address":"10.0.0.1:7443","code":"` + goodCode + `","fingerprint":"whatever"}`: Invalid,
	} {
		res, answer := w.call(http.MethodPost, "/api/v1/agents/pair", secret, body)
		if !strings.Contains(string(answer), `"code":"`+code+`"`) {
			t.Errorf("%s: %s: %s, want %s", body, res.Status, answer, code)
		}
	}
	if events, err := w.journal.Events(t.Context(), journal.EventQuery{Kind: "audit.agent_paired"}); err != nil || len(events) != 1 {
		t.Errorf("what failed was written down as done: %+v, %v", events, err)
	}
}

func TestDiscoverAsksTheAgent(t *testing.T) {
	c := startWorld(t, Limits{}).client()
	found, err := c.Discover(t.Context(), "10.0.0.1:7443")
	if err != nil || found.Name != "pbx" || len(found.Trees) != 1 || found.Trees[0].Directory != "/srv/vm" {
		t.Errorf("%+v, %v", found, err)
	}
	var p *Problem
	if _, err := c.Discover(t.Context(), "10.0.0.1:1"); !errors.As(err, &p) || p.Code != status.AgentSilent || p.Try != "failoverd pair" {
		t.Errorf("an agent that is not paired: %v", err)
	}
	if _, err := c.Discover(t.Context(), "pbx:7443"); !errors.As(err, &p) || p.Status != 422 {
		t.Errorf("a name for an address: %v", err)
	}
}
