package standby

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/alerts"
	"failoverd/journal"
	"failoverd/status"
)

// reports lists the local times of the daily reports in the history, oldest first, and fails the test unless each has its mail.
func (w *world) reports() []string {
	w.t.Helper()
	events, err := w.memory.Events(context.Background(), journal.EventQuery{Kind: alerts.Report})
	if err != nil {
		w.t.Fatal(err)
	}
	var list []string
	for _, e := range events {
		list = append(list, e.Time.Local().Format("02 15:04"))
	}
	if n := count(w.mails(), alerts.Report); n != len(list) {
		w.t.Errorf("%d mails for %d reports", n, len(list))
	}
	return list
}

// TestOneReportADay: at its time, once a day whatever the daemon does, made up for after a night without it.
func TestOneReportADay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, slow(primary("pbx", pbx)))
		w.conf.Alerts.DailyReport = "07:00"
		expect := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, w.reports()); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
		}
		w.until("2000-01-01 12:00")
		w.start()
		w.pass(time.Minute)
		expect() // who has just asked for it gets the next one
		w.idles("2000-01-02 06:55")
		w.until("2000-01-02 06:59")
		expect()
		w.until("2000-01-02 07:01")
		expect("02 07:00")
		w.idles("2000-01-02 18:00")
		w.pass(time.Minute)
		expect("02 07:00")
		w.idles("2000-01-03 09:30")
		w.pass(time.Minute)
		expect("02 07:00", "03 09:30")
	})
}

// TestAReportThatCannotBeWritten is made again when it can.
func TestAReportThatCannotBeWritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, slow(primary("pbx", pbx)))
		w.conf.Alerts.DailyReport = "07:00"
		w.until("2000-01-01 12:00")
		w.start()
		w.pass(time.Minute)
		w.idles("2000-01-02 06:55")
		w.memory.breaks(errors.New("no space left on device"))
		w.until("2000-01-02 07:05")
		w.memory.breaks(nil)
		w.pass(time.Minute)
		if diff := cmp.Diff([]string{"02 07:05"}, w.reports()); diff != "" {
			t.Errorf("reports (-want +got):\n%s", diff)
		}
	})
}

