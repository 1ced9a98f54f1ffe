package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"failoverd/journal"

	"github.com/google/go-cmp/cmp"
)

// hangs never answers.
func hangs(ctx context.Context, _ int, _ Message) (bool, error) {
	<-ctx.Done()
	return true, ctx.Err()
}

// Dialogue makes a fakeSender a way.
func (f *fakeSender) Dialogue(ctx context.Context, m Message) ([]string, error) {
	answer, _, err := f.Send(ctx, m)
	return []string{answer}, err
}

// A way out that hangs, with any number of alerts behind it, delays no other one.
func TestOutboxHangingWaysDelayNobody(t *testing.T) {
	dead := []string{"webhook:dead", "command:dead"}
	for i := range 2 * atOnce {
		dead = append(dead, fmt.Sprintf("r%d@example.com", i))
	}
	inBubble(t, dead, func(t *testing.T, s *station) {
		chat, sms := newFakeSender(accept), newFakeSender(accept)
		var backlog journal.Batch
		for i := range 1100 {
			backlog.Events = append(backlog.Events, journal.Event{Kind: "takeover.done"})
			backlog.Alerts = append(backlog.Alerts, journal.Alert{Kind: "takeover.done", Event: i})
		}
		if _, err := s.journal.Commit(t.Context(), backlog); err != nil {
			t.Fatal(err)
		}
		s.run(Ways{Mail: newFakeSender(hangs), Channels: map[string]Way{
			"webhook:dead": newFakeSender(hangs), "command:dead": newFakeSender(hangs), "webhook:chat": chat, "command:sms": sms,
		}})
		s.to = append(dead, "webhook:chat", "command:sms")
		for i := range 5 {
			s.alert("takeover.done", "pbx1", "")
			synctest.Wait()
			if a, b := len(chat.seen()), len(sms.seen()); a != i+1 || b != i+1 {
				t.Fatalf("alert %d: %d and %d were sent, want all at once", i, a, b)
			}
		}
		if n, _, err := s.journal.Pending(t.Context()); err != nil || n != 1105*len(dead) {
			t.Errorf("%d wait, %v; want %d", n, err, 1105*len(dead))
		}
	})
}

// That one way works is no reason to try another one again before its time.
func TestOutboxWaysAreTriedBySchedule(t *testing.T) {
	inBubble(t, []string{"ops@example.com", "webhook:chat"}, func(t *testing.T, s *station) {
		mails := newFakeSender(func(_ context.Context, n int, _ Message) (bool, error) {
			if n%2 == 1 {
				return true, errors.New("451 busy")
			}
			return false, nil
		})
		chat := newFakeSender(func(context.Context, int, Message) (bool, error) { return true, errors.New("500 broken") })
		s.run(Ways{Mail: mails, Channels: map[string]Way{"webhook:chat": chat}})
		s.alert("takeover.done", "pbx1", "")
		synctest.Wait()
		s.to = []string{"ops@example.com"}
		for range 30 { // each fails at first, and succeeds then
			time.Sleep(time.Minute)
			s.alert("takeover.done", "crm", "")
		}
		var got []time.Duration
		for _, try := range chat.seen() {
			got = append(got, try.After)
		}
		want := []time.Duration{0, 5 * time.Second, 20 * time.Second, 50 * time.Second, 110 * time.Second, 230 * time.Second, 530 * time.Second, 1130 * time.Second}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tries after (-want +got)\n%s", diff)
		}
		ids := map[string]bool{}
		for i, m := range chat.mails() {
			ids[m.Notification.ID] = true
			if m.Notification.Attempt != i+1 || (m.Notification.First == nil) != (i == 0) {
				t.Errorf("attempt %d says that it is number %d, the first one at %v", i+1, m.Notification.Attempt, m.Notification.First)
			}
		}
		if len(ids) != 1 {
			t.Errorf("one alert has the ids %v", ids)
		}
	})
}

