package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Service is something that the paired standby may ask for by its name.
type Service interface {
	// Begin says whether the request can be met: an error that is a *Problem is told to the standby, another is told as
	// being unavailable. talk has the connection to itself; it is over when talk returns or ctx ends.
	Begin(ctx context.Context, r Request) (talk func(ctx context.Context, stream io.ReadWriteCloser) error, err error)
}

// ServerConfig is what an agent's server needs.
type ServerConfig struct {
	Data     *os.Root // the agent's data directory
	Identity *Identity
	Name     string // of this host
	Version  string // of failoverd
	BootID   string
	Files    Service            // nil: no trees
	Services map[string]Service // by name, besides the server's own
	Log      *slog.Logger
	Greeting time.Duration // for the handshake and the request together; zero for the usual one
}

// greeting is how long a connection may take to say what it wants.
const greeting = 10 * time.Second

// Server is the agent's side of every connection.
type Server struct {
	config   ServerConfig
	tls      *tls.Config
	services map[string]Service
	door     doorman

	mu      sync.Mutex
	standby *Key              // nil before the pairing
	talking map[*tls.Conn]Key // whose conversations there are
	pairing sync.Mutex        // held while the standby changes, on the disk and here
}

// NewServer makes a server that knows the standby that was paired before.
func NewServer(c ServerConfig) (*Server, error) {
	if c.Greeting == 0 {
		c.Greeting = greeting
	}
	s := &Server{
		config: c, tls: serverTLS(c.Identity), services: map[string]Service{serviceHello: hello{}},
		door: doorman{from: map[netip.Addr]int{}}, talking: map[*tls.Conn]Key{},
	}
	if c.Files != nil {
		s.services[serviceFiles] = c.Files
	}
	for name, service := range c.Services {
		s.services[name] = service
	}
	key, there, err := Paired(c.Data)
	if err != nil {
		return nil, fmt.Errorf("read which standby is paired: %w", err)
	}
	if there {
		s.standby = &key
	}
	return s, nil
}

// hello is the service that says only who answers.
type hello struct{}

func (hello) Begin(context.Context, Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	return func(context.Context, io.ReadWriteCloser) error { return nil }, nil
}

// Standby is the key of the standby that is served, if there is one.
func (s *Server) Standby() (Key, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standby == nil {
		return Key{}, false
	}
	return *s.standby, true
}

// Run takes connections until ctx ends, which is no error, and returns when the last one is over. It closes l.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	var open sync.WaitGroup
	defer open.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closed := sync.OnceValue(l.Close)
	defer context.AfterFunc(ctx, func() { _ = closed() })()
	defer func() { _ = closed() }()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case shortage(err):
			s.config.Log.Warn("no connection can be taken now", "err", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			continue
		case err != nil:
			return fmt.Errorf("take connections: %w", err)
		}
		from := peerAddress(conn)
		leave, ok := s.door.admit(from)
		if !ok {
			_ = conn.Close()
			continue
		}
		open.Go(func() {
			defer leave()
			s.receive(ctx, conn, from, leave)
		})
	}
}

// shortage says whether an error of Accept goes by.
func shortage(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// peerAddress is where a connection comes from.
func peerAddress(conn net.Conn) netip.Addr {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// receive has one connection from its beginning to its end.
func (s *Server) receive(ctx context.Context, raw net.Conn, from netip.Addr, leave func()) {
	conn := tls.Server(raw, s.tls)
	defer func() { _ = conn.Close() }()
	// Closing the raw connection waits for nothing, whatever a peer that has gone silent leaves unread.
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	log := s.config.Log.With("from", from)
	_ = conn.SetDeadline(time.Now().Add(s.config.Greeting))
	var request Request
	err := conn.HandshakeContext(ctx)
	if err == nil {
		err = readFrame(conn, &request)
	}
	if err != nil {
		if ctx.Err() == nil {
			log.Info("a connection without a request was closed", "err", err)
		}
		return
	}
	key, err := peerKey(conn.ConnectionState())
	if err != nil {
		log.Info("a connection was closed", "err", err)
		return
	}
	talk, err := s.begin(ctx, conn, key, from, request)
	if err != nil {
		p := s.told(log, key, request, err)
		_ = writeFrame(conn, answer{Problem: p})
		return
	}
	if talk == nil {
		return // a pairing says for itself how it ended
	}
	end, ok := s.door.begin()
	if !ok {
		_ = writeFrame(conn, answer{Problem: s.told(log, key, request, &Problem{Unavailable, fmt.Sprintf("%d conversations are going on already", maxTalks)})})
		return
	}
	defer end()
	if !s.enter(conn, key) {
		return
	}
	defer s.depart(conn)
	if err := writeFrame(conn, answer{OK: true, Hello: s.hello()}); err != nil {
		return
	}
	leave()
	_ = conn.SetDeadline(time.Time{})
	if err := talk(ctx, conn); err != nil && ctx.Err() == nil {
		log.Warn("a conversation ended", "service", request.Service, "directory", request.Directory, "err", err)
	}
}

// begin finds out what a request is about, and who may ask for it.
func (s *Server) begin(ctx context.Context, conn *tls.Conn, key Key, from netip.Addr, r Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	if r.Protocol != Protocol {
		return nil, &Problem{WrongProtocol, fmt.Sprintf("the agent speaks protocol %d, the standby %d (its failoverd is %.64q): the older of the two has to be upgraded",
			Protocol, r.Protocol, r.Version)}
	}
	if r.Service == servicePair {
		return nil, s.pair(conn, key, from)
	}
	switch standby, paired := s.Standby(); {
	case !paired:
		return nil, &Problem{NotPaired, "the agent is not paired yet: run failoverd agent pair on the primary, then failoverd pair on the standby"}
	case standby != key:
		return nil, &Problem{NotPaired, "the agent serves another standby: to have it serve this one, run failoverd agent pair on the primary, then failoverd pair on the standby"}
	}
	service, ok := s.services[r.Service]
	if !ok {
		return nil, &Problem{UnknownService, fmt.Sprintf("the agent (failoverd %s) has no service %.64q", s.config.Version, r.Service)}
	}
	return service.Begin(ctx, r)
}

// told is what the other side is told of an error; the log has it whole.
func (s *Server) told(log *slog.Logger, key Key, r Request, err error) *Problem {
	log.Warn("a request was refused", "service", fmt.Sprintf("%.64q", r.Service), "directory", fmt.Sprintf("%.256q", r.Directory),
		"fingerprint", key.Fingerprint(), "err", err)
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if standby, paired := s.Standby(); !paired || standby != key {
		return &Problem{Unavailable, "something went wrong at the agent; its log says what"}
	}
	return &Problem{Unavailable, err.Error()}
}

// hello says who we are.
func (s *Server) hello() *Hello {
	return &Hello{Name: s.config.Name, Version: s.config.Version, Protocol: Protocol, BootID: s.config.BootID, Time: time.Now().UTC()}
}

// enter notes a conversation, unless another standby was paired meanwhile.
func (s *Server) enter(conn *tls.Conn, key Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standby == nil || *s.standby != key {
		return false
	}
	s.talking[conn] = key
	return true
}

// depart forgets a conversation.
func (s *Server) depart(conn *tls.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.talking, conn)
}

// replace serves another standby from now on, and ends the conversations of the one before.
func (s *Server) replace(key Key) (before Key, had bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standby != nil {
		before, had = *s.standby, *s.standby != key
	}
	s.standby = &key
	for conn, whose := range s.talking {
		if whose != key {
			_ = conn.NetConn().Close()
		}
	}
	return before, had
}
