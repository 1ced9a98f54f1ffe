package config

import (
	"bytes"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sameMeaning compares what configurations mean, not where it was written.
var sameMeaning = cmp.Options{
	cmpopts.IgnoreUnexported(Config{}),
	cmpopts.IgnoreFields(Config{}, "Notices", "File"),
	cmpopts.IgnoreFields(Server{}, "Where"),
	cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}),
	cmpopts.EquateEmpty(),
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse([]Source{{Name: "failoverd.yaml", Data: []byte(text)}})
	if err != nil {
		t.Fatalf("Parse:\n%s\n%v", text, err)
	}
	return c
}

// belowSecret matches the sources of a secret, which are annotated once, with
// the first secret.
var belowSecret = regexp.MustCompile(`(?:password|secret|community)\.(file|env|credential)$`)

func TestReferenceNamesEveryKey(t *testing.T) {
	c := mustParse(t, string(reference))
	if len(c.Servers) != 3 {
		t.Errorf("reference has %d servers, want 3", len(c.Servers))
	}
	notes, err := annotations(reference)
	if err != nil {
		t.Fatal(err)
	}
	annotated := map[string]bool{}
	for _, a := range notes {
		annotated[a.path] = true
		if a.defaults == "" || a.meaning == "" {
			t.Errorf("%s: default %q, meaning %q: both are needed", a.path, a.defaults, a.meaning)
		}
	}
	known := map[string]bool{}
	keysOf(reflect.TypeFor[rawFile](), "", func(path string) {
		known[path] = true
		if strings.HasPrefix(path, "defaults.") {
			return
		}
		if source := belowSecret.FindStringSubmatch(path); source != nil {
			if !bytes.Contains(reference, []byte("  "+source[1]+": ")) {
				t.Errorf("no secret with source %s in reference.yaml", source[1])
			}
			return
		}
		if !annotated[path] {
			t.Errorf("%s can be written and is not annotated in reference.yaml", path)
		}
	})
	for path := range annotated {
		if !known[path] {
			t.Errorf("%s is annotated and cannot be written", path)
		}
	}
	if len(known) < 100 {
		t.Errorf("keysOf found only %d keys", len(known))
	}
}

// required is a configuration with every section in it and in each only what
// must be there, so that any key can be set in it.
const required = `
standby: {}
alerts: {email: {host: 192.168.11.5, from: a@example.com, to: [b@example.com]}, webhooks: [{name: w, url: "https://192.168.11.7/x", secret: {env: X}}], commands: [{name: c, command: [/bin/true]}], snmp: [{name: s, address: "192.168.11.8:162", username: u, auth_password: {env: X}, privacy_password: {env: X}}], syslog: [{name: l, address: "192.168.11.9:514"}], escalation: {to: [c]}, heartbeat: {url: "https://192.168.11.7/p"}}
api: {}
servers:
  - name: A
    address: 192.168.11.1
    ping: {}
    probes:
      - http: {url: "http://192.168.11.1/"}
    takeover:
      fence: {command: [/bin/off]}
      start: {units: [a.service]}
      ready: {http: {url: "http://192.168.11.1/"}}
    databases:
      - {name: D, engine: sqlite, primary: {dsn: a}, standby: {dsn: b}}
    files:
      - {name: F, source: {path: /mnt}, include: [{dir: x}], exclude: [{dir: y}], brake: {}, bandwidth: [{from: "08:00", to: "18:00", limit: 1MiB}]}
    drill: {}
`

// TestReferenceTellsTheDefaults writes each annotated default where the key is
// absent. It must mean the same; and the key must be one that means something:
// another value must change the meaning.
func TestReferenceTellsTheDefaults(t *testing.T) {
	want := mustParse(t, required)
	notes, err := annotations(reference)
	if err != nil {
		t.Fatal(err)
	}
	others := map[string]any{
		"standby.data_dir": "/x", "standby.capacity": 2, "standby.replications_at_once": 3,
		"servers[].databases[].catch_up": false, "alerts.email.tls": "implicit", "alerts.email.severity": "warning", "alerts.heartbeat.method": "POST", "alerts.remind_every": "5m", "alerts.remind_suspended": "5m", "alerts.escalation.after": "5m", "alerts.webhooks[].severity": "critical", "alerts.commands[].severity": "none", "alerts.snmp[].auth": "sha512", "alerts.snmp[].privacy": "aes256", "alerts.snmp[].confirmed": false, "alerts.snmp[].severity": "critical", "alerts.syslog[].transport": "tcp", "alerts.syslog[].facility": "local7", "alerts.syslog[].severity": "warning", "api.socket": "/x/s",
		"servers[].probes[].failure": "failure", "servers[].probes[].http.status": 204,
		"servers[].takeover.mode": "manual", "servers[].takeover.assume_address": false, "servers[].takeover.on_conflict": "seize",
		"servers[].takeover.on_claim": "yield", "servers[].takeover.on_failure": "keep", "servers[].takeover.address": "first",
		"servers[].takeover.fence.on_failure": "continue", "servers[].takeover.ready.http.status": 204,
		"servers[].databases[].realtime": "all", "servers[].files[].include[].recursive": true, "servers[].files[].exclude[].recursive": true,
		"servers[].files[].ignore_case": true, "servers[].files[].reserve": "2GiB", "servers[].files[].brake.share": "30%", "servers[].files[].brake.least": 7,
		"servers[].ping.interval": "3s", "servers[].ping.timeout": "500ms", "servers[].ping.warn_after": 6, "servers[].ping.fail_after": 16,
		"servers[].ping.fail_after_reboot": 31, "servers[].priority": 7, "servers[].probes[].fail_after": 4, "servers[].probes[].timeout": "2s",
	}
	checked := 0
	for _, a := range notes {
		if strings.HasPrefix(a.defaults, "(") {
			continue
		}
		checked++
		var value any
		if err := yaml.Unmarshal([]byte(a.defaults), &value); err != nil {
			t.Fatalf("%s: default %q: %v", a.path, a.defaults, err)
		}
		got := mustParse(t, with(t, a.path, value))
		if diff := cmp.Diff(want, got, sameMeaning); diff != "" {
			t.Errorf("%s: %s is not its default (-absent +written):\n%s", a.path, a.defaults, diff)
		}
		if a.path == "servers[].takeover.auto_release" {
			continue // true needs a second key; TestAutoReleaseWarns has it
		}
		other, ok := others[a.path]
		if !ok {
			other = "31s"
		}
		if cmp.Equal(want, mustParse(t, with(t, a.path, other)), sameMeaning) {
			t.Errorf("%s: %v changes nothing", a.path, other)
		}
	}
	if checked < 25 {
		t.Errorf("only %d defaults were compared", checked)
	}
}

// with gives the required configuration with one more key.
func with(t *testing.T, path string, value any) string {
	t.Helper()
	var root map[string]any
	if err := yaml.Unmarshal([]byte(required), &root); err != nil {
		t.Fatal(err)
	}
	at := root
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		name, isList := strings.CutSuffix(key, "[]")
		next := at[name]
		if isList {
			next = next.([]any)[0]
		}
		m, ok := next.(map[string]any)
		if !ok {
			t.Fatalf("%s: required has no section %s", path, key)
		}
		at = m
	}
	at[keys[len(keys)-1]] = value
	text, err := yaml.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDocsAreUpToDate(t *testing.T) {
	const path = "../docs/configuration.md"
	var got bytes.Buffer
	if err := WriteReference(&got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("docs/configuration.md is out of date; run go test ./config -run Docs -update (-want +got):\n%s", diff)
	}
}