// TestReport: what a report says.
func TestReport(t *testing.T) {
	then := time.Date(2026, 8, 12, 1, 0, 0, 0, time.Local)
	quick := 0.0004
	ready := func(name string) status.Server {
		return status.Server{
			Name: name, State: "OK", Role: "standing by", Mode: "active", Readiness: status.Readiness{Verdict: "ready"},
			Paths: []status.Path{{Address: "10.0.0.1", Outcome: "answered", RTT: &quick}},
		}
	}
	later := func(d time.Duration) *time.Time { at := then.Add(d); return &at }
	pbx, crm, shop := ready("pbx"), ready("crm"), ready("shop")
	pbx.Copies = []status.Copy{
		{Catalog: "calls", Snapshot: &then, Verified: later(4 * time.Minute)},
		{Catalog: "users", Late: true, Attempt: &status.Attempt{At: then, Error: "no space"}},
	}
	pbx.Trees = []status.Tree{{Name: "vm", State: "current", Files: 7, Synced: &then}, {Name: "fax", State: "failing", Missing: 2, Problem: "unmounted"}}
	crm.State, crm.Readiness.Verdict = "Failure", "degraded"
	crm.Readiness.Checks = []status.Check{{Name: "alerts", Result: "warning", Value: "2 mails wait"}, {Name: "link", Result: "critical", Value: "down"}, {Name: "fine", Result: "ok"}}
	crm.Paths[0] = status.Path{Address: "10.0.0.2", Outcome: "missed"}
	shop.Mode, shop.State, shop.Readiness.Verdict = "suspended", "Suspended", "not ready"
	shop.Suspension = &status.Suspension{By: "alice", Reason: "patches", Since: then, Until: later(2 * time.Hour)}
	headline, sections := reportOf(status.Snapshot{Verdict: status.Uncovered, Servers: []status.Server{pbx, crm, shop}}, []journal.Event{
		{Time: then.Add(time.Hour), Kind: "takeover.failed", Severity: "critical", Server: "crm", Message: "the takeover failed", Reason: "no room"},
		{Time: then.Add(time.Minute), Kind: "server.answering", Severity: "info", Server: "crm", Message: "fine"},
		{Time: then, Kind: "standby.stalled", Severity: "warning", Message: "was stopped for 3 s"},
		{Time: then.Add(-time.Hour), Kind: "server.unstable", Severity: "critical", Server: "crm", Message: "crm is unstable"},
	}, nil)
	want := []alerts.Section{
		{Title: "Servers", Lines: []string{
			"pbx: OK, the standby is standing by; ready",
			"pbx by 10.0.0.1: answered in 0.4 ms",
			"crm: Failure, the standby is standing by; degraded; link: down; alerts: 2 mails wait",
			"crm by 10.0.0.2: missed",
			"shop: Suspended, the standby is standing by; not ready",
			"shop by 10.0.0.1: answered in 0.4 ms",
		}},
		{Title: "Suspended", Lines: []string{"shop: suspended by alice since 12 Aug 01:00, until 12 Aug 03:00: patches"}},
		{Title: "The data", Lines: []string{
			"pbx calls: as it was at 12 Aug 01:00, verified 12 Aug 01:04",
			"pbx users: no copy was ever completed, LATE; the last attempt failed at 12 Aug 01:00: no space",
			"pbx vm: current, 7 files, as its source at 12 Aug 01:00",
			"pbx fax: failing, 0 files, 2 missing; unmounted",
		}},
		{Title: "The last 24 hours", Lines: []string{
			"12 Aug 00:00  crm is unstable",
			"12 Aug 01:00  was stopped for 3 s",
			"12 Aug 02:00  crm: the takeover failed: no room",
		}},
	}
	if diff := cmp.Diff(want, sections); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if headline != "crm DOWN, and nobody serves" {
		t.Errorf("headline %q", headline)
	}
}

// TestReportHeadline: the subject alone says whether something wants a look.
func TestReportHeadline(t *testing.T) {
	server := func(name, state, role, verdict string) status.Server {
		return status.Server{Name: name, State: state, Role: role, Readiness: status.Readiness{Verdict: verdict}}
	}
	fine := server("pbx", "OK", "standing by", "ready")
	for want, s := range map[string]status.Snapshot{
		"the server is ready":               {Verdict: status.AllReady, Servers: []status.Server{fine}},
		"all 2 servers are ready":           {Verdict: status.AllReady, Servers: []status.Server{fine, fine}},
		"look at the standby":               {Verdict: status.Attention, Servers: []status.Server{fine}},
		"1 of 2 servers ready, look at crm": {Verdict: status.Attention, Servers: []status.Server{fine, server("crm", "OK", "standing by", "degraded")}},
		"0 of 1 servers ready, look at crm": {Verdict: status.Attention, Servers: []status.Server{server("crm", "Failure", "standing in", "ready")}},
		"pbx, crm DOWN, and nobody serves":  {Servers: []status.Server{server("pbx", "Failure", "standing by", "ready"), server("crm", "Failure", "taking over", "ready")}},
	} {
		if got := headlineOf(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestReportIsBounded: a night of a thousand alerts does not make a mail of a thousand lines, and says that it does not.
func TestReportIsBounded(t *testing.T) {
	var events []journal.Event
	for i := range 1000 {
		events = append(events, journal.Event{Severity: "critical", Message: fmt.Sprint("event ", 1000-i)})
	}
	lines := lately(events, nil)
	if len(lines) != mostLately+1 || !strings.Contains(lines[0], "980 more before these") || !strings.HasSuffix(lines[mostLately], "event 1000") {
		t.Errorf("%d lines, from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
	if got := lately(nil, errors.New("disk I/O error")); !slices.Equal(got, []string{"the history cannot be read: disk I/O error"}) {
		t.Errorf("%q", got)
	}
}
