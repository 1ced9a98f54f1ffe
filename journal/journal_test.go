package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// open opens a journal that is closed with the test.
func open(t testing.TB, dir string, o Options) *Journal {
	t.Helper()
	j, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return j
}

// commit commits or ends the test.
func commit(t testing.TB, j *Journal, b Batch) []Event {
	t.Helper()
	events, err := j.Commit(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// seqs are the numbers of events.
func seqs(events []Event) []int64 {
	var all []int64
	for _, e := range events {
		all = append(all, e.Seq)
	}
	return all
}

var at = time.Date(2026, 8, 12, 2, 11, 4, 123456789, time.FixedZone("AEST", 10*3600))

// Everything in a batch is there after the journal was closed and opened again.
func TestCommitIsReadBack(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), dir, Options{Recipients: func(string) []Recipient { return []Recipient{{To: "ops@example.com"}, {To: "night@example.com"}} }})
	if err != nil {
		t.Fatal(err)
	}
	event := Event{
		Time: at, Kind: "server.failure", Severity: Critical, Server: "pbx1", Incident: "INC-1", Operation: "op-1",
		Actor:   Actor{Kind: "user", Name: "alice", Via: "socket", From: "uid 1000"},
		Message: "pbx1 does not answer", Reason: "15 misses",
		Evidence: map[string]any{"misses": 15, "gateway": "answered", "err": errors.New("no route"), "odd": make(chan int)},
	}
	operation := Operation{ID: "op-1", Kind: "takeover", Server: "pbx1", Open: true, Started: at, Body: json.RawMessage(`{"step":1}`)}
	stored := commit(t, j, Batch{
		Events:     []Event{{Time: at, Kind: "server.suspect"}, event},
		Facts:      map[string]json.RawMessage{"pbx1": json.RawMessage(`{"health":"failure"}`), "crm": json.RawMessage(`{}`)},
		Operations: []Operation{operation},
		Alerts:     []Alert{{Kind: "server.failure", Server: "pbx1", Incident: "INC-1", Event: 1}},
		Values:     map[string]string{"boot_id": "a"},
	})
	if diff := cmp.Diff([]int64{1, 2}, seqs(stored)); diff != "" {
		t.Errorf("numbers (-want +got)\n%s", diff)
	}
	commit(t, j, Batch{Facts: map[string]json.RawMessage{"crm": nil}, Values: map[string]string{"boot_id": "b"}})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	j = open(t, dir, Options{})
	got, err := j.Event(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if text, is := got.Evidence["odd"].(string); !is || text == "" {
		t.Errorf("evidence without JSON became %v, want its text", got.Evidence["odd"])
	}
	delete(got.Evidence, "odd")
	want := event
	want.Seq, want.Time = 2, at.UTC()
	want.Evidence = map[string]any{"misses": 15.0, "gateway": "answered", "err": "no route"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got)\n%s", diff)
	}
	facts, err := j.Facts(t.Context())
	if diff := cmp.Diff(map[string]json.RawMessage{"pbx1": json.RawMessage(`{"health":"failure"}`)}, facts); err != nil || diff != "" {
		t.Errorf("facts: %v (-want +got)\n%s", err, diff)
	}
	values, err := j.Values(t.Context())
	if diff := cmp.Diff(map[string]string{"boot_id": "b"}, values); err != nil || diff != "" {
		t.Errorf("values: %v (-want +got)\n%s", err, diff)
	}
	operation.Started = at.UTC()
	operations, err := j.Operations(t.Context(), OperationQuery{Server: "pbx1", Open: new(true)})
	if diff := cmp.Diff([]Operation{operation}, operations); err != nil || diff != "" {
		t.Errorf("operations: %v (-want +got)\n%s", err, diff)
	}
	mails, err := j.Due(t.Context(), at)
	wantMail := Mail{
		ID: 1, Event: 2, Kind: "server.failure", Server: "pbx1", Incident: "INC-1", Recipient: "ops@example.com",
		State: MailPending, Created: at.UTC(),
	}
	second := wantMail
	second.ID, second.Recipient = 2, "night@example.com"
	if diff := cmp.Diff([]Mail{wantMail, second}, mails); err != nil || diff != "" {
		t.Errorf("mails: %v (-want +got)\n%s", err, diff)
	}
}

