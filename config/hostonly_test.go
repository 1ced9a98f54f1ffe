package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHostOnly(t *testing.T) {
	parsed := func(text string) *Server {
		t.Helper()
		c, err := Parse([]Source{
			{Name: "failoverd.yaml", Data: []byte("standby: {name: s1, interface: eth0, data_dir: /var/lib/failoverd}\n")},
			{Name: "servers.d/PBX.yaml", Data: []byte(text)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return &c.Servers[0]
	}
	const plain = "address: 10.0.0.1\ntakeover: {start: {units: [pbx.service]}}\nping: {interval: 1s, timeout: 500ms}\nprobes: [{name: sip, tcp: \"10.0.0.1:5060\"}]\nfiles: [{name: vm, source: {agent: /srv/vm}}]\n" +
		"databases:\n  - name: X\n    engine: postgres\n    primary: {dsn: \"postgres://a@10.0.0.1/x\"}\n    standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}\n"
	if keys := HostOnly("/var/lib/failoverd", nil, *parsed(plain)); len(keys) > 0 {
		t.Errorf("a server without programs, paths and passwords needs the host for %q", keys)
	}
	for want, text := range map[string]string{
		"takeover.fence.command": "takeover: {fence: {command: [/bin/off]}}\n",
		"takeover.start.stop":    "takeover: {start: {command: [/bin/on], stop: [/bin/off]}}\n",
		"takeover.start.command": "takeover: {start: {command: [/bin/on]}}\n",
		"takeover.start.check":   "takeover: {start: {units: [a.service], check: [/bin/ok]}}\n",
		"takeover.ready.command": "takeover: {ready: {command: [/bin/ok]}}\n",
		"drill.check":            "drill: {check: [/bin/ok]}\n",
		"probes[x].command":      "probes: [{name: x, command: [/bin/ok]}]\n",
		"files[vm].source.path":  "files: [{name: vm, source: {path: /mnt/vm}}]\n",
		"files[vm].directory":    "files: [{name: vm, source: {agent: /srv/vm}, directory: /srv/vm}]\n",
		"databases[X].fixups":    "databases: [{name: X, engine: postgres, primary: {dsn: \"postgres://a@10.0.0.1/x\"}, standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}, fixups: [/etc/x.sql]}]\n",
		"databases[X].primary":   "databases: [{name: X, engine: postgres, primary: {dsn: \"postgres://a@10.0.0.1/x\", password: {file: /etc/p}}, standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}}]\n",
		"databases[X].standby":   "databases: [{name: X, engine: sqlite, primary: {agent: x}, standby: {dsn: /srv/copies/}}]\n",
	} {
		t.Run(want, func(t *testing.T) {
			with := parsed("address: 10.0.0.1\n" + text)
			keys := HostOnly("/var/lib/failoverd", parsed("address: 10.0.0.1\n"), *with)
			if !strings.Contains(strings.Join(keys, " "), "servers[PBX]."+want) {
				t.Errorf("the keys are %q", keys)
			}
			if keys := HostOnly("/var/lib/failoverd", with, *with); len(keys) > 0 {
				t.Errorf("unchanged, and yet %q", keys)
			}
		})
	}
	// A password that is there already must not be sent to somebody else.
	before := parsed("address: 10.0.0.1\ndatabases: [{name: X, engine: postgres, primary: {dsn: \"postgres://a@10.0.0.1/x\", password: {file: /etc/p}}, standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}}]\n")
	after := parsed("address: 10.0.0.1\ndatabases: [{name: X, engine: postgres, primary: {dsn: \"postgres://a@10.6.6.6/x\", password: {file: /etc/p}}, standby: {dsn: \"postgres://a@127.0.0.1/postgres\"}}]\n")
	if keys := HostOnly("/var/lib/failoverd", before, *after); !cmp.Equal(keys, []string{"servers[PBX].databases[X].primary"}) {
		t.Errorf("another host for a password: %q", keys)
	}
}
