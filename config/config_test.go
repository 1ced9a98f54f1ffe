package config

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaults(t *testing.T) {
	c := mustParse(t, "servers: [{name: PBX, address: 192.168.11.1}]")
	a := netip.MustParseAddr("192.168.11.1")
	want := &Config{
		Standby: Standby{DataDir: "/var/lib/failoverd", Capacity: 1, AtOnce: 1, DefaultWitness: true, Settle: 30 * time.Second},
		Alerts:  Alerts{RemindEvery: 4 * time.Hour, RemindSuspended: 24 * time.Hour},
		API:     API{Socket: "/run/failoverd/failoverd.sock"},
		Servers: []Server{{
			Name: "PBX", Address: a, Addresses: []netip.Addr{a}, Agent: Agent{Address: netip.AddrPortFrom(a, 7443)},
			Ping: Ping{Interval: 2 * time.Second, Timeout: time.Second, WarnAfter: 5, FailAfter: 15, FailAfterReboot: 30},
			Takeover: Takeover{
				Mode: "automatic", AssumeAddress: true, ServiceAddresses: []netip.Prefix{netip.PrefixFrom(a, 32)},
				OnConflict: "refuse", OnClaim: "defend", OnFailure: "undo", AddressOrder: "last",
				Start: StandIn{Timeout: 90 * time.Second}, ReleaseAfter: 30 * time.Second,
			},
			Drill: Drill{Timeout: time.Minute},
		}},
	}
	if diff := cmp.Diff(want, c, sameMeaning); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := c.Servers[0].Where; got != "failoverd.yaml:1" {
		t.Errorf("Where = %q", got)
	}
}

