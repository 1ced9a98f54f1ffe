package alerts

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/wneessen/go-mail/log"
)

// Dialogue sends a message like Send and returns what both sides said, line by line, for a person who tries
// out the configuration. Passwords are not in it. When it did not succeed, the last line is the likely cause.
func (s *SMTP) Dialogue(ctx context.Context, m Message) ([]string, error) {
	hear := &transcript{}
	_, _, err := s.send(ctx, m, hear)
	if err != nil {
		hear.note("not sent: " + err.Error())
		if cause := likelyCause(err); cause != "" {
			hear.note("likely cause: " + cause)
		}
	}
	return hear.all(), err
}

// likelyCause explains an error of Send to a person.
func likelyCause(err error) string {
	text := err.Error()
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "the name of the server cannot be looked up: set alerts.email.host to its address"
	}
	if cause := causeOf(err, "alerts.email.ca_file", "is it 25, 465 (implicit) or 587 (starttls)?"); cause != "" {
		return cause
	}
	switch {
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return "the port is not encrypted from the start: set alerts.email.tls to starttls or none"
	case strings.Contains(text, "does not support STARTTLS"):
		return "the server offers no encryption: set alerts.email.tls to opportunistic or none"
	case strings.Contains(text, "535"), strings.Contains(text, "534"):
		return "wrong username or password"
	case strings.Contains(text, "530"):
		return "the server wants a username and a password"
	case strings.Contains(text, "RCPT TO"):
		return "the server does not know the recipient, or does not relay for this host or sender"
	case strings.Contains(text, "MAIL FROM"):
		return "the server does not accept the sender's address (alerts.email.from)"
	}
	return ""
}

// causeOf explains what can be wrong with any connection; caFile is the key that names further authorities, port what to
// ask oneself where nothing listens.
func causeOf(err error, caFile, port string) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var expired x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return "the server's certificate is signed by nobody whom this host trusts: set " + caFile
	case errors.As(err, &name):
		return "the server's certificate is for another name: " + name.Error()
	case errors.As(err, &expired):
		return "the server's certificate is not valid: " + expired.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens on that port: " + port
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "a firewall drops the connection, or the port speaks another protocol (encrypted or not?)"
	}
	return ""
}

// transcript collects the lines of a dialogue. A nil one hears nothing.
type transcript struct {
	mu     sync.Mutex
	secret string
	lines  []string
}

// mask keeps a secret out of all lines to come.
func (t *transcript) mask(secret string) {
	if t != nil {
		t.secret = secret
	}
}

// note adds a line of our own.
func (t *transcript) note(text string) { t.add("*", text) }

// add adds the lines of one side.
func (t *transcript) add(side, text string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	text, _ = hide(text, t.secret)
	for line := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\n") {
		// What a client says after AUTH may hold the password in a form that cannot be recognised.
		if side == "C" && strings.HasPrefix(strings.ToUpper(line), "AUTH ") {
			line = "AUTH ***"
		}
		t.lines = append(t.lines, side+": "+clean(line))
	}
}

// all returns the lines.
func (t *transcript) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines...)
}

// Debugf takes a line of the dialogue; the library has taken out what belongs to an authentication.
func (t *transcript) Debugf(l log.Log) {
	side := "S"
	if l.Direction == log.DirClientToServer {
		side = "C"
	}
	t.add(side, fmt.Sprintf(l.Format, l.Messages...))
}

// Infof, Warnf and Errorf complete the library's interface.
func (t *transcript) Infof(l log.Log)  { t.Debugf(l) }
func (t *transcript) Warnf(l log.Log)  { t.Debugf(l) }
func (t *transcript) Errorf(l log.Log) { t.Debugf(l) }
