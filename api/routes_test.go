package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"failoverd/journal"
	"failoverd/plan"
	"failoverd/status"
)

// me is the user that runs the tests, as the socket's daemon sees it.
func me() plan.Actor {
	return plan.Actor{Kind: "user", Name: userName(uint32(os.Geteuid())), Via: "socket"}
}

// sameOrder compares orders without the process that sent them.
func sameOrder() cmp.Options {
	// The client names its orders for operations itself (TestClientOrdersOnce).
	return cmp.Options{cmpopts.IgnoreUnexported(given{}), cmpopts.IgnoreFields(plan.Actor{}, "From"), cmpopts.IgnoreFields(status.Order{}, "Key"), cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)}
}

// Each order reaches the standby as it was given, once, with who gave it.
func TestOrdersReachTheStandby(t *testing.T) {
	until := time.Now().Add(2 * time.Hour).UTC().Truncate(time.Second)
	by := me()
	tests := []struct {
		name string
		do   func(context.Context, *Client) error
		want given
	}{
		{"suspend", func(ctx context.Context, c *Client) error {
			s, err := c.Suspend(ctx, "PBX", "new disk", until)
			return firstError(err, wantEqual(s.Mode, "suspended"))
		}, given{What: "suspend", Target: "PBX", Kind: "", Order: status.Order{By: by, Reason: "new disk", Until: until}}},
		{"stop", func(ctx context.Context, c *Client) error {
			s, err := c.Stop(ctx, "PBX", "", time.Time{})
			return firstError(err, wantEqual(s.Mode, "stopped"))
		}, given{What: "stop", Target: "PBX", Kind: "", Order: status.Order{By: by}}},
		{"resume", func(ctx context.Context, c *Client) error {
			s, err := c.Resume(ctx, "PBX", "back")
			return firstError(err, wantEqual(s.Mode, "active"))
		}, given{What: "resume", Target: "PBX", Kind: "", Order: status.Order{By: by, Reason: "back"}}},
		{"failover", func(ctx context.Context, c *Client) error {
			r, err := c.Failover(ctx, "CRM", "it is dead", []string{"primary-alive", "isolated"})
			return firstError(err, wantEqual(r.Kind+" "+r.ID+" "+string(r.State), "takeover op_CRM running"))
		}, given{What: "failover", Target: "CRM", Kind: "", Order: status.Order{By: by, Reason: "it is dead", Accept: []string{"primary-alive", "isolated"}}}},
		{"release", func(ctx context.Context, c *Client) error {
			r, err := c.Release(ctx, "CRM", "", nil)
			return firstError(err, wantEqual(r.Kind, "release"))
		}, given{What: "release", Target: "CRM", Kind: "", Order: status.Order{By: by}}},
		{"replicate from live", func(ctx context.Context, c *Client) error {
			r, err := c.Replicate(ctx, "PBX", status.FromLive, "before the upgrade", []string{"discard-diverged"})
			return firstError(err, wantEqual(r.Kind+" "+r.ID, "replicate-from-live copy_PBX"))
		}, given{What: "replicate", Target: "PBX", Kind: status.FromLive, Order: status.Order{By: by, Reason: "before the upgrade", Accept: []string{"discard-diverged"}}}},
		{"replicate to live", func(ctx context.Context, c *Client) error {
			r, err := c.Replicate(ctx, "CRM", status.ToLive, "", []string{"overwrite-newer"})
			return firstError(err, wantEqual(r.Kind, "replicate-to-live"))
		}, given{What: "replicate", Target: "CRM", Kind: status.ToLive, Order: status.Order{By: by, Accept: []string{"overwrite-newer"}}}},
		{"roll back", func(ctx context.Context, c *Client) error {
			r, err := c.Replicate(ctx, "PBX", status.RollBack, "it is broken", nil)
			return firstError(err, wantEqual(r.Kind, "rollback"))
		}, given{What: "roll back", Target: "PBX", Kind: status.RollBack, Order: status.Order{By: by, Reason: "it is broken"}}},
		{"drill", func(ctx context.Context, c *Client) error {
			r, err := c.Drill(ctx, "PBX", "after the upgrade")
			return firstError(err, wantEqual(r.Kind, "drill"))
		}, given{What: "drill", Target: "PBX", Kind: "", Order: status.Order{By: by, Reason: "after the upgrade"}}},
		{"confirm deletions", func(ctx context.Context, c *Client) error {
			s, err := c.OrderFiles(ctx, ConfirmDeletions, "PBX", "vm", "cleaned up")
			return firstError(err, wantEqual(s.Name, "PBX"))
		}, given{What: "confirm deletions of vm", Target: "PBX", Order: status.Order{By: by, Reason: "cleaned up"}}},
		{"accept a source", func(ctx context.Context, c *Client) error {
			_, err := c.OrderFiles(ctx, AcceptSource, "PBX", "vm", "new disk")
			return err
		}, given{What: "accept source of vm", Target: "PBX", Order: status.Order{By: by, Reason: "new disk"}}},
		{"discard files", func(ctx context.Context, c *Client) error {
			_, err := c.OrderFiles(ctx, DiscardDiverged, "PBX", "vm", "")
			return err
		}, given{What: "discard files of vm", Target: "PBX", Order: status.Order{By: by}}},
		{"restore what was set aside", func(ctx context.Context, c *Client) error {
			_, err := c.RestoreAside(ctx, "PBX", "vm", Restoring{Set: "then", Path: "Extn/a b.wav", Reason: "a call"})
			return err
		}, given{What: "restore then/Extn/a b.wav of vm", Target: "PBX", Order: status.Order{By: by, Reason: "a call"}}},
		{"preview of a replication", func(ctx context.Context, c *Client) error {
			_, err := c.Preview(ctx, "PBX", status.ToLive, []string{"overwrite-newer"})
			return err
		}, given{What: "preview", Target: "PBX", Kind: status.ToLive, Order: status.Order{By: by, Accept: []string{"overwrite-newer"}}}},
		{"preview of a takeover", func(ctx context.Context, c *Client) error {
			p, err := c.Preview(ctx, "CRM", Takeover, []string{"primary-alive"})
			return firstError(err, wantEqual(p.Steps[0].Will, "add 10.0.0.1/32 to eth0"))
		}, given{What: "preview", Target: "CRM", Kind: "takeover", Order: status.Order{By: by, Accept: []string{"primary-alive"}}}},
		{"failback", func(ctx context.Context, c *Client) error {
			r, err := c.Failback(ctx, "CRM", "", []string{status.OverwriteNewer})
			return firstError(err, wantEqual(r.Kind, "failback"))
		}, given{What: "failback", Target: "CRM", Kind: "", Order: status.Order{By: by, Accept: []string{status.OverwriteNewer}}}},
		{"handover", func(ctx context.Context, c *Client) error {
			r, err := c.Handover(ctx, "CRM", "patches", []string{"stop-by-hand"})
			return firstError(err, wantEqual(r.Kind, "handover"))
		}, given{What: "handover", Target: "CRM", Kind: "", Order: status.Order{By: by, Reason: "patches", Accept: []string{"stop-by-hand"}}}},
		{"preview of a release", func(ctx context.Context, c *Client) error {
			_, err := c.Preview(ctx, "CRM", Release, nil)
			return err
		}, given{What: "preview", Target: "CRM", Kind: "release", Order: status.Order{By: by}}},
		{"reload", func(ctx context.Context, c *Client) error {
			r, err := c.Reload(ctx, "new mail server")
			return firstError(err, wantEqual(strings.Join(r.Changed, " "), "alerts.email"), wantEqual(r.Uncopied[0].Next, "failoverd replicate from-live CRM"))
		}, given{What: "reload", Target: "", Kind: "", Order: status.Order{By: by, Reason: "new mail server"}}},
		{"options", func(ctx context.Context, c *Client) error {
			o, err := c.Options(ctx)
			if err != nil {
				return err
			}
			r, err := c.ChangeOptions(ctx, o.Revision, OptionChanges{Changes: []status.OptionChange{{Key: "alerts.email.to", Values: []string{"a@example.com", "b@example.com"}}, {Key: "standby.settle", Reset: true}}, Reason: "new"}, false, false)
			return firstError(err, wantEqual(o.Options[0].Values[0], "10.0.0.25"), wantEqual(r.Revision, "next"))
		}, given{What: "options", Target: "", Kind: "[{alerts.email.to [a@example.com b@example.com] false} {standby.settle [] true}]", Order: status.Order{By: by, Reason: "new"}}},
		{"options, tested", func(ctx context.Context, c *Client) error {
			r, err := c.ChangeOptions(ctx, aRevision, OptionChanges{Changes: []status.OptionChange{{Key: "standby.witnesses", Values: []string{}}}}, false, true)
			return firstError(err, wantEqual(r.Mails[0].Transcript[0], "250 OK"))
		}, given{What: "options, dry, mail", Target: "", Kind: "[{standby.witnesses [] false}]", Order: status.Order{By: by}}},
		{"test", func(ctx context.Context, c *Client) error {
			r, err := c.Test(ctx, "PBX", "new cable")
			return firstError(err, wantEqual(r.Trials[0].Name, "ping 10.0.0.1"))
		}, given{What: "test", Target: "PBX", Kind: "", Order: status.Order{By: by, Reason: "new cable"}}},
		{"test alert", func(ctx context.Context, c *Client) error {
			m, err := c.TestAlert(ctx, "")
			return firstError(err, wantEqual(m[0].Transcript[0], "250 OK"))
		}, given{What: "test-alert", Target: "", Kind: "", Order: status.Order{By: by}}},
	}
	w := startWorld(t, Limits{})
	c := w.client()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(w.standby.orders())
			if err := tt.do(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			got := w.standby.orders()[before:]
			if diff := cmp.Diff([]given{tt.want}, got, sameOrder()); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
			if from := got[0].Order.By.From; !strings.HasPrefix(from, fmt.Sprintf("process %d", os.Getpid())) {
				t.Errorf("from %q, want this process, %d", from, os.Getpid())
			}
		})
	}
}

