package standby

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/config"
	"failoverd/journal"
	"failoverd/status"
)

// delivers lets time pass in which every alert arrives.
func (w *world) delivers(d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.pass(min(30*time.Second, time.Until(end)))
		waiting, err := w.memory.Mails(context.Background(), journal.MailQuery{State: journal.MailPending})
		w.must(err)
		for _, m := range waiting {
			m.State, m.Done = journal.MailSent, time.Now()
			w.must(w.memory.SaveMail(context.Background(), m))
		}
	}
}

// incidentMails are the kinds of alerts that are about how an incident is dealt with.
func (w *world) incidentMails() []string {
	w.t.Helper()
	return slices.DeleteFunc(w.mails(), func(kind string) bool { return !strings.HasPrefix(kind, "incident.") })
}

// openIncidents are the incidents that the snapshot shows, each with who takes care.
func (w *world) openIncidents() []string {
	var list []string
	for _, i := range w.s.Snapshot().Incidents {
		text := i.Server + " " + i.Kind + " " + i.Severity
		if i.Taken != nil {
			text += " " + i.Taken.By
		}
		list = append(list, text)
	}
	return list
}

// incidentsAre compares the open incidents.
func (w *world) incidentsAre(when string, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.openIncidents()); diff != "" {
		w.t.Errorf("%s: open incidents (-want +got):\n%s", when, diff)
	}
}

// impatient is a world in which nobody is left in peace.
func impatient(t *testing.T, servers ...config.Server) *world {
	w := newWorld(t, servers...)
	w.conf.Alerts.RemindEvery, w.conf.Alerts.Escalation = 30*time.Minute, &config.Escalation{After: 20 * time.Minute, To: []string{"boss@example.com"}}
	return w
}

// TestIncidentOfAnOutage: it opens with the first alert, is escalated, reminded of and taken, over restarts, and ends with the recovery.
func TestIncidentOfAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := impatient(t, primary("pbx", pbx)).start()
		w.delivers(time.Minute)
		w.incidentsAre("all is well")
		w.dies(pbx)
		w.delivers(30 * time.Second)
		w.incidentsAre("a warning", "pbx server.warning warning")
		w.delivers(time.Minute)
		w.incidentsAre("taken over", "pbx server.warning critical")
		w.delivers(19 * time.Minute)
		if got := w.incidentMails(); len(got) != 0 {
			t.Errorf("after 20 minutes: %v", got)
		}
		w.delivers(2 * time.Minute)
		w.crash()
		w.start()
		w.delivers(10 * time.Minute)
		if diff := cmp.Diff([]string{"incident.escalated"}, w.incidentMails()); diff != "" {
			t.Errorf("after half an hour (-want +got):\n%s", diff)
		}
		w.delivers(70 * time.Minute)
		w.stopDaemon()
		w.start()
		if diff := cmp.Diff([]string{"incident.escalated", "incident.reminder", "incident.reminder"}, w.incidentMails()); diff != "" {
			t.Errorf("after two hours (-want +got):\n%s", diff)
		}
		id := w.s.Snapshot().Incidents[0].ID
		if id != w.of("pbx").Incident {
			t.Errorf("incident %s, the server says %s", id, w.of("pbx").Incident)
		}
		taken, err := w.s.Acknowledge(t.Context(), id, by("power cut"))
		if err != nil || taken.Taken == nil || taken.Taken.By != "ann" || taken.Taken.Reason != "power cut" {
			t.Fatalf("%+v, %v", taken, err)
		}
		other := by("me too")
		other.By.Name = "bob"
		if again, err := w.s.Acknowledge(t.Context(), id, other); err != nil || again.Taken.By != "ann" {
			t.Errorf("%+v, %v", again, err)
		}
		w.incidentsAre("taken", "pbx server.warning critical ann")
		w.delivers(5 * time.Hour)
		if diff := cmp.Diff([]string{"incident.escalated", "incident.reminder", "incident.reminder", "incident.acknowledged"}, w.incidentMails()); diff != "" {
			t.Errorf("after it was taken (-want +got):\n%s", diff)
		}
		w.returns(pbx)
		_, err = w.s.Release(t.Context(), "pbx", by("repaired"))
		w.must(err)
		w.delivers(2 * time.Minute)
		w.incidentsAre("released")
		if _, err := w.s.Acknowledge(t.Context(), id, by("")); code(err) != status.WrongState {
			t.Errorf("what is over was acknowledged: %v", err)
		}
		if _, err := w.s.Acknowledge(t.Context(), "none", by("")); code(err) != status.NotFound {
			t.Errorf("what never was is acknowledged: %v", err)
		}
		all, err := w.s.Incidents(t.Context(), journal.IncidentQuery{Server: "pbx", Limit: 10})
		if err != nil || len(all) != 1 || all[0].Ended == nil || all[0].Taken.By != "ann" || all[0].Reminders != 2 || all[0].Escalated == nil {
			t.Errorf("%+v, %v", all, err)
		}
		if open, err := w.s.Incidents(t.Context(), journal.IncidentQuery{Open: true, Limit: 10}); err != nil || len(open) != 0 {
			t.Errorf("%+v, %v", open, err)
		}
	})
}

