package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	old := mustParse(t, required)
	if changed, restart := old.Diff(mustParse(t, required)); changed != nil || restart != nil {
		t.Errorf("nothing changed, Diff = %v, %v", changed, restart)
	}
	next := mustParse(t, `
standby: {name: other, data_dir: /srv/failoverd, interface: eth9, capacity: 2, witnesses: [10.0.0.1], settle: 1s}
alerts: {email: {host: 192.168.11.5, from: a@example.com, to: [c@example.com], username: u, password: hunter2}}
api: {socket: /run/x, listen: "10.0.0.2:8443"}
servers:
  - name: A
    address: 192.168.11.1
    ping: {fail_after: 20}
    takeover: {fence: {command: [/bin/off], timeout: 1s}, start: {units: [a.service]}}
    databases:
      - {name: D, engine: sqlite, primary: {dsn: a}, standby: {dsn: b}}
  - {name: B, address: 192.168.11.2}
`)
	changed, restart := old.Diff(next)
	want := []string{
		"standby.name", "standby.data_dir", "standby.interface", "standby.capacity", "standby.witnesses", "standby.settle",
		"alerts.email.username", "alerts.email.password", "alerts.email.to", "alerts.webhooks", "alerts.commands", "alerts.snmp", "alerts.syslog", "alerts.escalation", "alerts.heartbeat",
		"api.socket", "api.listen",
		"servers[A].ping.fail_after", "servers[A].probes", "servers[A].takeover.fence.timeout", "servers[A].takeover.ready", "servers[A].files",
		"servers[B] (added)",
	}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	wantRestart := []string{"standby.name", "standby.data_dir", "standby.interface", "api.socket", "api.listen"}
	if diff := cmp.Diff(wantRestart, restart); diff != "" {
		t.Errorf("needs restart (-want +got):\n%s", diff)
	}
	if back, _ := next.Diff(old); back[len(back)-1] != "servers[B] (removed)" {
		t.Errorf("back: %v", back)
	}
	if changed, _ := mustParse(t, "standby: {}").Diff(old); !cmp.Equal(changed, []string{"alerts.email", "alerts.webhooks", "alerts.commands", "alerts.snmp", "alerts.syslog", "alerts.escalation", "alerts.heartbeat", "servers[A] (added)"}) {
		t.Errorf("from nothing: %v", changed)
	}
}