// What is admitted is answered with 202 and where to find it, and can be found,
// listed, watched and cancelled there.
func TestOperation(t *testing.T) {
	w := startWorld(t, Limits{})
	c := w.client()
	secret := w.token(Operator).Secret
	res, answer := w.call("POST", "/api/v1/servers/CRM/failover", secret, `{"reason":"test"}`)
	if res.StatusCode != http.StatusAccepted || res.Header.Get("Location") != "/api/v1/operations/op_CRM" {
		t.Fatalf("failover: %s, Location %q: %s", res.Status, res.Header.Get("Location"), answer)
	}
	res, _ = w.call("GET", res.Header.Get("Location"), secret, "")
	if res.StatusCode != http.StatusOK {
		t.Errorf("the operation's Location: %s", res.Status)
	}
	res, answer = w.call("POST", "/api/v1/servers/CRM/failover?dry_run=true", secret, "")
	if res.StatusCode != http.StatusOK || !strings.Contains(string(answer), "add 10.0.0.1/32") {
		t.Errorf("dry run: %s: %s", res.Status, answer)
	}
	list, err := c.Operations(t.Context(), "CRM", "", Page{Limit: 5})
	if err != nil || len(list.Operations) != 1 || list.Operations[0].By.Name != "operator x" {
		t.Errorf("operations: %+v, %v", list, err)
	}
	if list, err := c.Operations(t.Context(), "PBX", "", Page{}); err != nil || len(list.Operations) != 0 {
		t.Errorf("operations of another server: %+v, %v", list, err)
	}
	r, err := c.Cancel(t.Context(), "op_CRM", "changed my mind")
	if err != nil || r.State != plan.Cancelling {
		t.Errorf("cancel: %+v, %v", r, err)
	}
	orders := w.standby.orders()
	if last := orders[len(orders)-1]; last.What != "cancel" || last.Target != "op_CRM" || last.Order.Reason != "changed my mind" {
		t.Errorf("cancel arrived as %+v", last)
	}

	var states []plan.State
	r, err = c.WatchOperation(t.Context(), "op_CRM", func(r plan.Record) {
		states = append(states, r.State)
		w.standby.set(func(f *fakeStandby) {
			r.State = plan.Succeeded
			f.records["op_CRM"] = r
		})
	})
	if err != nil || r.State != plan.Succeeded {
		t.Errorf("watch: %+v, %v", r, err)
	}
	if diff := cmp.Diff([]plan.State{plan.Running, plan.Succeeded}, states); diff != "" {
		t.Errorf("watched states (-want +got):\n%s", diff)
	}
	if _, err := c.Operation(t.Context(), "op_none"); problemCode(err) != status.NotFound {
		t.Errorf("an unknown operation: %v", err)
	}
}

