package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Of each recipient the mail is due that has waited longest, however many wait, and none of the others is looked at.
func TestDueOfMany(t *testing.T) {
	j := open(t, t.TempDir(), Options{Recipients: func(string) []Recipient {
		return []Recipient{{To: "c@example.com"}, {To: "a@example.com"}, {To: "b@example.com"}}
	}})
	var b Batch
	for i := range 1000 {
		b.Events = append(b.Events, Event{Time: at})
		b.Alerts = append(b.Alerts, Alert{Kind: "server.warning", Server: "pbx1", Event: i})
	}
	commit(t, j, b)
	due := func() (got []string) {
		t.Helper()
		mails, err := j.Due(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mails {
			got = append(got, fmt.Sprintf("%d %s", m.Event, m.Recipient))
		}
		return got
	}
	if diff := cmp.Diff([]string{"1 c@example.com", "1 a@example.com", "1 b@example.com"}, due()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	first, err := j.Mails(t.Context(), MailQuery{Event: 1, Recipient: "a@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	first[0].NextTry = at.Add(time.Minute)
	if err := j.SaveMail(t.Context(), first[0]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1 c@example.com", "1 b@example.com", "2 a@example.com"}, due()); diff != "" {
		t.Errorf("after one was put off (-want +got):\n%s", diff)
	}
	scan := func(row *sql.Rows) (step string, err error) {
		var id, parent, unused int
		return step, row.Scan(&id, &parent, &unused, &step)
	}
	steps, err := collect(t.Context(), j.reader, scan, "EXPLAIN QUERY PLAN "+selectDue, nanos(at))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		if strings.Contains(step, "outbox") && !strings.Contains(step, "SEARCH outbox USING COVERING INDEX outbox_due") && !strings.Contains(step, "PRIMARY KEY") {
			t.Errorf("it looks at more than it needs: %s", step)
		}
	}
}

func TestOutbox(t *testing.T) {
	j := open(t, t.TempDir(), Options{Recipients: func(string) []Recipient {
		return []Recipient{{To: "ops@example.com"}, {To: "ops@example.com"}, {To: "night@example.com"}}
	}})
	commit(t, j, Batch{Events: []Event{{Time: at}}, Alerts: []Alert{{Kind: "takeover.done", Server: "pbx1"}}})
	n, oldest, err := j.Pending(t.Context())
	if err != nil || n != 2 || !oldest.Equal(at) {
		t.Fatalf("pending %d since %v, %v; want 2 since %v", n, oldest, err, at)
	}
	due, err := j.Due(t.Context(), at)
	if err != nil || len(due) != 2 {
		t.Fatalf("due %v, %v; want 2", due, err)
	}
	later := due[0]
	later.Attempts, later.FirstTried, later.NextTry, later.Answer = 1, at.UTC(), at.Add(time.Minute).UTC(), "450 try again"
	if err := j.SaveMail(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	done := due[1]
	done.State, done.Done, done.MessageID, done.Answer = MailSent, at.UTC(), "<1@standby>", "250 queued"
	commit(t, j, Batch{Events: []Event{{Kind: "alert.sent"}}, Mails: []Mail{done}})
	if due, err := j.Due(t.Context(), later.NextTry.Add(-1)); err != nil || len(due) != 0 {
		t.Errorf("due too early: %v, %v", due, err)
	}
	if due, err := j.Due(t.Context(), later.NextTry); err != nil || len(due) != 1 {
		t.Errorf("due in time: %v, %v", due, err)
	}
	if next, err := j.NextTry(t.Context(), at); err != nil || !next.Equal(later.NextTry) {
		t.Errorf("next try %v, %v; want %v", next, err, later.NextTry)
	}
	got, err := j.Mails(t.Context(), MailQuery{Event: 1})
	if diff := cmp.Diff([]Mail{done, later}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if n, _, err := j.Pending(t.Context()); err != nil || n != 1 {
		t.Errorf("pending %d, %v; want 1", n, err)
	}
	if err := j.RetryMails(t.Context(), at, "*"); err != nil {
		t.Fatal(err)
	}
	if due, err := j.Due(t.Context(), at); err != nil || len(due) != 1 {
		t.Errorf("due after all: %v, %v", due, err)
	}
	if next, err := j.NextTry(t.Context(), at); err != nil || !next.IsZero() {
		t.Errorf("next try %v, %v; want none", next, err)
	}
	if err := j.SaveMail(t.Context(), Mail{ID: 99}); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func TestTokens(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	token := Token{ID: "1", Name: "ci", Role: "viewer", Prefix: "fo_ab", Hash: []byte{1, 2, 3}, Created: at.UTC(), Expires: at.Add(time.Hour).UTC()}
	if err := j.AddToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	same := token
	same.ID, same.Hash = "2", []byte{4}
	if err := j.AddToken(t.Context(), same); !errors.Is(err, ErrExists) {
		t.Errorf("second token of one name: %v, want ErrExists", err)
	}
	for _, touch := range []struct {
		after time.Duration
		from  string
	}{{0, "10.0.0.1"}, {30 * time.Second, "10.0.0.1"}} {
		if err := j.TouchToken(t.Context(), "1", at.Add(touch.after), touch.from); err != nil {
			t.Fatal(err)
		}
	}
	want := token
	want.LastUsed, want.LastFrom = at.UTC(), "10.0.0.1" // The second use, within the minute, was not written.
	got, err := j.TokenByHash(t.Context(), []byte{1, 2, 3})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if err := j.RevokeToken(t.Context(), "1", at); err != nil {
		t.Fatal(err)
	}
	if err := j.RevokeToken(t.Context(), "1", at); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoked twice: %v, want ErrNotFound", err)
	}
	if err := j.AddToken(t.Context(), same); err != nil {
		t.Errorf("the name of a revoked token: %v", err)
	}
	want.Revoked = at.UTC()
	tokens, err := j.Tokens(t.Context(), TokenQuery{})
	if diff := cmp.Diff([]Token{same, want}, tokens); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if _, err := j.TokenByHash(t.Context(), []byte{9}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown token: %v, want ErrNotFound", err)
	}
}

// Nobody is reminded of what still waits to be sent to them, and a reminder goes where its severity leads.
func TestReminders(t *testing.T) {
	j := open(t, t.TempDir(), Options{Recipients: func(string) []Recipient {
		return []Recipient{{To: "ops@example.com"}, {To: "webhook:chat", Least: Critical}, {To: "boss@example.com", Least: None}}
	}})
	say := func(severity string, reminder bool) {
		t.Helper()
		commit(t, j, Batch{
			Events: []Event{{Kind: "x", Severity: severity}},
			Alerts: []Alert{{Kind: "x", Incident: "A", Reminder: reminder}},
		})
	}
	waiting := func() map[string]int {
		t.Helper()
		mails, err := j.Mails(t.Context(), MailQuery{State: MailPending})
		if err != nil {
			t.Fatal(err)
		}
		n := map[string]int{}
		for _, m := range mails {
			n[m.Recipient]++
		}
		return n
	}
	sent := func(to string) {
		t.Helper()
		mails, err := j.Mails(t.Context(), MailQuery{State: MailPending, Recipient: to})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mails {
			m.State, m.Done = MailSent, at
			if err := j.SaveMail(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	say(Warning, false)
	say(Warning, true)
	if diff := cmp.Diff(map[string]int{"ops@example.com": 1}, waiting()); diff != "" {
		t.Errorf("the first one waits (-want +got)\n%s", diff)
	}
	sent("ops@example.com")
	say(Critical, true)
	say(Critical, true)
	if diff := cmp.Diff(map[string]int{"ops@example.com": 1, "webhook:chat": 1}, waiting()); diff != "" {
		t.Errorf("the way is free (-want +got)\n%s", diff)
	}
	sent("webhook:chat")
	say(Info, true)
	if diff := cmp.Diff(map[string]int{"ops@example.com": 1, "webhook:chat": 1}, waiting()); diff != "" {
		t.Errorf("whoever was told is reminded (-want +got)\n%s", diff)
	}
}

// Incidents are written with the events that make them, found by what is asked of them, and removed with the history.
func TestIncidents(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	one := Incident{ID: "pbx-1", Server: "pbx", Opened: at.UTC(), Body: []byte(`{"id":"pbx-1"}`)}
	two := Incident{ID: "crm-1", Server: "crm", Opened: at.Add(time.Minute).UTC(), Body: []byte(`{}`)}
	commit(t, j, Batch{Incidents: []Incident{one, two}})
	over := one
	over.Ended, over.Body = at.Add(time.Hour).UTC(), []byte(`{"over":true}`)
	commit(t, j, Batch{Incidents: []Incident{over}})
	for _, tt := range []struct {
		q    IncidentQuery
		want []Incident
	}{
		{IncidentQuery{}, []Incident{two, over}},
		{IncidentQuery{Open: true}, []Incident{two}},
		{IncidentQuery{Server: "pbx"}, []Incident{over}},
		{IncidentQuery{ID: "crm-1"}, []Incident{two}},
		{IncidentQuery{Limit: 1}, []Incident{two}},
	} {
		got, err := j.Incidents(t.Context(), tt.q)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%+v: %v (-want +got)\n%s", tt.q, err, diff)
		}
	}
	if err := j.prune(t.Context(), at.Add(eventAge+2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, err := j.Incidents(t.Context(), IncidentQuery{}); err != nil || len(got) != 1 || got[0].ID != "crm-1" {
		t.Errorf("after 400 days: %+v, %v; want the one that goes on", got, err)
	}
}
