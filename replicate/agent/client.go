package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// dialTime, answerTime bound the way to an agent: until it takes the connection, and until it has answered. A tree
	// may have to be opened first.
	dialTime   = 5 * time.Second
	answerTime = 15 * time.Second
)

// Client is the standby's side of every connection.
type Client struct {
	dir      *os.Root
	identity *Identity
	version  string

	mu    sync.Mutex
	heard map[netip.AddrPort]Heard
}

// Heard is what an agent said of itself, and when.
type Heard struct {
	Hello
	At time.Time
}

// OpenClient opens the standby's side, with its key and its agents in dataDir/agents.
func OpenClient(dataDir, version string) (*Client, error) {
	path := filepath.Join(dataDir, "agents")
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make a place for the agents' keys: %w", err)
	}
	dir, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the place of the agents' keys: %w", err)
	}
	identity, err := OpenIdentity(dir)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return &Client{dir: dir, identity: identity, version: version, heard: map[netip.AddrPort]Heard{}}, nil
}

// Close gives the directory back.
func (c *Client) Close() error { return c.dir.Close() }

// Key is this standby's key.
func (c *Client) Key() Key { return c.identity.Key() }

// Hello asks an agent how it is.
func (c *Client) Hello(ctx context.Context, to netip.AddrPort) (Hello, error) {
	stream, hello, err := c.Open(ctx, to, Request{Service: serviceHello})
	if err != nil {
		return Hello{}, err
	}
	return hello, stream.Close()
}

// Place is a tree of an agent.
type Place struct {
	Agent     netip.AddrPort
	Directory string
}

// Files begins a conversation about a tree, for a sink with these rules.
func (c *Client) Files(ctx context.Context, to netip.AddrPort, directory string, rules Rules, epoch uint64) (io.ReadWriteCloser, error) {
	stream, _, err := c.Open(ctx, to, Request{Service: serviceFiles, Directory: directory, Rules: rules, Epoch: epoch})
	return stream, err
}

// Open asks a paired agent for a service, and returns its stream. The error is *NotPairedError, *WrongKeyError, a
// *RefusedError with what the agent said, or says that there was no way to it.
func (c *Client) Open(ctx context.Context, to netip.AddrPort, r Request) (io.ReadWriteCloser, Hello, error) {
	pinned, there, err := c.pinned(to)
	if err != nil {
		return nil, Hello{}, err
	}
	if !there {
		return nil, Hello{}, &NotPairedError{Address: to}
	}
	conn, a, err := c.ask(ctx, to, r, func(shown Key) error {
		if shown != pinned.Key {
			return &WrongKeyError{Address: to, Pinned: pinned.Key, Shown: shown}
		}
		return nil
	})
	if err != nil {
		return nil, Hello{}, err
	}
	if a.Hello == nil {
		return nil, Hello{}, errors.Join(unanswered(to, errors.New("it does not say who it is")), conn.Close())
	}
	c.hear(to, *a.Hello)
	return conn, *a.Hello, nil
}

// Pair proves to an agent that somebody knows the code that was made there, has it prove the same, and pins it.
func (c *Client) Pair(ctx context.Context, to netip.AddrPort, code Code) (Known, error) {
	if err := usable(to); err != nil {
		return Known{}, err
	}
	shared, err := code.secret() // which takes a while, so it is done before the agent waits
	if err != nil {
		return Known{}, err
	}
	var shown Key
	conn, _, err := c.ask(ctx, to, Request{Service: servicePair}, func(key Key) error {
		shown = key
		return nil
	})
	if err != nil {
		return Known{}, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(answerTime))
	defer context.AfterFunc(ctx, func() { _ = conn.NetConn().Close() })()
	hello, err := introduce(conn, conn.ConnectionState(), shared, shown, c.Key())
	if err != nil {
		return Known{}, said(to, err)
	}
	if err := c.pin(to, known{Address: to, Key: shown, Name: hello.Name, Version: hello.Version, Paired: time.Now().UTC().Truncate(time.Second)}); err != nil {
		return Known{}, fmt.Errorf("the agent has accepted this standby, but it could not be written down here, so pair again: %w", err)
	}
	c.hear(to, *hello)
	return c.known(to)
}

// ask opens a connection, puts the request and reads the answer.
func (c *Client) ask(ctx context.Context, to netip.AddrPort, r Request, accept func(Key) error) (_ *tls.Conn, a answer, err error) {
	r.Protocol, r.Version = Protocol, c.version
	dialer := net.Dialer{Timeout: dialTime}
	raw, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, a, unanswered(to, err)
	}
	conn := tls.Client(raw, clientTLS(c.identity, accept))
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer func() {
		if !stop() && err == nil {
			err = unanswered(to, context.Cause(ctx))
		}
		if err != nil {
			_ = raw.Close()
		}
	}()
	_ = conn.SetDeadline(time.Now().Add(answerTime))
	if err := conn.HandshakeContext(ctx); err != nil {
		if _, ok := errors.AsType[*WrongKeyError](err); ok {
			return nil, a, err
		}
		return nil, a, unanswered(to, err)
	}
	if err := writeFrame(conn, r); err != nil {
		return nil, a, unanswered(to, err)
	}
	if err := readFrame(conn, &a); err != nil {
		return nil, a, unanswered(to, err)
	}
	if a.Problem != nil {
		return nil, a, said(to, a.Problem)
	}
	if !a.OK {
		return nil, a, unanswered(to, errors.New("its answer says neither yes nor no"))
	}
	if a.Hello != nil {
		a.Hello.tame()
	}
	return conn, a, conn.SetDeadline(time.Time{})
}

// hear remembers what an agent said of itself.
func (c *Client) hear(from netip.AddrPort, h Hello) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[from] = Heard{Hello: h, At: time.Now()}
}
