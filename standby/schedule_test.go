package standby

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/plan"
	"failoverd/replicate"
	"failoverd/status"
)

// until lets time pass until a moment of the bubble, which begins at midnight UTC of 1 January 2000.
func (w *world) until(text string) {
	w.t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", text, time.Local)
	if err != nil {
		w.t.Fatal(err)
	}
	w.pass(time.Until(at))
}

// idles ends the daemon until a moment at which it goes on, so that a night in which nothing happens costs nothing.
func (w *world) idles(text string) {
	w.t.Helper()
	w.stopDaemon()
	w.until(text)
	w.start()
}

// replications lists the replications of a server, oldest first.
func (w *world) replications(server string) []string {
	w.t.Helper()
	records, err := w.s.Operations(context.Background(), journal.OperationQuery{Server: server, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	var list []string
	for _, r := range records {
		if copying(r.Kind) {
			list = append(list, fmt.Sprintf("%s %s", r.State, r.Started.Local().Format("02 15:04")))
		}
	}
	slices.Reverse(list)
	return list
}

// slow makes a primary that is pinged rarely, so that days pass quickly.
func slow(c config.Server) config.Server {
	c.Ping.Interval, c.Ping.Timeout = 10*time.Minute, time.Second
	return c
}

// The daily run happens once a day, whatever becomes of the daemon meanwhile.
func TestOneRunADay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, slow(replicated(primary("pbx", pbx))))
		w.fills(1)
		w.until("2000-01-01 12:00")
		w.start()
		w.pass(time.Minute)
		if got := w.replications("pbx"); len(got) != 0 {
			t.Errorf("a server that was just added is copied in the middle of the day: %v", got)
		}
		w.idles("2000-01-02 00:55")
		w.until("2000-01-02 01:10")
		w.idles("2000-01-03 00:55")
		w.until("2000-01-03 01:10")
		want := []string{"succeeded 02 01:00", "succeeded 03 01:00"}
		if diff := cmp.Diff(want, w.replications("pbx")); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		// A restart in the same day begins none.
		w.idles("2000-01-03 12:00")
		w.pass(time.Minute)
		// A night without failoverd is made up for, once it has settled.
		w.idles("2000-01-04 09:00")
		w.pass(5 * time.Second)
		if got := w.replications("pbx"); len(got) != 2 {
			t.Errorf("not settled yet: %v", got)
		}
		w.pass(time.Minute)
		want = append(want, "succeeded 04 09:00")
		if diff := cmp.Diff(want, w.replications("pbx")); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		// One that is not to be made up for is not.
		w.stopDaemon()
		for i := range w.conf.Servers[0].Databases {
			w.conf.Servers[0].Databases[i].CatchUp = false
		}
		w.until("2000-01-05 09:00")
		w.start()
		w.pass(time.Minute)
		if diff := cmp.Diff(want, w.replications("pbx")); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
	})
}

// TestTwoSchedulesFallTogether copies one server after the other.
func TestTwoSchedulesFallTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, slow(replicated(primary("pbx", pbx))), slow(replicated(primary("crm", crm))))
		w.fills(1)
		w.engine.Put("crm", "calls", 1)
		w.engine.Put("crm", "users", 1)
		w.until("2000-01-01 12:00")
		w.start()
		w.pass(time.Minute)
		w.idles("2000-01-02 00:55")
		open := w.engine.Shut("copy")
		w.until("2000-01-02 01:05")
		if got := []string{w.replications("pbx")[0], w.replications("crm")[0]}; got[0][:7] != "running" || got[1][:6] != "queued" {
			t.Errorf("%v", got)
		}
		open()
		w.pass(time.Minute)
		if got := []string{w.replications("pbx")[0], w.replications("crm")[0]}; got[0][:9] != "succeeded" || got[1][:9] != "succeeded" {
			t.Errorf("%v", got)
		}
	})
}

// TestAnInterruptedRunIsBegunAnewOnce crashes in the middle of the night's run, twice.
func TestAnInterruptedRunIsBegunAnewOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, slow(replicated(primary("pbx", pbx))))
		w.fills(1)
		w.until("2000-01-01 12:00")
		w.start()
		w.pass(time.Minute)
		w.idles("2000-01-02 00:55")
		w.engine.Shut("copy")
		w.until("2000-01-02 01:05")
		for range 3 {
			w.crash()
			w.start()
			w.pass(5 * time.Minute)
		}
		got := strings.Join(w.replications("pbx"), ", ")
		if n := strings.Count(got, "undone"); n != 2 || strings.Count(got, "running") != 0 {
			t.Errorf("%s", got)
		}
	})
}