// TestReminderWaitsForItsWay: to whom an alert could not be sent yet nobody sends reminders on top.
func TestReminderWaitsForItsWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := impatient(t, primary("pbx", pbx)).start()
		w.dies(pbx)
		w.pass(6 * time.Hour)
		if got := w.incidentMails(); !slices.Equal(got, []string{"incident.escalated"}) {
			t.Errorf("nothing arrives, and on top of it comes %v", got)
		}
		if n := w.happened("incident.reminder"); n == 0 {
			t.Error("no reminder is in the history")
		}
		w.delivers(31 * time.Minute)
		if got := count(w.incidentMails(), "incident.reminder"); got != 1 {
			t.Errorf("%d reminders once the way is free, want 1", got)
		}
	})
}

// TestIncidentIsQuiet: of a server that somebody has suspended they know.
func TestIncidentIsQuiet(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := impatient(t, primary("pbx", pbx)).start()
		w.dies(pbx)
		w.delivers(2 * time.Minute)
		_, err := w.s.Suspend(t.Context(), "pbx", by("repairing it"))
		w.must(err)
		w.delivers(3 * time.Hour)
		if got := w.incidentMails(); len(got) != 0 {
			t.Errorf("while suspended: %v", got)
		}
		w.incidentsAre("suspended", "pbx server.warning critical")
		_, err = w.s.Resume(t.Context(), "pbx", by("done"))
		w.must(err)
		w.delivers(time.Minute)
		if diff := cmp.Diff([]string{"incident.escalated"}, w.incidentMails()); diff != "" {
			t.Errorf("when it is watched again (-want +got):\n%s", diff)
		}
	})
}

// TestIncidentOnAFullDisk: what cannot be written down is not said, and is said once when it can.
func TestIncidentOnAFullDisk(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := impatient(t, primary("pbx", pbx)).start()
		w.dies(pbx)
		w.delivers(2 * time.Minute)
		w.memory.breaks(errors.New("disk full"))
		w.delivers(time.Hour)
		if got := w.incidentMails(); len(got) != 0 {
			t.Errorf("with a disk that is full: %v", got)
		}
		id := w.s.Snapshot().Incidents[0].ID
		if _, err := w.s.Acknowledge(t.Context(), id, by("me")); code(err) != status.JournalUnwritable {
			t.Errorf("acknowledged, and not written down: %v", err)
		}
		w.incidentsAre("nobody has it", "pbx server.warning critical")
		w.memory.breaks(nil)
		w.delivers(2 * time.Minute)
		if diff := cmp.Diff([]string{"incident.escalated"}, w.incidentMails()); diff != "" {
			t.Errorf("afterwards (-want +got):\n%s", diff)
		}
	})
}

// TestIncidentOfFiles: what is wrong with a tree is one incident from the first ailment to the last one's end, by its own name.
func TestIncidentOfFiles(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := impatient(t, withFiles(primary("pbx", pbx)))
		w.trees.fare("pbx", "greetings", current(time.Now()))
		w.trees.fare("pbx", "vm", current(time.Now()))
		w.start()
		w.delivers(time.Minute)
		held := current(time.Now())
		held.Current, held.Held = false, 5000
		w.trees.fare("pbx", "vm", held)
		w.delivers(time.Minute)
		w.incidentsAre("deletions are held", "pbx files.held warning")
		w.delivers(time.Hour)
		lost := held
		lost.Root, lost.Problem = true, "another directory"
		w.trees.fare("pbx", "vm", lost)
		w.delivers(time.Minute)
		w.incidentsAre("the source is gone", "pbx files.held critical")
		id := w.s.Snapshot().Incidents[0].ID
		w.trees.fare("pbx", "vm", current(time.Now()))
		w.delivers(time.Minute)
		w.incidentsAre("all is well")
		mails, err := w.memory.Mails(t.Context(), journal.MailQuery{Incident: id})
		w.must(err)
		var kinds []string
		for _, m := range mails {
			kinds = append(kinds, m.Kind)
		}
		slices.Reverse(kinds)
		if diff := cmp.Diff([]string{"files.held", "incident.reminder", "incident.reminder", "files.root", "files.current"}, kinds); diff != "" {
			t.Errorf("mails of %s (-want +got):\n%s", id, diff)
		}
	})
}

// TestIncidentOfCopies: a replication that fails opens one, the next one that succeeds ends it, in the same thread.
func TestIncidentOfCopies(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newCompany(t)
		w.conf.Alerts.RemindEvery = 30 * time.Minute
		w.start()
		w.orders(status.FromLive)
		w.fills(2)
		w.engine.Fail("copy", errors.New("disk full"))
		w.orders(status.FromLive)
		w.delivers(time.Minute)
		w.incidentsAre("it failed", "pbx replication.failed warning")
		id := w.s.Snapshot().Incidents[0].ID
		w.delivers(40 * time.Minute)
		w.crash()
		w.start()
		w.engine.Fail("copy", nil)
		w.orders(status.FromLive)
		w.delivers(time.Minute)
		w.incidentsAre("it succeeded")
		mails, err := w.memory.Mails(t.Context(), journal.MailQuery{Incident: id})
		w.must(err)
		var kinds []string
		for _, m := range mails {
			kinds = append(kinds, m.Kind)
		}
		slices.Reverse(kinds)
		if diff := cmp.Diff([]string{"replication.failed", "incident.reminder", "replication.done"}, kinds); diff != "" {
			t.Errorf("mails of %s (-want +got):\n%s", id, diff)
		}
	})
}
