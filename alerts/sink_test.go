package alerts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	testUser   = "failoverserver"
	testSecret = "s3cr3t-Pa55word"
)

// sink is a mail server that keeps what it is given.
type sink struct {
	port   int
	caFile string

	mu       sync.Mutex
	from, to []string
	messages []string
	logins   []string
	// What the server does; nil accepts.
	onLogin func(user, password string) error
	onMail  func() error
	onRcpt  func(to string) error
	onData  func() error
}

// sinkMode is how a sink is reached.
type sinkMode struct {
	implicit, starttls bool
	plaintextAuth      bool
	noAuth             bool
}

// newSink starts a mail server that ends with the test.
func newSink(t *testing.T, mode sinkMode) *sink {
	t.Helper()
	s := &sink{}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		if mode.noAuth {
			return &session{s}, nil
		}
		return &loginSession{session{s}}, nil
	}))
	server.Domain = "mail.example.com"
	server.AllowInsecureAuth = mode.plaintextAuth
	server.ErrorLog = log.New(io.Discard, "", 0)
	var certificate tls.Certificate
	certificate, s.caFile = newCertificate(t)
	if mode.starttls || mode.implicit {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if mode.implicit {
		l = tls.NewListener(l, server.TLSConfig)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		l.Close() // The server knows of it only once it serves.
		server.Close()
		<-ended
	})
	return s
}

// config reaches the sink.
func (s *sink) config(mode string) SMTPConfig {
	return SMTPConfig{Host: "127.0.0.1", Port: s.port, TLS: mode, CAFile: s.caFile, Timeout: 5 * time.Second}
}

// as adds a login.
func (c SMTPConfig) as(user, password string) SMTPConfig {
	c.Username, c.Password = user, func() (string, error) { return password, nil }
	return c
}

// session is one client of a sink.
type session struct{ *sink }

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onMail != nil {
		if err := s.onMail(); err != nil {
			return err
		}
	}
	s.from = append(s.from, from)
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onRcpt != nil {
		if err := s.onRcpt(to); err != nil {
			return err
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onData != nil {
		if err := s.onData(); err != nil {
			return err
		}
	}
	s.messages = append(s.messages, string(body))
	return nil
}

// loginSession offers PLAIN beside.
type loginSession struct{ session }

func (s *loginSession) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *loginSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.logins = append(s.logins, user+":"+password)
		if s.onLogin != nil {
			return s.onLogin(user, password)
		}
		return nil
	}), nil
}

// newCertificate makes an authority of its own for 127.0.0.1 and returns the file to trust.
func newCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// scripted is a server that talks by a script: each entry is said, and then one line is read where more follow.
func scripted(t *testing.T, script func(conn net.Conn, say func(string), hear func() string)) SMTPConfig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			clients.Go(func() {
				defer conn.Close()
				buffer := make([]byte, 64<<10)
				say := func(line string) { io.WriteString(conn, line+"\r\n") }
				hear := func() string {
					n, _ := conn.Read(buffer)
					return string(buffer[:n])
				}
				script(conn, say, hear)
			})
		}
	})
	t.Cleanup(func() { l.Close(); clients.Wait() })
	return SMTPConfig{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: "none"}
}

// upToData is the dialogue until the server has the message.
func upToData(say func(string), hear func() string) {
	say("220 mail.example.com ready")
	hear()
	say("250 mail.example.com")
	hear()
	say("250 sender ok")
	hear()
	say("250 recipient ok")
	hear()
	say("354 go on")
	for got := ""; !strings.HasSuffix(got, "\r\n.\r\n"); {
		part := hear()
		if part == "" {
			return
		}
		got += part
	}
}
