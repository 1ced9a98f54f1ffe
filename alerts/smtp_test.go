package alerts

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
	gomail "github.com/wneessen/go-mail/smtp"
)

// sample is a message as it would be sent.
func sample() Message { return Compose(stories()["takeover.done"]) }

// sendWithin sends and checks that no error has the password.
func sendWithin(t *testing.T, limit time.Duration, c SMTPConfig, m Message) (string, bool, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	answer, retry, err := NewSMTP(c).Send(ctx, m)
	if err != nil {
		for e := err; e != nil; e = errors.Unwrap(e) {
			checkNoSecret(t, e.Error())
		}
	}
	return answer, retry, err
}

// checkNoSecret fails when the password is in a text, in one of the forms that it has on the wire.
func checkNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, form := range []string{
		testSecret, base64.StdEncoding.EncodeToString([]byte(testSecret)),
		base64.StdEncoding.EncodeToString([]byte("\x00" + testUser + "\x00" + testSecret)),
	} {
		if strings.Contains(text, form) {
			t.Errorf("the password is in %q", text)
		}
	}
}

// In every TLS mode the message arrives as it was composed, with a login where one is given.
func TestSMTPModes(t *testing.T) {
	for _, tt := range []struct {
		name, mode string
		server     sinkMode
		login      bool
	}{
		{"none", "none", sinkMode{}, false},
		{"none with login", "none", sinkMode{plaintextAuth: true}, true},
		{"starttls", "starttls", sinkMode{starttls: true}, false},
		{"starttls with login", "starttls", sinkMode{starttls: true}, true},
		{"implicit", "implicit", sinkMode{implicit: true}, false},
		{"implicit with login", "implicit", sinkMode{implicit: true}, true},
		{"opportunistic, offered", "opportunistic", sinkMode{starttls: true}, false},
		{"opportunistic, offered, with login", "opportunistic", sinkMode{starttls: true}, true},
		{"opportunistic, not offered", "opportunistic", sinkMode{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSink(t, tt.server)
			c := s.config(tt.mode)
			var want []string
			if tt.login {
				c = c.as(testUser, testSecret)
				want = []string{testUser + ":" + testSecret}
			}
			m := sample()
			answer, retry, err := sendWithin(t, 5*time.Second, c, m)
			if err != nil || retry || answer == "" {
				t.Fatalf("answer %q, retry %t, %v", answer, retry, err)
			}
			if diff := cmp.Diff(want, s.logins); diff != "" {
				t.Errorf("logins (-want +got)\n%s", diff)
			}
			var eml bytes.Buffer
			if _, err := m.WriteTo(&eml); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{eml.String()}, s.messages); diff != "" {
				t.Errorf("message (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff([]string{"failover@example.com"}, s.from); diff != "" {
				t.Errorf("from (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff([]string{"ops@example.com"}, s.to); diff != "" {
				t.Errorf("to (-want +got)\n%s", diff)
			}
			parsed, err := mail.ReadMessage(strings.NewReader(s.messages[0]))
			if err != nil || parsed.Header.Get("Message-Id") != "<"+m.MessageID+">" {
				t.Errorf("Message-ID %q, %v; want %q", parsed.Header.Get("Message-Id"), err, m.MessageID)
			}
		})
	}
}

// What is wrong is said, in words, and whether another try may help.
func TestSMTPRefusals(t *testing.T) {
	refuse := func(code int, text string) error { return &smtp.SMTPError{Code: code, Message: text} }
	for _, tt := range []struct {
		name   string
		server sinkMode
		set    func(s *sink, c *SMTPConfig)
		retry  bool
		want   string // in the error
		cause  string // in the last line of the dialogue
	}{
		{"untrusted authority, starttls", sinkMode{starttls: true}, func(_ *sink, c *SMTPConfig) { c.CAFile = "" }, true, "certificate", "ca_file"},
		{"untrusted authority, implicit", sinkMode{implicit: true}, func(_ *sink, c *SMTPConfig) { c.TLS, c.CAFile = "implicit", "" }, true, "certificate", "ca_file"},
		{"untrusted authority, opportunistic", sinkMode{starttls: true}, func(_ *sink, c *SMTPConfig) { c.TLS, c.CAFile = "opportunistic", "" }, true, "certificate", "ca_file"},
		{"another name", sinkMode{starttls: true}, func(_ *sink, c *SMTPConfig) { c.ServerName = "other.example.com" }, true, "other.example.com", "another name"},
		{"no such authority", sinkMode{starttls: true}, func(_ *sink, c *SMTPConfig) { c.CAFile = "/nonexistent" }, true, "/nonexistent", ""},
		{"no STARTTLS", sinkMode{}, func(*sink, *SMTPConfig) {}, true, "STARTTLS", "opportunistic"},
		{"not TLS", sinkMode{starttls: true}, func(_ *sink, c *SMTPConfig) { c.TLS = "implicit" }, true, "TLS", "starttls"},
		{"login refused", sinkMode{starttls: true}, func(s *sink, c *SMTPConfig) {
			*c = c.as(testUser, testSecret)
			s.onLogin = func(_, password string) error { return refuse(535, "no: "+password) } // A server that tells tales.
		}, true, "535", "password"},
		{"no login offered", sinkMode{starttls: true, noAuth: true}, func(_ *sink, c *SMTPConfig) { *c = c.as(testUser, testSecret) }, true, "no authentication", ""},
		{"no login in clear", sinkMode{plaintextAuth: true}, func(_ *sink, c *SMTPConfig) {
			c.TLS = "opportunistic"
			*c = c.as(testUser, testSecret)
		}, true, "encrypted: false", ""},
		{"password not readable", sinkMode{starttls: true}, func(_ *sink, c *SMTPConfig) {
			c.Username, c.Password = testUser, func() (string, error) { return "", os.ErrPermission }
		}, true, "permission denied", ""},
		{"sender refused", sinkMode{starttls: true}, func(s *sink, _ *SMTPConfig) { s.onMail = func() error { return refuse(550, "who are you") } }, true, "who are you", "alerts.email.from"},
		{"recipient refused", sinkMode{starttls: true}, func(s *sink, _ *SMTPConfig) { s.onRcpt = func(string) error { return refuse(550, "no such user") } }, false, "no such user", "recipient"},
		{"recipient later", sinkMode{starttls: true}, func(s *sink, _ *SMTPConfig) { s.onRcpt = func(string) error { return refuse(451, "greylisted") } }, true, "greylisted", ""},
		{"content refused", sinkMode{starttls: true}, func(s *sink, _ *SMTPConfig) { s.onData = func() error { return refuse(554, "spam") } }, false, "spam", ""},
		{"no room", sinkMode{starttls: true}, func(s *sink, _ *SMTPConfig) { s.onData = func() error { return refuse(452, "disk full") } }, true, "disk full", ""},
		{"nothing listens", sinkMode{}, func(_ *sink, c *SMTPConfig) { c.Port = 1 }, true, "refused", "nothing listens"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSink(t, tt.server)
			c := s.config("starttls")
			tt.set(s, &c)
			_, retry, err := sendWithin(t, 5*time.Second, c, sample())
			if err == nil || retry != tt.retry || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("retry %t, %v; want %t, %q", retry, err, tt.retry, tt.want)
			}
			if len(s.messages) != 0 {
				t.Errorf("%d messages arrived", len(s.messages))
			}
			lines, err := NewSMTP(c).Dialogue(t.Context(), sample())
			if err == nil || !strings.Contains(lines[len(lines)-1], tt.cause) {
				t.Errorf("%v, dialogue without %q at its end:\n%s", err, tt.cause, strings.Join(lines, "\n"))
			}
			checkNoSecret(t, strings.Join(lines, "\n"))
		})
	}
}