// TestLateIsSaidOnce lets the primary's server be away for a night: a failure at once, late in the morning, each once.
func TestLateIsSaidOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, slow(replicated(primary("pbx", pbx))))
		w.fills(1)
		w.until("2000-01-01 12:00")
		w.start()
		w.pass(time.Minute)
		w.idles("2000-01-02 00:55")
		w.until("2000-01-02 01:10")
		w.engine.Away("pbx", true)
		w.idles("2000-01-03 00:55")
		w.until("2000-01-03 01:10")
		w.idles("2000-01-03 06:50")
		w.until("2000-01-03 07:30")
		mails := w.mails()
		if count(mails, "replication.failed") != 1 || count(mails, "replication.late") != 1 {
			t.Errorf("mails: %v", mails)
		}
		c := w.of("pbx").Copies[0]
		if !c.Late || c.Attempt.OK {
			t.Errorf("%+v", c)
		}
		checks := map[string]status.Check{}
		for _, check := range w.of("pbx").Readiness.Checks {
			checks[check.Name] = check
		}
		if c := checks["source calls"]; c.Result != "warning" || !strings.Contains(c.Value, "nothing arrives") {
			t.Errorf("source: %+v", c)
		}
		if c := checks["data calls"]; c.Result != "warning" {
			t.Errorf("data: %+v", c)
		}
		w.engine.Away("pbx", false)
		w.idles("2000-01-04 00:55")
		w.until("2000-01-04 01:10")
		if c := w.of("pbx").Copies[0]; c.Late || !c.Attempt.OK {
			t.Errorf("%+v", c)
		}
		if got := count(w.mails(), "replication.done"); got != 1 {
			t.Errorf("that it succeeds again was mailed %d times", got)
		}
	})
}

// TestNothingIsCopiedOntoDivergedData lets nights pass after a takeover and a release.
func TestNothingIsCopiedOntoDivergedData(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t)
		w.until("2000-01-01 12:00")
		w.start()
		w.orders(status.FromLive)
		w.standsIn("pbx", pbx)
		w.engine.Put("standby", "pbx_calls", 7)
		w.engine.Put("standby", "pbx_users", 7)
		if _, err := w.s.Release(context.Background(), "pbx", by("repaired")); err != nil {
			t.Fatal(err)
		}
		w.returns(pbx)
		w.fills(2)
		w.pass(time.Minute)
		w.idles("2000-01-02 00:55")
		w.until("2000-01-02 01:10")
		w.stands(7, 0)
		if got := w.replications("pbx"); len(got) != 1 {
			t.Errorf("%v", got)
		}
		if r := w.orders(status.FromLive, status.DiscardDiverged); r.State != plan.Succeeded {
			t.Fatalf("%s: %s", r.State, r.Error)
		}
		w.stands(2, 7)
		if w.of("pbx").Diverged {
			t.Error("still diverged")
		}
	})
}

// TestWithoutData holds a takeover whose data was never copied, or is too old; an operator may accept that.
func TestWithoutData(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t).start()
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(40 * time.Second)
		if v := w.of("pbx"); v.Hold == nil || v.Hold.Code != "no-data" {
			t.Fatalf("%+v", v.Hold)
		}
		if _, err := w.s.Failover(context.Background(), "pbx", by("try")); err == nil || !strings.Contains(err.Error(), "no copy") {
			t.Errorf("%v", err)
		}
		o := by("we have paper")
		o.Accept = []string{status.DataLoss}
		if _, err := w.s.Failover(context.Background(), "pbx", o); err != nil {
			t.Fatal(err)
		}
		w.pass(5 * time.Second)
		w.is("pbx", "Failure", "standing in")
	})
	inBubble(t, func(t *testing.T) {
		c := replicated(primary("pbx", pbx))
		c.Takeover.MaxAge = time.Hour
		w := newWorld(t, c)
		if err := w.open(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"calls", "users"} {
			old := replicate.Copy{Last: &replicate.Complete{}}
			old.Last.Snapshot.At = time.Now().Add(-2 * time.Hour)
			w.remembers(name, old)
		}
		w.start()
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(40 * time.Second)
		if v := w.of("pbx"); v.Hold == nil || v.Hold.Code != "old-data" || v.Readiness.Verdict != "not ready" {
			t.Fatalf("%+v, %s", v.Hold, v.Readiness.Verdict)
		}
	})
}

// TestAScheduleThatComesDuringARun writes replicate_daily into the configuration while a copy is put in service. What
// the run has written down for the case of a crash stays, and the day is noted once the run has ended.
func TestAScheduleThatComesDuringARun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		byOrder := replicated(primary("pbx", pbx))
		for i := range byOrder.Databases {
			byOrder.Databases[i].ReplicateDaily = ""
		}
		w := newWorld(t, byOrder)
		w.fills(1)
		w.start()
		w.pass(time.Minute)
		open := w.engine.Shut("swap")
		r, err := w.s.Replicate(t.Context(), "pbx", status.FromLive, by("first copy"))
		if err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		w.with(replicated(primary("pbx", pbx)))
		if _, err := w.s.Reload(t.Context(), by("a schedule")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		for catalog, c := range w.remembered() {
			if c.Staged == nil || c.Staged.Operation != r.ID {
				t.Errorf("%s: what is about to be put in service is forgotten: %+v", catalog, c)
			}
		}
		open()
		if ended := w.endOf(r.ID); ended.State != plan.Succeeded {
			t.Fatalf("%s: %s", ended.State, ended.Error)
		}
		w.pass(time.Minute)
		for catalog, c := range w.remembered() {
			if c.Last == nil || c.Staged != nil || c.Since.IsZero() || c.Day == "" {
				t.Errorf("%s: after the run: %+v", catalog, c)
			}
		}
	})
}

// remembered is what the journal holds about pbx's copies.
func (w *world) remembered() map[string]replicate.Copy {
	w.t.Helper()
	rows, err := w.memory.Journal.Copies(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	copies := map[string]replicate.Copy{}
	for _, row := range rows {
		var c replicate.Copy
		if err := json.Unmarshal(row.Body, &c); err != nil {
			w.t.Fatal(err)
		}
		copies[row.Catalog] = c
	}
	if len(copies) == 0 {
		w.t.Error("nothing is remembered")
	}
	return copies
}
