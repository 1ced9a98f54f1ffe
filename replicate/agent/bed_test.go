package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"
)

// patience bounds how long a test waits for what has to happen.
const patience = time.Minute

// bed is an agent on a loopback address, and a standby.
type bed struct {
	t      *testing.T
	dir    *os.Root // the agent's
	at     netip.AddrPort
	config ServerConfig
	server *Server
	client *Client
	log    *journal
	stop   func() // the server, and waits for it
}

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// root opens a new directory.
func root(t *testing.T) *os.Root {
	t.Helper()
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	return dir
}

// newBed has an agent listen, and makes a standby that does not know it.
func newBed(t *testing.T, change func(*ServerConfig)) *bed {
	t.Helper()
	b := &bed{t: t, dir: root(t), log: &journal{}}
	identity, err := OpenIdentity(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	b.config = ServerConfig{
		Greeting: patience, Data: b.dir, Identity: identity, Name: "pbx", Version: "1.0", BootID: "boot", Log: slog.New(slog.NewTextHandler(io.MultiWriter(t.Output(), b.log), nil)),
	}
	if change != nil {
		change(&b.config)
	}
	b.client = newClient(t)
	b.start()
	t.Cleanup(func() { b.stop() })
	return b
}

// start has the agent listen; again on the address that it had.
func (b *bed) start() {
	b.t.Helper()
	server, err := NewServer(b.config)
	if err != nil {
		b.t.Fatal(err)
	}
	address := "127.0.0.1:0"
	if b.at.IsValid() {
		address = b.at.String()
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.at = l.Addr().(*net.TCPAddr).AddrPort()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, l) }()
	b.server = server
	b.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				b.t.Error(err)
			}
		case <-time.After(patience):
			b.t.Error("the server does not end")
		}
	})
}

// newClient makes a standby.
func newClient(t *testing.T) *Client {
	t.Helper()
	c, err := OpenClient(t.TempDir(), "1.0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// invite makes a code.
func (b *bed) invite() Code {
	b.t.Helper()
	code, err := Invite(b.dir, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

// pair pairs a standby with the agent.
func (b *bed) pair(c *Client) Known {
	b.t.Helper()
	k, err := c.Pair(b.t.Context(), b.at, b.invite())
	if err != nil {
		b.t.Fatal(err)
	}
	return k
}

// raw opens a connection to the agent as the standby does, without a request.
func (b *bed) raw(i *Identity) *tls.Conn {
	b.t.Helper()
	conn, err := tls.Dial("tcp", b.at.String(), clientTLS(i, func(Key) error { return nil }))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// request puts one request and reads the answer.
func (b *bed) request(conn *tls.Conn, r any) answer {
	b.t.Helper()
	if err := writeFrame(conn, r); err != nil {
		b.t.Fatal(err)
	}
	var a answer
	if err := readFrame(conn, &a); err != nil {
		b.t.Fatal(err)
	}
	return a
}

// echo is a service that gives back what it gets.
type echo struct{ begun chan Request }

func (e echo) Begin(_ context.Context, r Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	if e.begun != nil {
		e.begun <- r
	}
	return func(_ context.Context, stream io.ReadWriteCloser) error {
		_, err := io.Copy(stream, stream)
		return err
	}, nil
}