// A recipient that is no address is refused for good, without asking anybody.
func TestSMTPBadRecipient(t *testing.T) {
	m := sample()
	m.To = "not an address"
	if _, retry, err := NewSMTP(SMTPConfig{Host: "127.0.0.1", Port: 1, TLS: "none"}).Send(t.Context(), m); err == nil || retry {
		t.Errorf("retry %t, %v", retry, err)
	}
}

// Dialogue shows both sides, without the password.
func TestSMTPDialogue(t *testing.T) {
	s := newSink(t, sinkMode{starttls: true})
	lines, err := NewSMTP(s.config("starttls").as(testUser, testSecret)).Dialogue(t.Context(), sample())
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines, "\n")
	checkNoSecret(t, all)
	for _, want := range []string{"*: connected to 127.0.0.1", "C: STARTTLS", "C: MAIL FROM:<failover@example.com>", "C: RCPT TO:<ops@example.com>", "S: 250 ", "C: DATA", "*: accepted: ", "C: QUIT"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	t.Log("\n" + all)
}

// The best mechanism is chosen, and the password crosses an open connection only where that was said.
func TestLoginChooses(t *testing.T) {
	for _, tt := range []struct {
		offered        string
		tls, plaintext bool
		want           string // empty: refused
	}{
		{"LOGIN PLAIN", true, false, "PLAIN"},
		{"LOGIN", true, false, "LOGIN"},
		{"PLAIN CRAM-MD5 SCRAM-SHA-256", true, false, "SCRAM-SHA-256"},
		{"PLAIN LOGIN CRAM-MD5", false, false, "CRAM-MD5"},
		{"PLAIN LOGIN", false, false, ""},
		{"PLAIN LOGIN", false, true, "PLAIN"},
		{"LOGIN", false, true, "LOGIN"},
		{"NTLM LOGIN", true, false, "LOGIN"},
		{"GSSAPI", true, true, ""},
		{"", true, false, ""},
	} {
		l := &login{username: testUser, password: testSecret, host: "10.0.0.1", plaintext: tt.plaintext}
		got, _, err := l.Start(&gomail.ServerInfo{Name: "10.0.0.1", TLS: tt.tls, Auth: strings.Fields(tt.offered)})
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("offered %q, TLS %t, plaintext %t: %q, %v; want %q", tt.offered, tt.tls, tt.plaintext, got, err, tt.want)
		}
	}
}
