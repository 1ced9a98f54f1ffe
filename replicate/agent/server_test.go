package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAStrangerMayOnlyPair(t *testing.T) {
	begun := make(chan Request, 10)
	b := newBed(t, func(c *ServerConfig) {
		c.Files, c.Services = echo{begun}, map[string]Service{"discover": echo{begun}}
	})
	b.pair(b.client)
	stranger, err := OpenIdentity(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{serviceHello, serviceFiles, "discover", "", "no such thing"} {
		a := b.request(b.raw(stranger), Request{Protocol: Protocol, Service: service, Directory: "/"})
		if a.OK || a.Problem == nil || a.Problem.Code != NotPaired || a.Hello != nil {
			t.Errorf("%q for a stranger: %+v", service, a)
		}
	}
	// Pairing is refused for want of a code, and not for want of a pairing.
	if a := b.request(b.raw(stranger), Request{Protocol: Protocol, Service: servicePair}); a.Problem == nil || a.Problem.Code != NoCode {
		t.Errorf("pair for a stranger: %+v", a)
	}
	if len(begun) > 0 {
		t.Errorf("a service was begun for a stranger: %+v", <-begun)
	}
	if !strings.Contains(b.log.String(), stranger.Key().Fingerprint()) {
		t.Error("the log does not say who was refused")
	}
}

func TestAnUnpairedAgentServesNobody(t *testing.T) {
	begun := make(chan Request, 10)
	b := newBed(t, func(c *ServerConfig) { c.Files = echo{begun} })
	if err := b.client.pin(b.at, known{Address: b.at, Key: b.config.Identity.Key()}); err != nil {
		t.Fatal(err)
	}
	_, err := b.client.Files(t.Context(), b.at, "/srv", Rules{}, 0)
	if refusal(err) != NotPaired || !strings.Contains(err.Error(), "not paired yet") || len(begun) > 0 {
		t.Errorf("files from an agent without a pairing: %v, %d begun", err, len(begun))
	}
}

func TestAnotherKeyIsNotTheAgent(t *testing.T) {
	begun := make(chan Request, 10)
	b := newBed(t, func(c *ServerConfig) { c.Files = echo{begun} })
	b.pair(b.client)
	before := b.config.Identity.Key()
	b.stop()
	var err error
	if b.config.Identity, err = OpenIdentity(root(t)); err != nil {
		t.Fatal(err)
	}
	b.start()
	_, err = b.client.Files(t.Context(), b.at, "/srv", Rules{}, 0)
	wrong, ok := errors.AsType[*WrongKeyError](err)
	if !ok || wrong.Pinned != before || wrong.Shown != b.config.Identity.Key() {
		t.Fatalf("another key: %v", err)
	}
	for _, want := range []string{wrong.Pinned.Fingerprint(), wrong.Shown.Fingerprint(), "pair again only if the agent was installed anew"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if len(begun) > 0 {
		t.Error("the request was sent to somebody else")
	}
}

// ecdsaCertificate is a certificate with a key of another kind.
func ecdsaCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestHandshakesThatAreNotOurs has each of them fail before the agent has read a request.
func TestHandshakesThatAreNotOurs(t *testing.T) {
	begun := make(chan Request, 10)
	b := newBed(t, func(c *ServerConfig) { c.Services = map[string]Service{"echo": echo{begun}} })
	b.pair(b.client)
	for name, tt := range map[string]struct {
		change func(*tls.Config)
		want   string
	}{
		"no certificate": {func(c *tls.Config) { c.Certificates = nil }, "certificate required"},
		"ECDSA":          {func(c *tls.Config) { c.Certificates = []tls.Certificate{ecdsaCertificate(t)} }, "bad certificate"},
		"TLS 1.2":        {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }, "protocol version"},
		"another ALPN":   {func(c *tls.Config) { c.NextProtos = []string{"h2"} }, "no application protocol"},
		"no ALPN":        {func(c *tls.Config) { c.NextProtos, c.VerifyConnection = nil, nil }, "bad certificate"},
	} {
		c := clientTLS(b.client.identity, func(Key) error { return nil })
		tt.change(c)
		conn, err := tls.Dial("tcp", b.at.String(), c)
		if err == nil {
			// In TLS 1.3 the client has finished before the server has looked at its certificate.
			_ = conn.SetDeadline(time.Now().Add(patience))
			_ = writeFrame(conn, Request{Protocol: Protocol, Service: "echo"})
			var a answer
			err = readFrame(conn, &a)
			_ = conn.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if len(begun) > 0 {
		t.Error("a request was read")
	}
}

func TestAnswersToRequestsThatAreWrong(t *testing.T) {
	b := newBed(t, nil)
	b.pair(b.client)
	for name, tt := range map[string]struct {
		request any
		code    string
		detail  string
	}{
		"newer standby":   {Request{Protocol: Protocol + 1, Service: serviceHello, Version: "9.9"}, WrongProtocol, `the agent speaks protocol 1, the standby 2 (its failoverd is "9.9")`},
		"older standby":   {Request{Service: servicePair}, WrongProtocol, "protocol 1, the standby 0"},
		"unknown service": {Request{Protocol: Protocol, Service: "mend"}, UnknownService, `(failoverd 1.0) has no service "mend"`},
		"files":           {Request{Protocol: Protocol, Service: serviceFiles}, UnknownService, "no service"},
	} {
		a := b.request(b.raw(b.client.identity), tt.request)
		if a.Problem == nil || a.Problem.Code != tt.code || !strings.Contains(a.Problem.Detail, tt.detail) {
			t.Errorf("%s: %+v", name, a.Problem)
		}
	}
}

// TestRequestsThatAreNoneEndTheConnection sends what no request is, to an agent that goes on serving others.
func TestRequestsThatAreNoneEndTheConnection(t *testing.T) {
	b := newBed(t, nil)
	b.pair(b.client)
	for name, bytes := range map[string][]byte{
		"oversized": binary.BigEndian.AppendUint32(nil, maxFrame+1),
		"no JSON":   append(binary.BigEndian.AppendUint32(nil, 4), "seven"...),
		"HTTP":      []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		conn := b.raw(b.client.identity)
		if _, err := conn.Write(bytes); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: answered %q, %v", name, got, err)
		}
	}
	if _, err := b.client.Hello(t.Context(), b.at); err != nil {
		t.Error(err)
	}
	if !strings.Contains(b.log.String(), "a message of 65537 bytes; at most 65536 are taken") {
		t.Error("the log does not say what was wrong")
	}
}

// TestSlowPeersAreSentAway has the agent wait for a handshake, and for a request, that come a byte at a time.
func TestSlowPeersAreSentAway(t *testing.T) {
	b := newBed(t, func(c *ServerConfig) { c.Greeting = 500 * time.Millisecond })
	handshake, err := net.Dial("tcp", b.at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer handshake.Close()
	identity, err := OpenIdentity(root(t))
	if err != nil {
		t.Fatal(err)
	}
	request := b.raw(identity)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	// The first bytes of a ClientHello of 512 bytes, and of a request of 512.
	for name, conn := range map[string]net.Conn{"handshake": handshake, "request": request} {
		part := []byte{0x16, 3, 1, 2, 0}
		if name == "request" {
			part = []byte{0, 0, 2, 0}
		}
		gone := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			close(gone)
		}()
		for open := true; open; {
			select {
			case <-gone:
				open = false
			case <-tick.C:
				_, _ = conn.Write(part)
				part = []byte{'a'}
			case <-late:
				t.Fatalf("a %s that never ends is waited for", name)
			}
		}
	}
}

func TestTheDoormanCounts(t *testing.T) {
	d := doorman{from: map[netip.Addr]int{}}
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	var leave []func()
	for range maxFromOne {
		l, ok := d.admit(one)
		if !ok {
			t.Fatal("refused too early")
		}
		leave = append(leave, l)
	}
	if _, ok := d.admit(one); ok {
		t.Error("one address may have any number")
	}
	if _, ok := d.admit(two); !ok {
		t.Error("one address keeps another out")
	}
	leave[0]()
	leave[0]()
	if _, ok := d.admit(one); !ok {
		t.Error("who has left is still counted")
	}
	if _, ok := d.admit(one); ok {
		t.Error("who has left twice is counted twice")
	}
	for i := byte(0); d.strangers < maxStrangers; i++ {
		d.admit(netip.AddrFrom4([4]byte{198, 51, 100, i}))
	}
	if _, ok := d.admit(netip.MustParseAddr("203.0.113.1")); ok {
		t.Error("there may be any number")
	}
	for range maxTalks {
		if _, ok := d.begin(); !ok {
			t.Fatal("refused too early")
		}
	}
	if _, ok := d.begin(); ok {
		t.Error("there may be any number of conversations")
	}
}

// TestTheServerWaitsForItsConversations stops an agent in the middle of one, and with somebody at the door.
func TestTheServerWaitsForItsConversations(t *testing.T) {
	b := newBed(t, func(c *ServerConfig) { c.Services = map[string]Service{"echo": echo{}} })
	b.pair(b.client)
	stream, _, err := b.client.Open(t.Context(), b.at, Request{Service: "echo"})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if _, err := stream.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(stream, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	idle, err := net.Dial("tcp", b.at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	b.stop() // fails the test if Run does not return
	if _, err := stream.Read(got); err == nil {
		t.Error("the stream goes on")
	}
}

func TestErrorsOfTheWayToAnAgent(t *testing.T) {
	client := newClient(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	if err := client.pin(at, known{Address: at}); err != nil {
		t.Fatal(err)
	}
	greet := make(chan struct{})
	go func() {
		defer close(greet)
		for _, text := range []string{"220 mail.example.com ESMTP\r\n", ""} {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, 5))
			_, _ = conn.Write([]byte(text))
			if text == "" {
				_ = conn.(*net.TCPConn).CloseWrite()
			}
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	for _, want := range []string{"is no agent: it does not speak TLS", "has closed the connection without an answer"} {
		if _, err := client.Hello(t.Context(), at); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	_ = l.Close()
	<-greet
	if _, err := client.Hello(t.Context(), at); err == nil || !strings.Contains(err.Error(), "does not answer") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Hello(ctx, at); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, bad := range []netip.AddrPort{{}, netip.MustParseAddrPort("[fe80::1%eth0]:7443"), netip.MustParseAddrPort("0.0.0.0:1"), netip.MustParseAddrPort("127.0.0.1:0")} {
		if _, err := client.Pair(t.Context(), bad, NewCode()); err == nil || !strings.Contains(err.Error(), "no address of an agent") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestWhatAnAgentSaysIsTamed has an agent whose words do something to a terminal.
func TestWhatAnAgentSaysIsTamed(t *testing.T) {
	b := newBed(t, func(c *ServerConfig) {
		c.Name, c.Version = "p\x1b[2Jbx\u202e", strings.Repeat("9", 1000)
		c.Services = map[string]Service{"bad": refuser{}}
	})
	k := b.pair(b.client)
	h, err := b.client.Hello(t.Context(), b.at)
	if err != nil || h.Name != "p[2Jbx" || k.Name != h.Name || len(h.Version) != maxWord || len(k.Version) != maxWord {
		t.Errorf("%q %q, %q %q, %v", h.Name, h.Version, k.Name, k.Version, err)
	}
	if _, _, err := b.client.Open(t.Context(), b.at, Request{Service: "bad"}); err == nil || !strings.HasSuffix(err.Error(), "refuses: no[2J") {
		t.Errorf("%q", err)
	}
}

// refuser refuses in bad words.
type refuser struct{}

func (refuser) Begin(context.Context, Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	return nil, &Problem{"no", "no\x1b[2J\n"}
}
