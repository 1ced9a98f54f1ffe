package standby

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
	"failoverd/status"
)

// The journal takes nothing for long. Alerts wait in it, so people are told past it: once that nothing is taken over, and once of
// each server that fails meanwhile; again and again until somebody has got it; and that it is over.
func TestPeopleAreToldPastAJournalThatTakesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx), primary("crm", crm)).start()
		w.pass(9 * time.Second)
		heard := func() (said []string) {
			w.set(func() {
				for _, e := range w.cried {
					if e.Kind != "journal.unwritable" || e.Severity != "critical" || !strings.Contains(e.Reason, "disk full") {
						t.Errorf("they were told %+v", e)
					}
					before, _, _ := strings.Cut(e.Message, "the journal cannot be written")
					said = append(said, before)
				}
				w.cried = nil
			})
			return said
		}
		told := func(what string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, heard()); diff != "" {
				t.Errorf("%s, they were told (-want +got):\n%s", what, diff)
			}
		}

		// breaks is noticed at once where somebody wants something.
		breaks := func() {
			w.memory.breaks(errors.New("disk full"))
			if _, err := w.s.Suspend(context.Background(), "crm", by("new disk")); code(err) != status.JournalUnwritable {
				t.Fatal(err)
			}
		}
		breaks()
		w.pass(29 * time.Second)
		w.memory.breaks(nil)
		w.pass(time.Minute)
		told("of short trouble, which the outbox tells")

		breaks()
		w.pass(29 * time.Second)
		told("after 29 s")
		w.pass(2 * time.Second)
		told("after half a minute", "")
		w.memory.breaks(nil)
		w.pass(10 * time.Second)
		if got := count(w.mails(), "journal.writable"); got != 1 {
			t.Errorf("%d mails say that it is over: %v", got, w.mails())
		}

		// It is over while they are being told.
		open := w.shut("cry")
		breaks()
		w.pass(31 * time.Second)
		w.memory.breaks(nil)
		w.pass(10 * time.Second)
		open()
		w.pass(time.Second)
		told("as it ends", "")
		if got := count(w.mails(), "journal.writable"); got != 2 {
			t.Errorf("%d mails say that it is over: %v", got, w.mails())
		}

		// Where nobody wants anything it is noticed as well.
		w.memory.breaks(errors.New("disk full"))
		w.pass(62 * time.Second)
		told("after a minute", "")
		w.pass(10 * time.Minute)
		told("as long as nothing else happens")

		w.dies(pbx)
		w.pass(2 * time.Minute)
		told("when one fails", "pbx failed and NOT TAKEN OVER: ")
		w.done()
		w.set(func() { w.fail["cry"] = errors.New("no mail server answers") })
		w.dies(crm)
		w.pass(5 * time.Minute)
		if tried := count(w.done(), "cry"); tried < 4 || tried > 5 {
			t.Errorf("in 5 minutes in which nobody can be told it is tried %d times", tried)
		}
		w.set(func() { delete(w.fail, "cry") })
		w.pass(time.Minute)
		told("when somebody can be told", "pbx, crm failed and NOT TAKEN OVER: ")
		w.returns(crm)
		w.pass(5 * time.Minute)
		told("when one has come back")

		// That it is over is not written down at the first try.
		tries := 0
		w.memory.asks(func(b journal.Batch) error {
			if slices.ContainsFunc(b.Events, func(e journal.Event) bool { return e.Kind == "journal.writable" }) {
				if tries++; tries == 1 {
					return errors.New("disk full")
				}
			}
			return nil
		})
		w.memory.breaks(nil)
		w.pass(5 * time.Second)
		if got := count(w.mails(), "journal.writable"); got != 3 {
			t.Errorf("%d mails say that it is over: %v", got, w.mails())
		}
		w.pass(5 * time.Minute)
		told("when it is over")
		if !slices.Contains(w.mails(), "takeover.done") {
			t.Errorf("what was held back is not done: %v", w.mails())
		}
	})
}

// cries notes what people are told past the journal.
func (w *world) cries(ctx context.Context, e journal.Event) error {
	return w.act(ctx, "cry", func() { w.cried = append(w.cried, e) })
}
