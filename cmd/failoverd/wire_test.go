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

// TestRunbooks: whoever gets an alert can read what to do where failoverd listens, or in the file that is installed.
func TestRunbooks(t *testing.T) {
	for listen, want := range map[string]string{
		"":                   "/usr/share/doc/failoverd/docs/alerts.md",
		"192.168.11.2:8443":  "https://192.168.11.2:8443/docs/alerts",
		"0.0.0.0:8443":       "https://standby-1:8443/docs/alerts",
		"[2001:db8::2]:8443": "https://[2001:db8::2]:8443/docs/alerts",
	} {
		c := &config.Config{Standby: config.Standby{Name: "standby-1"}}
		if listen != "" {
			c.API.Listen = netip.MustParseAddrPort(listen)
		}
		if got := runbooks(c); got != want {
			t.Errorf("listening on %q: %s, want %s", listen, got, want)
		}
	}
}