// What is read is what the standby and the journal say.
func TestReading(t *testing.T) {
	w := startWorld(t, Limits{})
	c, ctx := w.client(), t.Context()

	snapshot, err := c.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.standby.Snapshot(), snapshot); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	servers, err := c.Servers(ctx)
	if err != nil || cmp.Diff(snapshot.Servers, servers) != "" {
		t.Errorf("servers: %v %v", servers, err)
	}
	one, err := c.Server(ctx, "PBX")
	if err != nil || one.Name != "PBX" {
		t.Errorf("server: %v %v", one, err)
	}
	readiness, err := c.Readiness(ctx, "CRM")
	if err != nil || readiness.Verdict != "not ready" {
		t.Errorf("readiness: %v %v", readiness, err)
	}
	why, err := c.Explain(ctx, "CRM")
	if err != nil || why.Hold == nil || why.Hold.Code != "capacity" {
		t.Errorf("explain: %v %v", why, err)
	}
	notices, err := c.ConfigNotices(ctx)
	if err != nil || notices.Notices[0] != "a notice" {
		t.Errorf("notices: %v %v", notices, err)
	}
	for _, ask := range []func() error{
		func() error { _, err := c.Server(ctx, "NONE"); return err },
		func() error { _, err := c.Explain(ctx, "NONE"); return err },
		func() error { _, err := c.Suspend(ctx, "NONE", "", time.Time{}); return err },
		func() error { _, err := c.Failover(ctx, "NONE", "", nil); return err },
		func() error { _, err := c.Probes(ctx, "NONE", time.Time{}, time.Time{}, 0); return err },
	} {
		if err := ask(); problemCode(err) != status.NotFound {
			t.Errorf("of a server that is not there: %v", err)
		}
	}
}