// TestOperationsThatHaveAText: of those that the rest of the query chooses, and of as many as its limit.
func TestOperationsThatHaveAText(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	for i, body := range []string{`{"order_key":"a-1"}`, `{"order_key":"b-1"}`, `{"order_key":"a-2"}`, ``} {
		var text json.RawMessage
		if body != "" {
			text = json.RawMessage(body)
		}
		commit(t, j, Batch{Operations: []Operation{{ID: strconv.Itoa(i), Kind: "drill", Started: time.Unix(int64(i), 0), Body: text}}})
	}
	for limit, want := range map[int][]string{0: {"2", "0"}, 3: {"2"}, 1: nil} {
		found, err := j.Operations(t.Context(), OperationQuery{Having: `"a-`, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range found {
			got = append(got, o.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("of the newest %d: -want +got\n%s", limit, diff)
		}
	}
}

// A number is not used again, also when its event has been removed.
func TestNumbersAreNotUsedAgain(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-eventAge - time.Hour)
	commit(t, j, Batch{Events: []Event{{Time: old}, {Time: old}}})
	if err := j.prune(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if left, err := j.Events(t.Context(), EventQuery{}); err != nil || len(left) != 0 {
		t.Fatalf("events left: %v, %v", left, err)
	}
	j.Close()
	j = open(t, dir, Options{})
	if diff := cmp.Diff([]int64{3}, seqs(commit(t, j, Batch{Events: []Event{{}}}))); diff != "" {
		t.Errorf("numbers (-want +got)\n%s", diff)
	}
}

func TestCommitRefusesAnAlertAboutNoEvent(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	if _, err := j.Commit(t.Context(), Batch{Events: []Event{{}}, Alerts: []Alert{{Event: 1}}}); err == nil {
		t.Error("no error")
	}
	if events, _ := j.Events(t.Context(), EventQuery{}); len(events) != 0 {
		t.Errorf("stored %v", events)
	}
}

// One thing of a batch that cannot be stored keeps all of it out.
func TestCommitIsAllOrNothing(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	changed := j.Changed()
	_, err := j.Commit(t.Context(), Batch{Events: []Event{{Kind: "alert.failed"}}, Mails: []Mail{{ID: 42, State: MailFailed}}})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	if events, _ := j.Events(t.Context(), EventQuery{}); len(events) != 0 {
		t.Errorf("stored %v", events)
	}
	select {
	case <-changed:
		t.Error("a commit that stored nothing was announced")
	default:
	}
	commit(t, j, Batch{Events: []Event{{}}})
}

func TestEventQueries(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	for i := range 6 {
		commit(t, j, Batch{Events: []Event{{
			Time: at.Add(time.Duration(i) * time.Minute), Server: []string{"pbx1", "crm"}[i%2], Kind: []string{"takeover.done", "takeover.step", "release.done"}[i%3],
			Incident: []string{"", "INC-1", "INC-2"}[i%3], Actor: Actor{Name: []string{"", "alice"}[i%2]}, Operation: []string{"op-1", "op-2"}[i/3],
		}}})
	}
	for _, tt := range []struct {
		name string
		q    EventQuery
		want []int64
	}{
		{"all", EventQuery{}, []int64{1, 2, 3, 4, 5, 6}},
		{"newest first", EventQuery{Newest: true, Limit: 2}, []int64{6, 5}},
		{"after", EventQuery{After: 4}, []int64{5, 6}},
		{"before", EventQuery{Before: 3}, []int64{1, 2}},
		{"since", EventQuery{Since: at.Add(4 * time.Minute)}, []int64{5, 6}},
		{"server", EventQuery{Server: "crm"}, []int64{2, 4, 6}},
		{"kind", EventQuery{Kind: "takeover.step"}, []int64{2, 5}},
		{"kinds", EventQuery{Kind: "takeover.*"}, []int64{1, 2, 4, 5}},
		{"incident", EventQuery{Incident: "INC-1"}, []int64{2, 5}},
		{"actor", EventQuery{Actor: "alice"}, []int64{2, 4, 6}},
		{"operation", EventQuery{Operation: "op-2"}, []int64{4, 5, 6}},
		{"two terms", EventQuery{Server: "crm", Kind: "takeover.*"}, []int64{2, 4}},
		{"limit", EventQuery{Limit: 1}, []int64{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := j.Events(t.Context(), tt.q)
			if diff := cmp.Diff(tt.want, seqs(got)); err != nil || diff != "" {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
	if _, err := j.Event(t.Context(), 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("event 99: %v, want ErrNotFound", err)
	}
	if _, err := j.Operation(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("operation: %v, want ErrNotFound", err)
	}
}

// Whoever takes the channel before looking misses no commit, however they interleave.
func TestChangedLosesNoWakeUp(t *testing.T) {
	const commits = 300
	j := open(t, t.TempDir(), Options{})
	failed := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < commits && err == nil; i++ {
			_, err = j.Commit(context.Background(), Batch{Events: []Event{{}}})
		}
		failed <- err
	}()
	deadline := time.After(time.Minute)
	for {
		changed := j.Changed()
		newest, err := j.Events(t.Context(), EventQuery{Newest: true, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(newest) == 1 && newest[0].Seq == commits {
			break
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("not woken after %v", newest)
		}
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

// ctx ends the waiting for the writer, not a transaction that has begun.
func TestCommitObeysContextWhileWaiting(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	j.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Commit(ctx, Batch{Events: []Event{{}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
	<-j.turn
	commit(t, j, Batch{Events: []Event{{}}})
}

// Readers see whole batches only, while a writer works.
func TestReadersBesideAWriter(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			body := json.RawMessage(fmt.Sprint(i))
			if _, err := j.Commit(context.Background(), Batch{Facts: map[string]json.RawMessage{"a": body, "b": body}}); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for range 200 {
		facts, err := j.Facts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(facts["a"]), string(facts["b"])); diff != "" {
			t.Fatalf("half a batch: a and b differ\n%s", diff)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
