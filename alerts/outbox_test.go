package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failoverd/journal"

	"github.com/google/go-cmp/cmp"
)

// A committed alert is mailed at once, to each recipient, and the journal says so.
func TestOutboxSendsAtOnce(t *testing.T) {
	inBubble(t, []string{"ops@example.com", "night@example.com"}, func(t *testing.T, s *station) {
		sender := newFakeSender(accept)
		s.run(sender)
		time.Sleep(time.Minute)
		s.alert("server.failure", "pbx1", "INC-1")
		synctest.Wait()
		want := []sent{{time.Minute, "night@example.com", "failoverd: pbx1 DOWN (INC-1)"}, {time.Minute, "ops@example.com", "failoverd: pbx1 DOWN (INC-1)"}}
		got := sender.seen()
		if len(got) == 2 && got[0].To > got[1].To {
			got[0], got[1] = got[1], got[0]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("mails (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{journal.MailSent: 2}, s.states()); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
		if n := s.count("alert.sent"); n != 2 {
			t.Errorf("%d events alert.sent, want 2", n)
		}
		mails, err := s.journal.Mails(t.Context(), journal.MailQuery{Recipient: "ops@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if m := mails[0]; m.Answer != "250 queued" || m.Attempts != 1 || m.MessageID == "" || m.FirstTried.IsZero() || m.Done.IsZero() {
			t.Errorf("row %+v", m)
		}
		time.Sleep(24 * time.Hour) // Nothing is sent twice.
		if n := len(sender.seen()); n != 2 {
			t.Errorf("%d tries, want 2", n)
		}
	})
}

// A server that is down is asked again by the schedule; the mail that arrives in the end says that it is late.
func TestOutboxRetries(t *testing.T) {
	inBubble(t, []string{"ops@example.com"}, func(t *testing.T, s *station) {
		begin := time.Now()
		sender := newFakeSender(func(_ context.Context, n int, _ Message) (bool, error) {
			if n <= 10 {
				return true, errors.New("connection refused")
			}
			return false, nil
		})
		s.run(sender)
		s.alert("takeover.done", "pbx1", "INC-1")
		time.Sleep(3 * time.Hour)
		var got []time.Duration
		for _, try := range sender.seen() {
			got = append(got, try.After)
		}
		want := []time.Duration{
			0, 5 * time.Second, 20 * time.Second, 50 * time.Second, 110 * time.Second, 230 * time.Second, 530 * time.Second,
			1130 * time.Second, 2930 * time.Second, 4730 * time.Second, 6530 * time.Second,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("tries after (-want +got)\n%s", diff)
		}
		first, last := sender.mails()[0], sender.mails()[10]
		if strings.Contains(first.Text, "LATE") {
			t.Errorf("the first try says that it is late:\n%s", first.Text)
		}
		tried := "It was first tried at " + Story{Zone: time.UTC}.stamp(begin)
		if flat := strings.Join(strings.Fields(last.Text), " "); !strings.Contains(flat, "THIS MAIL IS LATE by 1 h 48 min") || !strings.Contains(flat, tried) {
			t.Errorf("the last try does not say that it is late, and %q:\n%s", tried, last.Text)
		}
		if first.MessageID != last.MessageID {
			t.Errorf("one alert has two numbers: %s and %s", first.MessageID, last.MessageID)
		}
		if strings.Count(s.log.String(), "mail not sent") != 1 {
			t.Errorf("the log repeats itself:\n%s", s.log.String())
		}
	})
}

// When the way out works again, everything that was waiting goes out, not only what is due.
func TestOutboxCatchesUp(t *testing.T) {
	inBubble(t, []string{"ops@example.com"}, func(t *testing.T, s *station) {
		var up atomic.Bool
		sender := newFakeSender(func(context.Context, int, Message) (bool, error) {
			if up.Load() {
				return false, nil
			}
			return true, errors.New("no route to host")
		})
		s.run(sender)
		for i := range 5 {
			s.alert("takeover.done", fmt.Sprintf("pbx%d", i), "")
			time.Sleep(7 * time.Minute)
		}
		time.Sleep(3 * time.Hour)
		up.Store(true)
		time.Sleep(31 * time.Minute)
		if diff := cmp.Diff(map[string]int{journal.MailSent: 5}, s.states()); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
		tries := sender.seen()
		if spread := tries[len(tries)-1].After - tries[len(tries)-5].After; spread > time.Second {
			t.Errorf("the last went out %v after the first", spread)
		}
	})
}

// A recipient who is refused for good is given up, once, with an event; the others get theirs.
func TestOutboxPermanentRefusal(t *testing.T) {
	inBubble(t, []string{"gone@example.com", "ops@example.com"}, func(t *testing.T, s *station) {
		sender := newFakeSender(func(_ context.Context, _ int, m Message) (bool, error) {
			if m.To == "gone@example.com" {
				return false, errors.New("550 no such user")
			}
			return false, nil
		})
		s.run(sender)
		s.alert("server.failure", "pbx1", "INC-1")
		synctest.Wait()
		s.stop() // A restart does not bring it up again.
		s.journal.Close()
		s.open()
		s.run(sender)
		time.Sleep(8 * 24 * time.Hour)
		if diff := cmp.Diff(map[string]int{journal.MailSent: 1, journal.MailFailed: 1}, s.states()); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
		if n := len(sender.seen()); n != 2 {
			t.Errorf("%d tries, want 2", n)
		}
		events, err := s.journal.Events(t.Context(), journal.EventQuery{Kind: "alert.failed"})
		if err != nil || len(events) != 1 {
			t.Fatalf("events %v, %v; want one alert.failed", events, err)
		}
		if e := events[0]; e.Reason != "550 no such user" || e.Server != "pbx1" || e.Evidence["recipient"] != "gone@example.com" {
			t.Errorf("event %+v", e)
		}
	})
}

// A mail is given up after a week, across restarts, with an event.
func TestOutboxGivesUpAfterAWeek(t *testing.T) {
	inBubble(t, []string{"ops@example.com"}, func(t *testing.T, s *station) {
		sender := newFakeSender(func(context.Context, int, Message) (bool, error) { return true, errors.New("421 busy") })
		s.alert("server.failure", "pbx1", "INC-1")
		for range 8 {
			s.run(sender)
			time.Sleep(24 * time.Hour)
			s.stop()
			s.journal.Close()
			s.open()
		}
		if diff := cmp.Diff(map[string]int{journal.MailFailed: 1}, s.states()); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
		if n := s.count("alert.failed"); n != 1 {
			t.Errorf("%d events alert.failed, want 1", n)
		}
		tries := sender.seen()
		if last := tries[len(tries)-1].After; last < keepTrying-time.Hour || last > keepTrying {
			t.Errorf("last try after %v, want just before %v", last, keepTrying)
		}
	})
}

// What waits when the daemon stops goes out when it runs again.
func TestOutboxSurvivesARestart(t *testing.T) {
	inBubble(t, []string{"ops@example.com"}, func(t *testing.T, s *station) {
		down := newFakeSender(func(context.Context, int, Message) (bool, error) { return true, errors.New("connection refused") })
		s.run(down)
		s.alert("takeover.failed", "pbx1", "INC-1")
		time.Sleep(10 * time.Minute)
		s.stop()
		s.journal.Close()
		s.open()
		sender := newFakeSender(accept)
		s.run(sender)
		synctest.Wait()
		if n := len(sender.seen()); n != 1 {
			t.Fatalf("%d mails, want 1", n)
		}
		if sender.mails()[0].MessageID != down.mails()[0].MessageID {
			t.Error("the same alert has another number")
		}
	})
}

// A mail that is being sent when the daemon stops is waited for a little, so that it is not sent again.
func TestOutboxStopsGracefully(t *testing.T) {
	inBubble(t, []string{"ops@example.com"}, func(t *testing.T, s *station) {
		slow := func(took time.Duration) *fakeSender {
			return newFakeSender(func(ctx context.Context, _ int, _ Message) (bool, error) {
				select {
				case <-time.After(took):
					return false, nil
				case <-ctx.Done():
					return true, ctx.Err()
				}
			})
		}
		s.run(slow(2 * time.Second))
		s.alert("server.failure", "pbx1", "")
		synctest.Wait()
		s.stop()
		if diff := cmp.Diff(map[string]int{journal.MailSent: 1}, s.states()); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
		s.run(slow(time.Hour))
		s.alert("server.failure", "pbx1", "")
		synctest.Wait()
		begin := time.Now()
		s.stop()
		if took := time.Since(begin); took != grace {
			t.Errorf("stopping took %v, want %v", took, grace)
		}
		if diff := cmp.Diff(map[string]int{journal.MailSent: 1, journal.MailPending: 1}, s.states()); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
	})
}

// A recipient whose mails hang holds up nobody else, and few are sent at a time.
func TestOutboxRecipientsAreIndependent(t *testing.T) {
	var to []string
	for i := range 10 {
		to = append(to, fmt.Sprintf("r%d@example.com", i))
	}
	inBubble(t, to, func(t *testing.T, s *station) {
		sender := newFakeSender(func(ctx context.Context, _ int, m Message) (bool, error) {
			wait := time.Second
			if m.To == "r0@example.com" {
				wait = time.Hour
			}
			select {
			case <-time.After(wait):
				return false, nil
			case <-ctx.Done():
				return true, ctx.Err()
			}
		})
		s.run(sender)
		for range 3 {
			s.alert("server.failure", "pbx1", "")
		}
		time.Sleep(time.Minute)
		if diff := cmp.Diff(map[string]int{journal.MailSent: 27, journal.MailPending: 3}, s.states()); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
		if top := sender.most(); top != atOnce {
			t.Errorf("%d at a time, want %d", top, atOnce)
		}
	})
}

// A flood is cut off after twenty an hour, except for what must never be; the next mail counts what was left out.
func TestOutboxRateLimit(t *testing.T) {
	inBubble(t, []string{"ops@example.com"}, func(t *testing.T, s *station) {
		sender := newFakeSender(accept)
		s.run(sender)
		for range 1000 {
			s.alert("server.path_down", "pbx1", "")
			time.Sleep(time.Second)
		}
		if n := len(sender.seen()); n != mailsPerHour {
			t.Errorf("%d mails of 1000, want %d", n, mailsPerHour)
		}
		s.alert("server.path_down", "crm", "") // Another server is not concerned.
		for _, kind := range []string{"takeover.started", "takeover.done", "takeover.failed", "decision.refused", "server.answering"} {
			s.alert(kind, "pbx1", "")
			time.Sleep(time.Second)
		}
		want := map[string]int{journal.MailSent: mailsPerHour + 6, journal.MailDropped: 1000 - mailsPerHour}
		if diff := cmp.Diff(want, s.states()); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
		first := sender.mails()[mailsPerHour+1]
		if flat := strings.Join(strings.Fields(first.Text), " "); !strings.Contains(flat, "Not mailed, because there were more than 20 in an hour: 980 server.path_down.") {
			t.Errorf("the next mail does not say what was left out:\n%s", first.Text)
		}
		if strings.Contains(sender.mails()[mailsPerHour+2].Text, "Not mailed") {
			t.Error("what was left out is said twice")
		}
		time.Sleep(time.Hour + time.Second)
		s.alert("server.path_down", "pbx1", "")
		synctest.Wait()
		if n := len(sender.seen()); n != mailsPerHour+7 {
			t.Errorf("%d mails, want %d: after an hour there is room again", n, mailsPerHour+7)
		}
	})
}

// A journal that cannot take the result of a delivery does not make the mail go out again.
func TestOutboxDoesNotSendTwiceWhenTheJournalFails(t *testing.T) {
	inBubble(t, []string{"ops@example.com"}, func(t *testing.T, s *station) {
		sender := newFakeSender(accept)
		s.alert("server.failure", "pbx1", "")
		mails, err := s.journal.Mails(t.Context(), journal.MailQuery{})
		if err != nil {
			t.Fatal(err)
		}
		r := &round{
			Outbox: NewOutbox(s.journal, sender, Composer{From: "failover@example.com"}, slog.New(slog.DiscardHandler)),
			sends:  t.Context(), results: make(chan result, 2), busy: map[string]bool{}, unsaved: map[int64]result{}, trouble: map[string]bool{},
		}
		s.journal.Close()
		// As with a disk that is full: what waits can be read, and nothing be written.
		if r.journal, err = journal.Open(t.Context(), s.dir, journal.Options{ReadOnly: true}); err != nil {
			t.Fatal(err)
		}
		r.take(t.Context(), result{mail: mails[0], answer: "250 ok", tried: time.Now()})
		if due, err := r.journal.Due(t.Context(), time.Now()); err != nil || len(due) != 1 {
			t.Errorf("%d mails are due, %v; want the one that was sent", len(due), err)
		}
		r.dispatch(t.Context(), time.Now())
		synctest.Wait()
		if n := len(sender.seen()); n != 0 {
			t.Errorf("sent %d times more while that cannot be written down", n)
		}
		r.journal.Close()
		s.open()
		r.journal = s.journal
		r.dispatch(t.Context(), time.Now())
		synctest.Wait()
		if n := len(sender.seen()); n != 0 {
			t.Errorf("sent %d times more", n)
		}
		if diff := cmp.Diff(map[string]int{journal.MailSent: 1}, s.states()); diff != "" {
			t.Errorf("states (-want +got)\n%s", diff)
		}
	})
}

// Follow-ups belong to the thread of the incident's first mail.
func TestOutboxThreads(t *testing.T) {
	inBubble(t, []string{"ops@example.com"}, func(t *testing.T, s *station) {
		sender := newFakeSender(accept)
		o := s.run(nil) // No way out at first: everything waits.
		s.alert("server.failure", "pbx1", "INC-7")
		time.Sleep(time.Minute)
		s.alert("takeover.done", "pbx1", "INC-7")
		synctest.Wait()
		o.Use(sender, Composer{Standby: "stby1", From: "failover@example.com"})
		synctest.Wait()
		if len(sender.mails()) != 2 {
			t.Fatalf("%d mails, want 2", len(sender.mails()))
		}
		root, next := sender.mails()[0], sender.mails()[1]
		if root.Headers["In-Reply-To"] != "" || root.Subject != "failoverd: pbx1 DOWN (INC-7)" {
			t.Errorf("first: %q, in reply to %q", root.Subject, root.Headers["In-Reply-To"])
		}
		if next.Headers["In-Reply-To"] != "<"+root.MessageID+">" || next.Headers["References"] != "<"+root.MessageID+">" || next.Subject != "Re: "+root.Subject {
			t.Errorf("second: %q, in reply to %q; first %q, %q", next.Subject, next.Headers["In-Reply-To"], root.Subject, root.MessageID)
		}
	})
}
