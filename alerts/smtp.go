package alerts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	stdmail "net/mail"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// Sender is one way out. Send returns what the other side answered when it accepted the message; or why it
// was not delivered, in one line, and whether another try may help.
type Sender interface {
	Send(ctx context.Context, m Message) (answer string, retry bool, err error)
}

// SMTPConfig says how the mail server is reached.
type SMTPConfig struct {
	Host       string // an address, so that mail works without DNS
	Port       int
	TLS        string                 // none, starttls, opportunistic or implicit
	ServerName string                 // the name in the server's certificate; empty: Host
	CAFile     string                 // trusted beside the system's authorities; empty: those alone
	Username   string                 // empty: no authentication
	Password   func() (string, error) // read at each use, so that a changed one counts at once
	Timeout    time.Duration          // of a whole dialogue, beside that of ctx; 0: two minutes
}

// SMTP sends messages to one mail server, each in a dialogue of its own.
type SMTP struct{ config SMTPConfig }

// NewSMTP returns a sender. It opens nothing yet.
func NewSMTP(c SMTPConfig) *SMTP {
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Minute
	}
	if c.ServerName == "" {
		c.ServerName = c.Host
	}
	return &SMTP{c}
}

// Send delivers the message to the mail server. It ends with ctx, also when the server says nothing.
// An error after the server has accepted the message is none.
func (s *SMTP) Send(ctx context.Context, m Message) (answer string, retry bool, err error) {
	return s.send(ctx, m, nil)
}

// send is Send; hear, if not nil, is told every line.
func (s *SMTP) send(ctx context.Context, m Message, hear *transcript) (answer string, retry bool, err error) {
	if _, err := stdmail.ParseAddress(m.To); err != nil {
		return "", false, fmt.Errorf("recipient %q: %w", m.To, err)
	}
	msg, err := m.encode()
	if err != nil {
		return "", true, fmt.Errorf("compose a mail to %s: %w", m.To, err)
	}
	secret := ""
	if s.config.Username != "" && s.config.Password != nil {
		if secret, err = s.config.Password(); err != nil {
			return "", true, fmt.Errorf("read the password for the mail server: %w", err)
		}
	}
	hear.mask(secret)
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	err = s.dialogue(ctx, msg, secret, hear)
	if msg.IsDelivered() {
		return msg.ServerResponse(), false, nil
	}
	if err == nil {
		err = errors.New("the server did not say that it has accepted the mail")
	}
	if ctx.Err() != nil {
		// What the library says then is only that its connection was closed.
		err = fmt.Errorf("no answer in time: %w", context.Cause(ctx))
	}
	retry = temporary(err)
	var refusal *mail.SendError
	if errors.As(err, &refusal) {
		// Recipient and Message-ID, which the library appends, are known to whoever reads this.
		text, _, _ := strings.Cut(refusal.Error(), ", affected ")
		err = errors.New(text)
	}
	return "", retry, conceal(fmt.Errorf("mail server %s: %w", net.JoinHostPort(s.config.Host, strconv.Itoa(s.config.Port)), err), secret)
}

// dialogue connects, greets, authenticates, sends and closes. Everything that it opens ends with ctx.
func (s *SMTP) dialogue(ctx context.Context, msg *mail.Msg, secret string, hear *transcript) error {
	tlsConfig, err := s.tlsConfig()
	if err != nil {
		return err
	}
	hangUp := func() {}
	defer func() { hangUp() }()
	dial := func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		// The library obeys ctx while it dials only; a closed connection ends whatever it waits for later.
		// Some of its paths leave the connection open, so that it is closed at the end in any case.
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		hangUp = func() { stop(); conn.Close() }
		hear.note("connected to " + conn.RemoteAddr().String())
		if s.config.TLS != "implicit" {
			return conn, nil
		}
		encrypted := tls.Client(conn, tlsConfig)
		if err := encrypted.HandshakeContext(dialCtx); err != nil {
			return nil, err
		}
		hear.note(tls.VersionName(encrypted.ConnectionState().Version) + " from the start")
		return encrypted, nil
	}
	options := []mail.Option{
		mail.WithPort(s.config.Port), mail.WithTimeout(s.config.Timeout), mail.WithDialContextFunc(dial),
		mail.WithTLSConfig(tlsConfig), mail.WithoutNoop(), mail.WithoutRset(),
	}
	switch s.config.TLS {
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case "implicit":
		options = append(options, mail.WithSSL())
	case "opportunistic":
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case "starttls":
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		return fmt.Errorf("tls: %q is none of none, starttls, opportunistic, implicit", s.config.TLS)
	}
	if s.config.Username != "" {
		options = append(options, mail.WithSMTPAuthCustom(&login{
			username: s.config.Username, password: secret, host: s.config.Host, plaintext: s.config.TLS == "none",
		}))
	}
	if hear != nil {
		options = append(options, mail.WithLogger(hear), mail.WithDebugLog())
	}
	client, err := mail.NewClient(s.config.Host, options...)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	err = client.SendWithSMTPClient(session, msg)
	if msg.IsDelivered() {
		hear.note("accepted: " + msg.ServerResponse())
		// The mail is delivered; a server that does not say good-bye costs no more than this.
		farewell := time.AfterFunc(2*time.Second, hangUp)
		defer farewell.Stop()
	}
	if quitErr := client.CloseWithSMTPClient(session); err == nil {
		err = quitErr
	}
	return err
}

// temporary tells whether another try may help. Only what the server says for good about this recipient or
// this mail may not: a wrong password, name or certificate is corrected by somebody, and then the mail is still wanted.
func temporary(err error) bool {
	var refusal *mail.SendError
	if !errors.As(err, &refusal) || refusal.ErrorCode() < 500 {
		return true
	}
	switch refusal.Reason {
	case mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose, mail.ErrWriteContent:
		return false
	}
	return true
}

// conceal takes the password out of an error, also in the form in which it goes over the wire: some servers
// repeat what they were told.
func conceal(err error, secret string) error {
	if text, hidden := hide(err.Error(), secret); hidden {
		return errors.New(text) // The original is not kept, since whoever unwraps it would find the password.
	}
	return err
}

// hide replaces the secret in a text and tells whether it was there.
func hide(text, secret string) (string, bool) {
	if secret == "" {
		return text, false
	}
	shown := strings.NewReplacer(base64.StdEncoding.EncodeToString([]byte(secret)), "***", secret, "***").Replace(text)
	return shown, shown != text
}

// tlsConfig trusts the system's authorities and those of CAFile.
func (s *SMTP) tlsConfig() (*tls.Config, error) {
	trust, err := authorities(s.config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the mail server's authority: %w", err)
	}
	return &tls.Config{ServerName: s.config.ServerName, MinVersion: tls.VersionTLS12, RootCAs: trust}, nil
}

// authorities are the system's and those of a file; nil, which means the system's, where no file is named.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return pool, nil
}