// The history comes in the order that was asked for, a page at a time, and
// nothing is lost between pages.
func TestEvents(t *testing.T) {
	w := startWorld(t, Limits{})
	c, ctx := w.client(), t.Context()
	for i := range 7 {
		server := []string{"PBX", "CRM"}[i%2]
		w.commit(journal.Event{Kind: "server.suspect", Severity: "warning", Server: server, Incident: "INC-" + server, Message: fmt.Sprint("m", i), Actor: journal.Actor{Kind: "automatic", Name: "monitor"}})
	}
	messages := func(l EventList) (m []string) {
		for _, e := range l.Events {
			m = append(m, e.Message)
		}
		return m
	}
	for _, tt := range []struct {
		name string
		q    EventQuery
		want string
		next bool
	}{
		{"newest", EventQuery{Newest: true, Limit: 3}, "m6 m5 m4", true},
		{"oldest", EventQuery{Limit: 3}, "m0 m1 m2", true},
		{"all", EventQuery{Limit: 7}, "m0 m1 m2 m3 m4 m5 m6", false},
		{"after", EventQuery{After: 4}, "m4 m5 m6", false},
		{"before", EventQuery{Before: 3, Newest: true}, "m1 m0", false},
		{"server", EventQuery{Server: "CRM"}, "m1 m3 m5", false},
		{"incident", EventQuery{Incident: "INC-CRM", Limit: 1}, "m1", true},
		{"kind", EventQuery{Kind: "server.*", Limit: 1, Newest: true}, "m6", true},
		{"other kind", EventQuery{Kind: "takeover.*"}, "", false},
		{"future", EventQuery{Since: time.Now().Add(time.Hour)}, "", false},
	} {
		got, err := c.Events(ctx, tt.q)
		if err != nil || strings.Join(messages(got), " ") != tt.want || (got.Next != nil) != tt.next {
			t.Errorf("%s: %q, next %v, %v; want %q, next %v", tt.name, messages(got), got.Next, err, tt.want, tt.next)
		}
	}
	var pages []string
	for q := (EventQuery{Limit: 2}); ; {
		l, err := c.Events(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, messages(l)...)
		if l.Next == nil {
			break
		}
		q.After = *l.Next
	}
	if diff := cmp.Diff(strings.Fields("m0 m1 m2 m3 m4 m5 m6"), pages); diff != "" {
		t.Errorf("page by page (-want +got):\n%s", diff)
	}
}

