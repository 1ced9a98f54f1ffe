package alerts

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"failoverd/journal"
)

// A server that has accepted the message and then drops the connection, or says nothing more, has the message.
func TestSMTPDeliveredAfterAll(t *testing.T) {
	for name, end := range map[string]func(conn net.Conn, hear func() string){
		"dropped": func(net.Conn, func() string) {},
		"reset":   func(conn net.Conn, _ func() string) { conn.(*net.TCPConn).SetLinger(0) },
		"silent": func(_ net.Conn, hear func() string) {
			for hear() != "" {
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := scripted(t, func(conn net.Conn, say func(string), hear func() string) {
				upToData(say, hear)
				say("250 queued as 4711")
				end(conn, hear)
			})
			begin := time.Now()
			answer, retry, err := sendWithin(t, 20*time.Second, c, sample())
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("waited %v for a good-bye", took)
			}
			if err != nil || retry || !strings.Contains(answer, "queued as 4711") {
				t.Errorf("answer %q, retry %t, %v; want none", answer, retry, err)
			}
		})
	}
}

// A server that drops the connection before it has accepted the message has not got it.
func TestSMTPDroppedBeforeAccepted(t *testing.T) {
	c := scripted(t, func(_ net.Conn, say func(string), hear func() string) { upToData(say, hear) })
	if _, retry, err := sendWithin(t, 5*time.Second, c, sample()); err == nil || !retry {
		t.Errorf("retry %t, %v; want another try", retry, err)
	}
}

// A server that falls silent, wherever in the dialogue, costs no more than ctx allows.
func TestSMTPSilentServer(t *testing.T) {
	silent := func(hear func() string) {
		for hear() != "" {
		}
	}
	for name, script := range map[string]func(conn net.Conn, say func(string), hear func() string){
		"at once":        func(_ net.Conn, _ func(string), hear func() string) { silent(hear) },
		"after EHLO":     func(_ net.Conn, say func(string), hear func() string) { say("220 ready"); silent(hear) },
		"after DATA":     func(_ net.Conn, say func(string), hear func() string) { upToData(say, hear); silent(hear) },
		"endless banner": func(_ net.Conn, say func(string), hear func() string) { say("220-one"); silent(hear) },
		"after STARTTLS?": func(_ net.Conn, say func(string), hear func() string) {
			say("220 ready")
			hear()
			say("250-x\r\n250 STARTTLS")
			hear()
			say("220 go")
			silent(hear)
		},
	} {
		for _, mode := range []string{"none", "opportunistic", "implicit"} {
			if mode == "implicit" && name != "at once" {
				continue // The first word in clear ends that dialogue.
			}
			t.Run(name+" "+mode, func(t *testing.T) {
				t.Parallel()
				c := scripted(t, script)
				c.TLS, c.Timeout = mode, 10*time.Second
				begin := time.Now()
				_, retry, err := sendWithin(t, 300*time.Millisecond, c, sample())
				if took := time.Since(begin); took > c.Timeout/2 { // which is what ends it without ctx, later or several times
					t.Errorf("took %v, the limit was 300 ms", took)
				} else {
					t.Logf("took %v of 300 ms", took)
				}
				if err == nil || !retry || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("retry %t, %v; want a deadline", retry, err)
				}
			})
		}
	}
}

// A busy server that says so is asked again and then takes the message.
func TestSMTPBusyThenReady(t *testing.T) {
	var before atomic.Bool
	c := scripted(t, func(_ net.Conn, say func(string), hear func() string) {
		if !before.Swap(true) {
			say("421 too busy, come back later")
			return
		}
		upToData(say, hear)
		say("250 queued")
		hear()
		say("221 bye")
	})
	if _, retry, err := sendWithin(t, 5*time.Second, c, sample()); err == nil || !retry || !strings.Contains(err.Error(), "too busy") {
		t.Errorf("retry %t, %v; want another try", retry, err)
	}
	if _, _, err := sendWithin(t, 5*time.Second, c, sample()); err != nil {
		t.Error(err)
	}
}

// A mail that the server has accepted goes out once, though the server then breaks the connection; the whole way from the journal on.
func TestOutboxOverSMTP(t *testing.T) {
	accepted := make(chan string, 10)
	c := scripted(t, func(conn net.Conn, say func(string), hear func() string) {
		upToData(say, hear)
		say("250 queued as 4711")
		conn.(*net.TCPConn).SetLinger(0)
		accepted <- "mail"
	})
	s := &station{t: t, dir: t.TempDir(), to: []string{"ops@example.com"}}
	s.open()
	defer func() { s.journal.Close() }()
	s.run(NewSMTP(c))
	s.alert("takeover.done", "pbx1", "INC-1")
	for {
		changed := s.journal.Changed()
		if s.count("alert.sent") == 1 {
			break
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			t.Fatalf("not sent: %v", s.states())
		}
	}
	s.stop()
	s.run(NewSMTP(c)) // A restart finds nothing to do.
	s.stop()
	if n := len(accepted); n != 1 {
		t.Errorf("sent %d times, want once", n)
	}
	mails, err := s.journal.Mails(t.Context(), journal.MailQuery{})
	if err != nil || len(mails) != 1 || mails[0].State != journal.MailSent || !strings.Contains(mails[0].Answer, "4711") {
		t.Errorf("rows %+v, %v", mails, err)
	}
}
