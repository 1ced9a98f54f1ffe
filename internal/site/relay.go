package site

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"failoverd/internal/lab"
)

// Relay is a server of the machine at an address of a host of the lab: whoever connects there is connected with it.
type Relay struct {
	listener net.Listener
	to       string
	end      context.CancelFunc
	ended    sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]struct{}
	left int64 // bytes that the server may still say; as many as it likes if that is negative
}

// NewRelay listens at an address of the host and passes on what comes to another one of the machine.
func NewRelay(h *lab.Host, at, to string) (*Relay, error) {
	listener, err := h.Listen("tcp", at)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	r := &Relay{listener: listener, to: to, end: end, open: map[net.Conn]struct{}{}, left: -1}
	r.ended.Go(func() { r.accept(ctx) })
	return r, nil
}

func (r *Relay) accept(ctx context.Context) {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.ended.Go(func() { r.pass(ctx, client) })
	}
}

// pass joins a client and the server until either hangs up.
func (r *Relay) pass(ctx context.Context, client net.Conn) {
	defer r.forget(client)
	server, err := new(net.Dialer).DialContext(ctx, "tcp", r.to)
	if err != nil {
		return // The client sees that it is hung up on, as with a server that does not run.
	}
	defer r.forget(server)
	if !r.remember(ctx, client, server) {
		return
	}
	var up sync.WaitGroup
	up.Go(func() {
		// How a connection ends is the ends' own business: what one has sent, the other one gets.
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	_, _ = io.Copy(valve{ctx, r, client}, server)
	_ = client.Close()
	up.Wait()
}

// Stall passes so many bytes more of what the server says, to all who are connected together, and then nothing until
// Close: the server does not answer any more, and nobody hangs up.
func (r *Relay) Stall(after int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = after
}

// pours takes as many bytes as may pass.
func (r *Relay) pours(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left < 0 {
		return n
	}
	n = int(min(int64(n), r.left))
	r.left -= int64(n)
	return n
}

// valve is the way to a client, on which not everything may pass.
type valve struct {
	ctx context.Context
	r   *Relay
	to  net.Conn
}

func (v valve) Write(b []byte) (int, error) {
	n, err := v.to.Write(b[:v.r.pours(len(b))])
	if err == nil && n < len(b) {
		<-v.ctx.Done()
		err = context.Cause(v.ctx)
	}
	return n, err
}

// remember keeps connections that Close is to end, and reports false if it has begun to.
func (r *Relay) remember(ctx context.Context, conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.open[c] = struct{}{}
	}
	return ctx.Err() == nil
}

func (r *Relay) forget(c net.Conn) {
	r.mu.Lock()
	delete(r.open, c)
	r.mu.Unlock()
	_ = c.Close()
}

// Close hangs up on everybody.
func (r *Relay) Close() error {
	r.end()
	err := r.listener.Close()
	r.mu.Lock()
	for c := range r.open {
		err = errors.Join(err, ignoreClosed(c.Close()))
	}
	r.mu.Unlock()
	r.ended.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
