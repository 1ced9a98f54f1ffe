package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/agent"
	"failoverd/status"
)

// TestAgentPair makes codes below a data directory that is not there yet.
func TestAgentPair(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "agent.yaml")
	ok(t, os.WriteFile(file, []byte("name: pbx\nlisten: 192.168.11.21:7443\ndata_dir: "+filepath.Join(dir, "data")+"\n"), 0o600))
	got := invokeAt(t, "", "agent", "pair", "--config", file)
	if got.exit != exitDone || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	contains(t, got.stdout, "Code: ", "It is good for 10 m and for one pairing", "  sudo failoverd pair 192.168.11.21\n", "The key of this agent: ")
	if strings.Contains(got.stdout, "serves the standby") {
		t.Errorf("nobody is paired:\n%s", got.stdout)
	}
	code, _, _ := strings.Cut(strings.TrimPrefix(got.stdout, "Code: "), "\n")
	if _, err := agent.ParseCode(code); err != nil {
		t.Errorf("%q: %v", code, err)
	}

	var v invited
	got = invokeAt(t, "", "agent", "pair", "--config", file, "--json")
	ok(t, json.Unmarshal([]byte(got.stdout), &v))
	if v.Code == code || v.Replaces != nil || time.Until(v.Expires) > agent.InvitationLife || len(v.Fingerprint) != 95 || v.Address != "192.168.11.21:7443" {
		t.Errorf("%+v", v)
	}

	ok(t, os.WriteFile(filepath.Join(dir, "data", "standby"), []byte(`{"key":"`+strings.Repeat("ab", 32)+`"}`), 0o600))
	contains(t, invokeAt(t, "", "agent", "pair", "--config", file).stdout, "It serves the standby ", "which then is not served any more")
}

func TestPairAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"192.168.11.21": "192.168.11.21:7443", "192.168.11.21:7000": "192.168.11.21:7000", "fd00::5": "[fd00::5]:7443", "[fd00::5]": "[fd00::5]:7443",
		"[fd00::5]:1": "[fd00::5]:1", "pbx": "invalid AddrPort", "": "invalid AddrPort", "192.168.11.21:": "invalid AddrPort",
	} {
		if got, _ := agentAddress(text); got.String() != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	for listen, want := range map[string]string{
		"[::]:7443": "ADDRESS", "0.0.0.0:700": "ADDRESS:700", "192.168.11.21:7443": "192.168.11.21", "[fd00::5]:700": "[fd00::5]:700",
	} {
		if got := pairAddress(netip.MustParseAddrPort(listen)); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

// TestPair gives the code by standard input.
func TestPair(t *testing.T) {
	d := badNight()
	p, stdout, stderr := here(d.serve(t))
	p.in = strings.NewReader("7k3m q2xv 0t9r hb4c\nmore")
	if exit := p.run(t.Context(), []string{"pair", "192.168.11.21", "--reason", "new primary"}); exit != exitDone {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	want := `POST /api/v1/agents/pair {"address":"192.168.11.21:7443","code":"7K3M-Q2XV-0T9R-HB4C","reason":"new primary"}`
	if diff := cmp.Diff([]string{want}, d.sent()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	contains(t, stdout.String(), "Paired with the agent on pbx�[2J at 192.168.11.21:7443, failoverd 0.9.", "Its key: AB:CD", "This standby has another version")

	d.change(func() { d.agents = []status.Agent{{Address: "192.168.11.99:7443", Paired: true}} })
	p, stdout, stderr = here(d.serve(t))
	p.in = strings.NewReader("7K3M-Q2XV-0T9R-HB4C")
	if exit := p.run(t.Context(), []string{"pair", "192.168.11.99"}); exit != exitDone {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	contains(t, stdout.String(), `write agent: {address: "192.168.11.99:7443"} under one`)
}

// TestPairAsks types the code.
func TestPairAsks(t *testing.T) {
	d := badNight()
	term := openTerminal(t)
	exit := term.sit(t.Context(), t, d, nil, "pair", "192.168.11.21")
	term.screen.await(t, "has shown on 192.168.11.21: ")
	term.types(t, "7K3M-Q2XV-0T9R-HB4C")
	if code := <-exit; code != exitDone {
		t.Errorf("exit %d", code)
	}
}
