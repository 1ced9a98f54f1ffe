package main

import (
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
	}}
	w := &world{}
	w.current.Store(c)
	usual := []journal.Recipient{{To: "ops@example.com", Least: "warning"}, {To: "Night@example.com", Least: "warning"}, {To: "webhook:Chat", Least: "info"}, {To: "command:sms", Least: "none"}}
	for _, kind := range []string{"server.failure", "incident.escalated"} {
		if diff := cmp.Diff(usual, w.recipients(kind)); diff != "" {
			t.Errorf("%s without an escalation (-want +got):\n%s", kind, diff)
		}
	}
	c.Alerts.Escalation = &config.Escalation{To: []string{"boss@example.com", "SMS", "night@example.com", "chat"}}
	boss := journal.Recipient{To: "boss@example.com", Least: "none"}
	if diff := cmp.Diff(append(usual[:4:4], boss), w.recipients("server.failure")); diff != "" {
		t.Errorf("a failure (-want +got):\n%s", diff)
	}
	escalated := []journal.Recipient{{To: "ops@example.com", Least: "warning"}, {To: "Night@example.com"}, {To: "webhook:Chat"}, {To: "command:sms"}, {To: "boss@example.com"}}
	if diff := cmp.Diff(escalated, w.recipients("incident.escalated")); diff != "" {
		t.Errorf("what is escalated (-want +got):\n%s", diff)
	}
}
