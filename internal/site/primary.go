package site

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"failoverd/internal/lab"
)

// Primary is a host with a small service: it answers every datagram, and every
// connection, with who it is.
type Primary struct {
	*lab.Host
	Address string

	mu      sync.Mutex
	service *Service
}

func newPrimary(w *lab.World, name, address string) (*Primary, error) {
	h, err := w.AddHost(name, address+prefix, lab.Gateway(GatewayAddress))
	if err != nil {
		return nil, err
	}
	p := &Primary{Host: h, Address: address}
	return p, p.Serve()
}

// Serve starts the primary's service.
func (p *Primary) Serve() error {
	at := fmt.Sprintf("%s:%d", p.Address, ServicePort)
	packets, err := p.ListenPacket("udp", at)
	if err != nil {
		return err
	}
	listener, err := p.Listen("tcp", at)
	if err != nil {
		return errors.Join(err, packets.Close())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.service = NewService(packets, listener, "primary "+p.Name)
	return nil
}

// Die lets the primary vanish from one moment to the next: its cable is out and
// nothing of it answers any more.
func (p *Primary) Die() error { return errors.Join(p.Down(), p.stop()) }

// Return brings a dead primary back, with its address and its service.
func (p *Primary) Return() error { return errors.Join(p.Up(), p.Serve()) }

// Speak sends the client a datagram, as a system does that has booted and begins
// to talk: whom it speaks to learns where its address is.
func (p *Primary) Speak(ctx context.Context) error {
	conn, err := p.Dial(ctx, "udp", ClientAddress+":9")
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte("hello\n"))
	return errors.Join(err, conn.Close())
}

func (p *Primary) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.service == nil {
		return nil
	}
	err := p.service.Close()
	p.service = nil
	return err
}

// Service answers datagrams and connections with one line.
type Service struct {
	packets  net.PacketConn
	listener net.Listener
	answer   string
	ended    sync.WaitGroup
}

// NewService answers on both until Close.
func NewService(packets net.PacketConn, listener net.Listener, answer string) *Service {
	s := &Service{packets: packets, listener: listener, answer: answer + "\n"}
	s.ended.Go(s.datagrams)
	s.ended.Go(s.connections)
	return s
}

// datagrams sends back what came, and who answers.
func (s *Service) datagrams() {
	buf := make([]byte, 256)
	for {
		n, from, err := s.packets.ReadFrom(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error about an earlier answer
		}
		// A client that is gone is no concern of the service.
		_, _ = s.packets.WriteTo(append(buf[:n:n], s.answer...), from)
	}
}

func (s *Service) connections() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(s.answer))
		_ = conn.Close()
	}
}

// Close ends the service.
func (s *Service) Close() error {
	err := errors.Join(s.packets.Close(), s.listener.Close())
	s.ended.Wait()
	return err
}

// Run answers until the context ends: the stand-in is a program of its own.
func Run(ctx context.Context, at, answer string) error {
	packets, err := net.ListenPacket("udp", at)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return errors.Join(err, packets.Close())
	}
	s := NewService(packets, listener, answer)
	<-ctx.Done()
	return s.Close()
}
