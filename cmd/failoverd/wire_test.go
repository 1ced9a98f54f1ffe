package main

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/config"
	"failoverd/journal"
)

// TestRecipients: to whom alerts may go, and who is there for what is escalated alone.
func TestRecipients(t *testing.T) {
	c := &config.Config{Alerts: config.Alerts{
		Email:    &config.Email{To: []string{"ops@example.com", "Night@example.com"}, Severity: "warning"},
		Webhooks: []config.Webhook{{Name: "Chat", Severity: "info"}},
		Commands: []config.AlertCommand{{Name: "sms", Severity: "none"}},
		SNMP:     []config.SNMP{{Name: "nms", Severity: "warning"}},
		Syslog:   []config.Syslog{{Name: "Central", Severity: "info"}},
	}}
	w := &world{}
	w.current.Store(c)
	usual := []journal.Recipient{{To: "ops@example.com", Least: "warning"}, {To: "Night@example.com", Least: "warning"}, {To: "webhook:Chat", Least: "info"}, {To: "command:sms", Least: "none"}, {To: "snmp:nms", Least: "warning"}, {To: "syslog:Central", Least: "info"}}
	for _, kind := range []string{"server.failure", "incident.escalated"} {
		if diff := cmp.Diff(usual, w.recipients(kind)); diff != "" {
			t.Errorf("%s without an escalation (-want +got):\n%s", kind, diff)
		}
	}
	c.Alerts.Escalation = &config.Escalation{To: []string{"boss@example.com", "SMS", "night@example.com", "chat", "NMS", "central"}}
	boss := journal.Recipient{To: "boss@example.com", Least: "none"}
	if diff := cmp.Diff(append(usual[:6:6], boss), w.recipients("server.failure")); diff != "" {
		t.Errorf("a failure (-want +got):\n%s", diff)
	}
	escalated := []journal.Recipient{{To: "ops@example.com", Least: "warning"}, {To: "Night@example.com"}, {To: "webhook:Chat"}, {To: "command:sms"}, {To: "snmp:nms"}, {To: "syslog:Central"}, {To: "boss@example.com"}}
	if diff := cmp.Diff(escalated, w.recipients("incident.escalated")); diff != "" {
		t.Errorf("what is escalated (-want +got):\n%s", diff)
	}
}

// TestPublicURL: whoever gets an alert finds the console and what to do where failoverd listens, or where it is said to be
// reached; and the file that is installed where no other host reaches it.
func TestPublicURL(t *testing.T) {
	const file = "/usr/share/doc/failoverd/docs/alerts.md"
	tests := map[string]struct{ listen, written, console, runbooks string }{
		"nothing listens": {"", "", "", file},
		"one address":     {"192.168.11.2:8443", "", "https://192.168.11.2:8443", "https://192.168.11.2:8443/docs/alerts"},
		"all addresses":   {"0.0.0.0:8443", "", "https://standby-1:8443", "https://standby-1:8443/docs/alerts"},
		"IPv6":            {"[2001:db8::2]:8443", "", "https://[2001:db8::2]:8443", "https://[2001:db8::2]:8443/docs/alerts"},
		"this host only":  {"127.0.0.1:8443", "", "", file},
		"behind a proxy":  {"127.0.0.1:8443", "https://failover.example.com", "https://failover.example.com", "https://failover.example.com/docs/alerts"},
	}
	for name, test := range tests {
		c := &config.Config{Standby: config.Standby{Name: "standby-1"}, API: config.API{PublicURL: test.written}}
		if test.listen != "" {
			c.API.Listen = netip.MustParseAddrPort(test.listen)
		}
		got := (&world{}).composer(c)
		if got.Console != test.console || got.Runbooks != test.runbooks {
			t.Errorf("%s: console %q, runbooks %q; want %q, %q", name, got.Console, got.Runbooks, test.console, test.runbooks)
		}
	}
}