// To each goes what is grave enough, and then the rest of what they were told of.
func TestOutboxLeastSeverity(t *testing.T) {
	inBubble(t, []string{"ops@example.com", "webhook:chat", "command:sms", "boss@example.com"}, func(t *testing.T, s *station) {
		s.least = map[string]string{"webhook:chat": journal.Warning, "command:sms": journal.Critical, "boss@example.com": journal.None}
		sender := newFakeSender(accept)
		s.run(sender)
		say := func(kind, severity, incident string) {
			t.Helper()
			_, err := s.journal.Commit(t.Context(), journal.Batch{
				Events: []journal.Event{{Kind: kind, Severity: severity, Server: "pbx1", Incident: incident, Message: "something happened"}},
				Alerts: []journal.Alert{{Kind: kind, Server: "pbx1", Incident: incident}},
			})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		say("report.daily", journal.Info, "")
		say("server.warning", journal.Warning, "A")
		say("server.answering", journal.Info, "A")
		say("server.warning", journal.Warning, "B")
		say("server.failure", journal.Critical, "B")
		say("primary.back", journal.Warning, "B")
		say("server.answering", journal.Info, "B")
		say("files.current", journal.Info, "")
		got := map[string][]string{}
		for _, m := range sender.mails() {
			got[m.To] = append(got[m.To], m.Notification.Kind+" "+m.Notification.Incident)
		}
		want := map[string][]string{
			"ops@example.com": {"report.daily ", "server.warning A", "server.answering A", "server.warning B", "server.failure B", "primary.back B", "server.answering B", "files.current "},
			"webhook:chat":    {"server.warning A", "server.answering A", "server.warning B", "server.failure B", "primary.back B", "server.answering B"},
			"command:sms":     {"server.failure B", "primary.back B", "server.answering B"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("who was told (-want +got)\n%s", diff)
		}
	})
}

// What waits for a way that is not configured any more is given up, with an event; nobody waits for it a week.
func TestOutboxWayIsGone(t *testing.T) {
	inBubble(t, []string{"webhook:old", "ops@example.com"}, func(t *testing.T, s *station) {
		sender := newFakeSender(accept)
		s.alert("takeover.done", "pbx1", "")
		s.run(Ways{Mail: sender})
		synctest.Wait()
		events, err := s.journal.Events(t.Context(), journal.EventQuery{Kind: "alert.failed"})
		if err != nil || len(events) != 1 || events[0].Message != "webhook about takeover.done could not be sent to webhook:old" || !strings.Contains(events[0].Reason, "not in the configuration any more") {
			t.Errorf("%+v, %v", events, err)
		}
		if len(sender.seen()) != 1 {
			t.Error("the mail was not sent")
		}
	})
}

// Each name leads to its own way, and no mail address to another one than the mail server.
func TestWays(t *testing.T) {
	for recipient, want := range map[string][2]string{
		"ops@example.com":       {mailWay, "mail"},
		"webhook:x@example.com": {mailWay, "mail"},
		WebhookNamed("chat"):    {"webhook:chat", "webhook"},
		CommandNamed("sms"):     {"command:sms", "command"},
		SNMPNamed("nms"):        {"snmp:nms", "snmp"},
		SyslogNamed("central"):  {"syslog:central", "syslog"},
	} {
		if got := [2]string{wayTo(recipient), sortOf(recipient)}; got != want {
			t.Errorf("%s: %v, want %v", recipient, got, want)
		}
	}
	if !(Ways{}).Empty() || (Ways{Mail: newFakeSender(accept)}).Empty() {
		t.Error("whether there is a way out")
	}
	for _, to := range []string{"webhook:gone", "ops@example.com"} {
		if _, err := (Ways{}).Dialogue(t.Context(), Message{To: to}); err == nil {
			t.Errorf("%s: no error", to)
		}
	}
}

// Every kind makes a document whose every key is there.
func TestNotificationOfEveryKind(t *testing.T) {
	for _, kind := range Kinds() {
		s := single(journal.Event{Kind: kind.Name, Severity: kind.Severity, Server: "pbx1", Message: "it happened"})
		n := Compose(s).Notification
		if n.Schema != "failoverd.alert/1" || n.ID == "" || n.Title == "" || n.Summary == "" || n.State == "" || n.Text == "" || len(n.Next) == 0 || n.Runbook == "" {
			t.Errorf("%s: %+v", kind.Name, n)
		}
		if strings.Contains(n.Title, "failoverd:") || slices.Contains(n.Next, "") {
			t.Errorf("%s: title %q, next %q", kind.Name, n.Title, n.Next)
		}
	}
}
