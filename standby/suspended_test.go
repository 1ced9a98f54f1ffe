package standby

import (
	"context"
	"strings"
	"testing"
	"time"

	"failoverd/journal"
)

// TestRemindedOfASuspension: people are reminded of a server that somebody has suspended, once each time, over a crash and a
// restart, and are told when it is watched again. While mails wait, none is added.
func TestRemindedOfASuspension(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx))
		w.conf.Alerts.RemindSuspended = 30 * time.Minute
		w.start()
		suspend := func() {
			_, err := w.s.Suspend(context.Background(), "pbx", by("OS patches"))
			w.must(err)
		}
		reminders := func() int { return count(w.mails(), kindSuspended) }
		suspend()
		w.delivers(29 * time.Minute)
		if n := reminders(); n != 0 {
			t.Errorf("%d after 29 minutes", n)
		}
		w.crash()
		w.start()
		w.delivers(5 * time.Minute)
		w.crash()
		w.start()
		w.delivers(5 * time.Minute)
		if n := reminders(); n != 1 {
			t.Errorf("%d after 39 minutes, want 1", n)
		}
		e := w.last(kindSuspended)
		if !strings.Contains(e.Reason, "without an end: OS patches") || !strings.HasPrefix(e.Incident, "pbx-s") {
			t.Errorf("%+v", e)
		}
		w.pass(75 * time.Minute) // nothing can be delivered
		if n := reminders(); n != 2 {
			t.Errorf("%d after 114 minutes without a mail server, want 2", n)
		}
		_, err := w.s.Resume(context.Background(), "pbx", by(""))
		w.must(err)
		w.delivers(time.Minute)
		if over := w.last("server.resumed"); over.Incident != e.Incident || count(w.mails(), "server.resumed") != 1 {
			t.Errorf("%+v, %v", over, w.mails())
		}
		suspend()
		w.delivers(10 * time.Minute)
		_, err = w.s.Resume(context.Background(), "pbx", by(""))
		w.must(err)
		w.delivers(time.Minute)
		if n := count(w.mails(), "server.resumed"); n != 1 {
			t.Errorf("nobody was reminded, and %d were told that it is over", n-1)
		}
	})
}

// last is the last event of a kind.
func (w *world) last(kind string) journal.Event {
	w.t.Helper()
	found, err := w.memory.Events(context.Background(), journal.EventQuery{Kind: kind, Limit: 1000})
	w.must(err)
	if len(found) == 0 {
		w.t.Fatalf("there is no %s", kind)
	}
	return found[len(found)-1]
}
