package standby

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/replicate/trees"
	"failoverd/status"
)

// The journal cannot be read at the start: who fails is seen and told, and nothing is done that what it holds might forbid. Nobody
// is taken over, nothing is copied, agents are told nothing, orders are refused, and addresses stay where they are.
func TestAJournalThatCannotBeRead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := withFiles(replicated(primary("pbx", pbx)))
		c.ManagementAddress = pbxManagement
		w := newWorld(t, c, primary("crm", crm))
		w.conf.Alerts.DailyReport = "07:00"
		w.fills(1)
		w.trees.fare("pbx", "greetings", trees.Status{Connected: true, Current: true, Synced: time.Now(), Files: 7})
		w.unreadable = errors.New("table facts is torn")
		w.held[crm] = "eth0" // it stood in for crm
		w.start()
		if got := count(w.mails(), "journal.unreadable"); got != 1 {
			t.Errorf("%d mails say that the journal cannot be read", got)
		}
		w.pass(10 * time.Second)
		w.dies(pbx)
		w.set(func() { delete(w.wire, pbx) })
		w.pass(2 * time.Minute)
		v := w.of("pbx")
		if v.State != "Failure" || v.Role != "standing by" || v.Hold == nil || v.Hold.Code != "unreadable" {
			t.Errorf("%s, %s, held back: %+v", v.State, v.Role, v.Hold)
		}
		for _, kind := range []string{"server.warning", "server.failure"} {
			if !slices.Contains(w.mails(), kind) {
				t.Errorf("no mail %s: %v", kind, w.mails())
			}
		}
		w.returns(pbx)
		w.pass(time.Minute)

		orders := map[string]func() error{
			"failover": func() error {
				_, err := w.s.Failover(context.Background(), "pbx", by("now", "primary-alive"))
				return err
			},
			"release": func() error { _, err := w.s.Release(context.Background(), "crm", by("now")); return err },
			"suspend": func() error { _, err := w.s.Suspend(context.Background(), "pbx", by("now")); return err },
			"copy": func() error {
				_, err := w.s.Replicate(context.Background(), "pbx", status.FromLive, by("now"))
				return err
			},
			"drill": func() error { _, err := w.s.Drill(context.Background(), "pbx", by("now")); return err },
		}
		for name, order := range orders {
			if err := order(); code(err) != status.JournalUnreadable {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, kind := range []string{"takeover", "release", status.FromLive, status.Failback, status.Handover, status.Drill} {
			if _, err := w.s.Preview(context.Background(), "pbx", kind, by("")); code(err) != status.JournalUnreadable {
				t.Errorf("dry run of %s: %v", kind, err)
			}
		}
		w.pass(26 * time.Hour) // over the time of the daily copy
		w.stands(0, 0)
		w.follows("with nothing known of the copies")
		if w.hold.said != 0 {
			t.Errorf("the agent was told %d times who serves: %+v", w.hold.said, w.hold)
		}
		for _, act := range w.done() {
			t.Errorf("done: %s", act)
		}
		if !w.holds(crm) {
			t.Error("an address that may be served at is gone")
		}
		if got := count(w.mails(), "report.daily"); got != 1 {
			t.Errorf("%d daily reports", got)
		}
		s := w.s.Snapshot()
		if s.Standby.Journal.OK || !strings.Contains(s.Standby.Journal.Error, "cannot be read, and nothing is done: table facts is torn") {
			t.Errorf("the status says of the journal: %+v", s.Standby.Journal)
		}
		if i := slices.IndexFunc(s.Attention, func(n status.Notice) bool { return strings.HasPrefix(n.Text, "the journal cannot be read") }); i < 0 || s.Attention[i].Help != "journalctl -u failoverd" {
			t.Errorf("what needs a person: %+v", s.Attention)
		}
	})
}