// The audit has what people and tokens did, and not what failoverd did.
func TestAudit(t *testing.T) {
	w := startWorld(t, Limits{})
	w.commit(
		journal.Event{Kind: "server.suspended", Severity: "info", Server: "PBX", Actor: journal.Actor{Kind: "user", Name: "alice"}, Message: "by a person"},
		journal.Event{Kind: "takeover.done", Severity: "critical", Server: "PBX", Actor: journal.Actor{Kind: "automatic", Name: "monitor"}, Message: "by itself"},
	)
	w.token(Viewer)
	// What is found only behind many others is found.
	w.commit(tick(0, "PBX"), tick(1, "PBX"))
	first, err := w.client().Audit(t.Context(), EventQuery{Limit: 1})
	if err != nil || len(first.Events) != 1 || first.Events[0].Kind != "audit.token_created" || first.Next == nil {
		t.Fatalf("the last deed: %+v, %v", first, err)
	}
	if second, err := w.client().Audit(t.Context(), EventQuery{Limit: 1, Before: *first.Next}); err != nil || len(second.Events) != 1 || second.Events[0].Kind != "server.suspended" {
		t.Errorf("the one before: %+v, %v", second, err)
	}
	l, err := w.client().Audit(t.Context(), EventQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range l.Events {
		got = append(got, e.Kind)
	}
	if diff := cmp.Diff([]string{"audit.token_created", "server.suspended"}, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

// Round-trip times come in buckets with means over the answered ones.
func TestProbes(t *testing.T) {
	w := startWorld(t, Limits{})
	minute := time.Now().Truncate(time.Minute).Add(-10 * time.Minute)
	err := w.journal.AddBuckets(t.Context(), []journal.Bucket{
		{Server: "PBX", Path: 0, Start: minute, Step: time.Minute, Sent: 30, Lost: 6, Unknown: 4, Late: 1, MinRTT: time.Millisecond, SumRTT: 40 * time.Millisecond, MaxRTT: 9 * time.Millisecond},
		{Server: "PBX", Path: 1, Start: minute, Step: time.Minute, Sent: 30, Lost: 30},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.client().Probes(t.Context(), "PBX", time.Time{}, time.Time{}, 0)
	if err != nil || got.Step != 60 || len(got.Buckets) != 2 {
		t.Fatalf("probes: %+v, %v", got, err)
	}
	ptr := func(f float64) *float64 { return &f }
	want := []ProbeBucket{
		{Start: minute, Path: 0, Address: "10.0.0.1", Sent: 30, Lost: 6, Unknown: 4, Late: 1, MinRTT: ptr(.001), MeanRTT: ptr(.002), MaxRTT: ptr(.009)},
		{Start: minute, Path: 1, Sent: 30, Lost: 30},
	}
	if diff := cmp.Diff(want, got.Buckets, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("buckets (-want +got):\n%s", diff)
	}
	viewer := w.token(Viewer).Secret
	for q, want := range map[string]float64{
		"step=1s": 60, "step=9999h": 744 * 3600, "step=0h15m": 900, // the nearest possible ones
		"step=1m&from=2026-01-01T00:00:00Z&to=2026-01-11T10:00:00Z": 180, // 250 hours are 15,000 minutes
		"step=1m&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": 60,  // the end comes first: there is nothing
	} {
		res, answer := w.call("GET", "/api/v1/servers/PBX/probes?"+q, viewer, "")
		var got ProbeHistory
		if err := json.Unmarshal(answer, &got); err != nil || res.StatusCode != http.StatusOK || got.Step != want {
			t.Errorf("probes?%s: %s %s: %v; want a step of %v s", q, res.Status, answer, err, want)
		}
	}
	for _, q := range []string{"step=x", "step=-1m", "step=1.5h", "step=1m%0A", "to=yesterday"} {
		if p := w.refused("GET", "/api/v1/servers/PBX/probes?"+q, viewer, ""); p.Code != Invalid || len(p.Errors) == 0 {
			t.Errorf("probes?%s: %+v", q, p)
		}
	}
}

// The delivery log shows what the mail servers answered.
func TestMails(t *testing.T) {
	w := startWorld(t, Limits{})
	_, err := w.journal.Commit(t.Context(), journal.Batch{
		Events: []journal.Event{{Kind: "server.failure", Severity: "critical", Server: "CRM"}},
		Alerts: []journal.Alert{{Kind: "server.failure", Server: "CRM", Incident: "INC-1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.client().Mails(t.Context(), "CRM", "pending", 0, 10)
	if mails := list.Mails; err != nil || len(mails) != 1 || mails[0].Recipient != "ops@example.com" || mails[0].Done != nil || mails[0].FirstTried != nil {
		t.Errorf("mails: %+v, %v", mails, err)
	}
	if list, err := w.client().Mails(t.Context(), "PBX", "", 0, 0); err != nil || len(list.Mails) != 0 {
		t.Errorf("mails of another server: %+v, %v", list, err)
	}
}

// An order goes on when whoever gave it hangs up; a question does not.
func TestOrderOutlivesItsSender(t *testing.T) {
	standby := newFakeStandby()
	release := make(chan struct{})
	standby.block = release
	s, err := New(Config{Standby: standby, History: noHistory{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		orderDirectly(ctx, s, []byte("{}"), "application/json", "")
	}()
	eventually(t, func() bool { return len(standby.orders()) == 1 })
	cancel()
	if err := standby.orders()[0].ctx.Err(); err != nil {
		t.Errorf("the order was given up: %v", err)
	}
	if _, bounded := standby.orders()[0].ctx.Deadline(); !bounded {
		t.Error("the order may take for ever")
	}
	close(release)
	<-ended
	if r, err := standby.Operation(t.Context(), "op_PBX"); err != nil || r.State != plan.Running {
		t.Errorf("the operation: %+v, %v", r, err)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline:
			t.Fatal("it did not come true within 10 s")
		case <-tick.C:
		}
	}
}

// problemCode is the code of a problem, empty for anything else.
func problemCode(err error) string {
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		return ""
	}
	return p.Code
}

// firstError is the first that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// wantEqual is an error if got is not what is wanted.
func wantEqual(got, want string) error {
	if got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// TestSetAside: what was set aside reaches the client, and so does that the agent does not answer.
func TestSetAside(t *testing.T) {
	w := startWorld(t, Limits{})
	c := w.client()
	v, err := c.SetAside(t.Context(), "PBX", "vm", AsidePage{})
	if err != nil || len(v.Files) != 3 || v.Files[0].Path != "a.wav" || v.Next != nil {
		t.Errorf("%+v, %v", v, err)
	}
	w.standby.set(func(f *fakeStandby) { f.err = &status.Refusal{Code: status.AgentSilent, Detail: "it does not answer"} })
	var p *Problem
	if _, err := c.SetAside(t.Context(), "PBX", "vm", AsidePage{}); !errors.As(err, &p) || p.Status != 409 || p.Code != status.AgentSilent {
		t.Errorf("of a silent agent: %v", err)
	}
}
