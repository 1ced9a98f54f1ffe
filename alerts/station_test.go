package alerts

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"failoverd/journal"
)

// sent is one try that a fakeSender has seen.
type sent struct {
	After   time.Duration // since the sender was made
	To      string
	Subject string
}

// fakeSender is a mail server that does what its answer function says.
type fakeSender struct {
	answer func(ctx context.Context, n int, m Message) (retry bool, err error)

	mu       sync.Mutex
	begin    time.Time
	tries    []sent
	messages []Message
	now, top int // mails being sent at present, and the most at a time
}

func newFakeSender(answer func(ctx context.Context, n int, m Message) (bool, error)) *fakeSender {
	return &fakeSender{answer: answer, begin: time.Now()}
}

func (f *fakeSender) Send(ctx context.Context, m Message) (string, bool, error) {
	f.mu.Lock()
	f.tries = append(f.tries, sent{time.Since(f.begin), m.To, m.Subject})
	f.messages = append(f.messages, m)
	n := len(f.tries)
	f.now++
	f.top = max(f.top, f.now)
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.now--; f.mu.Unlock() }()
	retry, err := f.answer(ctx, n, m)
	if err != nil {
		return "", retry, err
	}
	return "250 queued", false, nil
}

// seen returns the tries so far.
func (f *fakeSender) seen() []sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]sent(nil), f.tries...)
}

// mails returns the messages so far, also those that were not accepted.
func (f *fakeSender) mails() []Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Message(nil), f.messages...)
}

// most returns how many were sent at a time at most.
func (f *fakeSender) most() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.top
}

// accept accepts everything.
func accept(context.Context, int, Message) (bool, error) { return false, nil }

// station is a standby's journal and outbox in a bubble.
type station struct {
	t       *testing.T
	dir     string
	to      []string
	least   map[string]string // of a recipient, where it is not everything
	journal *journal.Journal
	log     bytes.Buffer
	stop    func()
}

// inBubble runs a test in a synctest bubble with a station, whose directory is made outside of it.
func inBubble(t *testing.T, to []string, body func(t *testing.T, s *station)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &station{t: t, dir: dir, to: to}
		s.open()
		defer func() { s.stop(); s.journal.Close() }()
		body(t, s)
	})
}

// open opens the journal.
func (s *station) open() {
	s.t.Helper()
	j, err := journal.Open(s.t.Context(), s.dir, journal.Options{Recipients: s.recipients})
	if err != nil {
		s.t.Fatal(err)
	}
	s.journal, s.stop = j, func() {}
}

// recipients is whom alerts go to.
func (s *station) recipients(string) []journal.Recipient {
	var list []journal.Recipient
	for _, to := range s.to {
		list = append(list, journal.Recipient{To: to, Least: s.least[to]})
	}
	return list
}

// run starts the outbox; stop waits for its end.
func (s *station) run(sender Sender) *Outbox {
	o := NewOutbox(s.journal, sender, Composer{Standby: "stby1", From: "failover@example.com"}, slog.New(slog.NewTextHandler(&s.log, nil)))
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("outbox: %v", err)
		}
		s.stop = func() {}
	}
	return o
}

// alert commits an event with its alert.
func (s *station) alert(kind, server, incident string) {
	s.t.Helper()
	_, err := s.journal.Commit(s.t.Context(), journal.Batch{
		Events: []journal.Event{{Kind: kind, Server: server, Incident: incident, Message: "something happened"}},
		Alerts: []journal.Alert{{Kind: kind, Server: server, Incident: incident}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// states counts the mails by state.
func (s *station) states() map[string]int {
	s.t.Helper()
	mails, err := s.journal.Mails(s.t.Context(), journal.MailQuery{Limit: 10_000})
	if err != nil {
		s.t.Fatal(err)
	}
	n := map[string]int{}
	for _, m := range mails {
		n[m.State]++
	}
	return n
}

// count counts the events of a kind.
func (s *station) count(kind string) int {
	s.t.Helper()
	events, err := s.journal.Events(s.t.Context(), journal.EventQuery{Kind: kind})
	if err != nil {
		s.t.Fatal(err)
	}
	return len(events)
}