// TestDefaultsReachServersKeyByKey has a server override single keys of
// defaults, also deep ones, and one of two keys that exclude each other.
func TestDefaultsReachServersKeyByKey(t *testing.T) {
	c, err := Parse([]Source{
		{Name: "failoverd.yaml", Data: []byte(`
defaults:
  priority: 3
  ping: {interval: 500ms, timeout: 200ms, fail_after: 20}
  takeover:
    mode: manual
    fence: {command: [/bin/off], timeout: 5s}
    start: {units: [a.service], timeout: 20s}
    ready: {tcp: "192.168.11.1:80", timeout: 7s}
    verify: [192.168.11.10, 192.168.11.11]
servers:
  - {name: A, address: 192.168.11.1}
`)},
		{Name: "servers.d/B.yaml", Data: []byte(`
address: 192.168.11.2
ping: {timeout: 300ms}
takeover:
  fence: {timeout: 6s}
  start: {command: [/bin/b]}
  ready: {command: [/bin/r]}
  verify: [192.168.11.12]
`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.Servers[0], c.Servers[1]
	if a.Priority != 3 || a.Takeover.Mode != "manual" || a.Takeover.Start.Units[0] != "a.service" {
		t.Errorf("A has not got the defaults: %+v", a)
	}
	wantPing := Ping{Interval: 500 * time.Millisecond, Timeout: 300 * time.Millisecond, WarnAfter: 5, FailAfter: 20, FailAfterReboot: 30}
	if diff := cmp.Diff(wantPing, b.Ping); diff != "" {
		t.Errorf("B's ping (-want +got):\n%s", diff)
	}
	got := b.Takeover
	want := Takeover{
		Mode: "manual", AssumeAddress: true, ServiceAddresses: []netip.Prefix{netip.MustParsePrefix("192.168.11.2/32")},
		OnConflict: "refuse", OnClaim: "defend", OnFailure: "undo", AddressOrder: "last", ReleaseAfter: 30 * time.Second,
		Fence:  &Fence{Command: []string{"/bin/off"}, Timeout: 6 * time.Second, OnFailure: "stop"},
		Start:  StandIn{Command: []string{"/bin/b"}, Timeout: 20 * time.Second},
		Ready:  &Ready{Command: []string{"/bin/r"}, Timeout: 7 * time.Second},
		Verify: []netip.Addr{netip.MustParseAddr("192.168.11.12")},
	}
	if diff := cmp.Diff(want, got, sameMeaning); diff != "" {
		t.Errorf("B's takeover (-want +got):\n%s", diff)
	}
	if b.Where != "servers.d/B.yaml:2" {
		t.Errorf("B is at %s", b.Where)
	}
}

func TestAddressesStartWithAddress(t *testing.T) {
	for text, want := range map[string]string{
		"{name: A, address: 10.0.0.1, addresses: [10.0.1.1, 10.0.2.1]}":       "10.0.0.1, 10.0.1.1, 10.0.2.1",
		"{name: A, address: 10.0.0.1, addresses: [10.0.0.1, 10.0.1.1]}":       "10.0.0.1, 10.0.1.1",
		"{name: A, addresses: [10.0.3.1, 10.0.1.1]}":                          "10.0.3.1, 10.0.1.1",
		"{name: A, address: \"2001:db8::1\", addresses: [\"2001:db8:1::1\"]}": "2001:db8::1, 2001:db8:1::1",
	} {
		s := mustParse(t, "servers: ["+text+"]").Servers[0]
		if got := addrs(s.Addresses); got != want || s.Address != s.Addresses[0] {
			t.Errorf("%s: paths %s from %s, want %s", text, got, s.Address, want)
		}
	}
}

func TestLoopbackIsAllowedOnLo(t *testing.T) {
	c := mustParse(t, "standby: {interface: lo}\nservers: [{name: A, address: 127.0.0.2, takeover: {service_addresses: [127.0.1.1]}}]")
	if err := c.CheckNetworks("eth0", map[string][]netip.Prefix{"lo": {netip.MustParsePrefix("127.0.0.1/8")}}); err != nil {
		t.Errorf("CheckNetworks: %v", err)
	}
	mustParse(t, "servers: [{name: A, address: 127.0.0.2, takeover: {interface: lo}}]")
	if _, err := Parse([]Source{{Name: "f", Data: []byte("standby: {interface: lo}\nservers: [{name: A, address: 127.0.0.2, takeover: {interface: eth0}}]")}}); err == nil {
		t.Error("loopback was accepted on eth0")
	}
}

func TestServiceAddressWithPrefixBringsItsNetwork(t *testing.T) {
	c := mustParse(t, "servers: [{name: A, address: 192.168.11.1, takeover: {service_addresses: [192.168.11.1/24]}}]")
	if err := c.CheckNetworks("eth0", map[string][]netip.Prefix{"eth0": {netip.MustParsePrefix("10.0.0.2/8")}}); err != nil {
		t.Errorf("CheckNetworks: %v", err)
	}
	if err := c.CheckNetworks("", nil); err == nil {
		t.Error("no interface at all was accepted")
	}
}

// notices gives each notice as "key: problem".
func notices(c *Config) string {
	var b strings.Builder
	for _, n := range c.Notices {
		b.WriteString(n.Key + ": " + n.Problem + "\n")
	}
	return b.String()
}

func TestNotices(t *testing.T) {
	c := mustParse(t, string(reference)+`
  - {name: FOURTH, address: 192.168.11.5, probes: [{kind: agent}], takeover: {start: {command: [/bin/x]}, release_after: 5s}}
`)
	want := `alerts.snmp[old-nms]: SNMP v2c sends its community and what it says in the clear
servers[DEMOSERVER].probes[database].sql: not available in this version: probes of kind sql
servers[SECOND].takeover.auto_release: the takeover ends by itself 30s after the primary answers again
servers[FOURTH].management_address: there is no other address to watch the server by once its own is taken over
servers[FOURTH].takeover.start.command: there is a command to start the stand-in and none to stop it
servers[FOURTH].takeover.release_after: release_after has no effect
`
	if diff := cmp.Diff(want, notices(c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, n := range c.Notices {
		if n.Expect == "" || n.Line == 0 || n.File == "" {
			t.Errorf("%+v does not say where, or what happens instead", n)
		}
	}
	if n := len(c.Servers[0].Probes); n != 3 {
		t.Errorf("%d probes are asked, want tcp, http and command", n)
	}
	if list := c.Servers[3].Probes; len(list) != 1 || list[0].Kind != "agent" || list[0].Name != "agent" {
		t.Errorf("probes of FOURTH: %+v, want one of kind agent", list)
	}
	c = mustParse(t, "standby: {witnesses: []}\nalerts: {email: {host: mail.example.com, tls: none, username: u, password: p, from: a@b.c, to: [d@e.f]}}")
	want = `servers: no server is configured
standby.witnesses: there is no witness
alerts.email.host: the mail server is given by name
alerts.email.password: tls is none: the password may cross the network in the clear
`
	if diff := cmp.Diff(want, notices(c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAutoReleaseWarns(t *testing.T) {
	c := mustParse(t, "servers: [{name: A, address: 10.0.0.1, takeover: {assume_address: false, auto_release: true, service_addresses: [10.0.0.1]}}]")
	if to := c.Servers[0].Takeover; !to.AutoRelease || to.ServiceAddresses != nil {
		t.Errorf("takeover = %+v", to)
	}
	for _, want := range []string{"ends by itself 30s after", "service addresses are not used"} {
		if !strings.Contains(notices(c), want) {
			t.Errorf("no notice %q in:\n%s", want, notices(c))
		}
	}
}

func TestProblemsAreBoundedAndCounted(t *testing.T) {
	var b strings.Builder
	for range 2000 {
		b.WriteString("  - {}\n")
	}
	_, err := Parse([]Source{{Name: "f.yaml", Data: []byte("servers:\n" + b.String())}})
	var problems Errors
	if !errors.As(err, &problems) || len(problems) != maxProblems+1 {
		t.Fatalf("%d problems, want %d", len(problems), maxProblems+1)
	}
	if last := problems[maxProblems].String(); !strings.Contains(last, "more problems are not shown") {
		t.Errorf("last: %s", last)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"interval", "timeout", "warn_after", "fail_after", "to", "tls"}
	for word, want := range map[string]string{
		"intervall": "interval", "time-out": "timeout", "FailAfter": "fail_after", "wran_after": "warn_after",
		"t": "to", "x": "", "colour": "", "ssl": "", "": "", strings.Repeat("x", 1<<20): "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%.20q) = %q, want %q", word, got, want)
		}
	}
}

// TestWhereTheAgentIs tells the default from what is written.
func TestWhereTheAgentIs(t *testing.T) {
	for text, want := range map[string]string{
		"address: 192.168.11.5": "192.168.11.5:7443",
		"address: 192.168.11.5, management_address: 192.168.11.25":                                        "192.168.11.25:7443",
		"address: 192.168.11.5, management_address: 192.168.11.25, agent: {address: '192.168.12.5:7000'}": "192.168.12.5:7000",
		"address: 192.168.11.5, agent: {address: '[fd00::5]:7443'}":                                       "[fd00::5]:7443",
	} {
		c := mustParse(t, "servers: [{name: PBX, "+text+"}]\n")
		if got := c.Servers[0].Agent.Address.String(); got != want {
			t.Errorf("%s: the agent is at %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"defaults: {agent: {address: '192.168.11.5:7443'}}\nservers: []\n":                             "each server has an agent of its own",
		"servers: [{name: PBX, address: 192.168.11.5, agent: {address: 'pbx:7443'}}]\n":                "pbx",
		"servers: [{name: PBX, address: 192.168.11.5, agent: {address: 192.168.11.5}}]\n":              "192.168.11.5",
		"servers: [{name: PBX, address: 192.168.11.5, agent: {address: '192.168.11.5:7', port: 3}}]\n": "port",
	} {
		if _, err := Parse([]Source{{Name: "failoverd.yaml", Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
