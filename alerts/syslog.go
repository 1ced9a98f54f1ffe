package alerts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"failoverd/journal"
)

// SyslogConfig says where a receiver of syslog is.
type SyslogConfig struct {
	Address    string // ADDRESS:PORT
	Transport  string // udp (RFC 5426), tcp (RFC 6587, octets counted) or tls (RFC 5425)
	ServerName string // in its certificate; empty: the address
	CAFile     string // trusted beside the system's authorities; empty: those alone
	Facility   int    // 0 to 23, RFC 5424 section 6.2.1
	Timeout    time.Duration
}

// Syslog sends alerts as messages of RFC 5424, each over a connection of its own.
type Syslog struct{ config SyslogConfig }

// NewSyslog returns a way to a receiver. It opens nothing yet.
func NewSyslog(c SyslogConfig) *Syslog {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	return &Syslog{c}
}

// Send sends one message. Syslog knows no answer: it has arrived as far as that can be told when it was written, no error
// came back, and, over TCP and TLS, the receiver has read it up to its end and has closed.
func (s *Syslog) Send(ctx context.Context, m Message) (answer string, retry bool, err error) {
	return s.send(ctx, m, nil)
}

// Dialogue sends a message like Send and tells how it went.
func (s *Syslog) Dialogue(ctx context.Context, m Message) ([]string, error) {
	hear := &transcript{}
	answer, _, err := s.send(ctx, m, hear)
	if err != nil {
		hear.note("not sent: " + err.Error())
		if cause := causeOf(err, "the receiver's ca_file", "is the port right, and does the receiver listen on it?"); cause != "" {
			hear.note("likely cause: " + cause)
		}
		return hear.all(), err
	}
	hear.note(answer)
	return hear.all(), nil
}

func (s *Syslog) send(ctx context.Context, m Message, hear *transcript) (string, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	fail := func(err error) (string, bool, error) {
		return "", true, fmt.Errorf("syslog at %s by %s: %w", s.config.Address, s.config.Transport, err)
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	hear.note("connected to " + conn.RemoteAddr().String() + " by " + s.config.Transport)
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return fail(err)
	}
	text := syslogMessage(s.config.Facility, m.Notification)
	hear.add("C", text)
	if s.config.Transport == "udp" {
		if _, err := io.WriteString(conn, text); err != nil {
			return fail(err)
		}
		if err := complaint(conn, datagramPatience); err != nil {
			return fail(err)
		}
		return "sent; by UDP nobody says whether it has arrived", false, nil
	}
	if _, err := fmt.Fprintf(conn, "%d %s", len(text), text); err != nil {
		return fail(err)
	}
	return taken(conn, deadline, fail)
}

// dial connects to the receiver.
func (s *Syslog) dial(ctx context.Context) (net.Conn, error) {
	if s.config.Transport != "tls" {
		return (&net.Dialer{}).DialContext(ctx, s.config.Transport, s.config.Address)
	}
	trust, err := authorities(s.config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the receiver's authority: %w", err)
	}
	name := s.config.ServerName
	if name == "" {
		if name, _, err = net.SplitHostPort(s.config.Address); err != nil {
			return nil, err
		}
	}
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: trust, ServerName: name, MinVersion: tls.VersionTLS12}}
	return dialer.DialContext(ctx, "tcp", s.config.Address)
}

// closePatience is how long a receiver may take to close after the end of what it was sent.
const closePatience = 2 * time.Second

// taken ends our side, and waits for the other one to do so: a receiver that closes in good order has read everything, and
// one that has died, or throws the rest away, resets. One that keeps the connection open has been sent it all the same.
func taken(conn net.Conn, deadline time.Time, fail func(error) (string, bool, error)) (string, bool, error) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return fail(err)
		}
	}
	if until := time.Now().Add(closePatience); until.Before(deadline) {
		deadline = until
	}
	if err := conn.SetReadDeadline(deadline); err != nil {
		return fail(err)
	}
	switch _, err := io.Copy(io.Discard, io.LimitReader(conn, answerBody)); {
	case err == nil:
		return "the receiver has read it and has closed the connection", false, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "sent; the receiver keeps the connection open", false, nil
	default:
		return fail(err)
	}
}

// datagramPatience is how long a host may take to say that nobody listens there.
const datagramPatience = 200 * time.Millisecond

// complaint is what came back after a datagram was sent: nothing, as a rule, or that nobody listens on that port.
func complaint(conn net.Conn, patience time.Duration) error {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) {
		return err
	}
	return nil
}

// syslogMessage is a notification as RFC 5424 has it. What it says is UTF-8 without a byte order mark (MSG-ANY).
func syslogMessage(facility int, n Notification) string {
	severity := map[string]int{journal.Critical: 2, journal.Warning: 4, journal.Info: 6} // crit, warning, info
	level, ok := severity[n.Severity]
	if !ok {
		level = 4
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>1 %s %s failoverd - %s [failoverd@32473", facility*8+level, n.Time.Format("2006-01-02T15:04:05.000Z07:00"),
		header(n.Standby, 255), header(n.Kind, 32))
	for _, p := range [...][2]string{
		{"id", n.ID},
		{"event", strconv.FormatInt(n.Event, 10)},
		{"severity", n.Severity},
		{"state", n.State},
		{"server", n.Server},
		{"incident", n.Incident},
		{"alarm", n.Alarm},
		{"clears", strconv.FormatBool(n.Clears)},
		{"actor", n.Actor},
		{"reason", clipped(n.Reason, 500)},
		{"runbook_url", n.RunbookURL},
	} {
		if p[1] != "" {
			fmt.Fprintf(&b, ` %s="%s"`, p[0], strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(clean(p[1])))
		}
	}
	b.WriteString("] " + clean(n.Title) + ": " + clipped(clean(n.Summary), 600))
	return b.String()
}

// header makes a field of the header: printable ASCII without spaces (RFC 5424 section 6).
func header(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '-'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}

// clipped cuts a text to at most that many bytes, between characters.
func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-3], "") + "..."
}
