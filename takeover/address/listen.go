package address

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// lookAgain is how often the interface is looked at: one that was made anew has
// a new index, and the sockets on the old one just hear nothing more.
const lookAgain = time.Second

// errRemade ends the readers when the interface is not the one they listen on.
var errRemade = errors.New("the interface was made anew")

// Run hears the segment until the context ends, and then returns nil. It lives
// through link flaps, nonsense frames and an interface that vanishes and comes
// back.
func (s *Segment) Run(ctx context.Context) error {
	defer func() { _ = s.mouth.close() }() // Nothing was written that could be lost.
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	var trouble string
	hearing := func() {
		if trouble != "" {
			trouble = ""
			s.log.Info("hearing the segment again")
		}
	}
	for {
		err := s.listen(ctx, tick.C, hearing)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errRemade) {
			s.log.Info("the interface was made anew")
			continue
		}
		// Logged once, and again only when the reason changes.
		if err != nil && err.Error() != trouble {
			trouble = err.Error()
			s.log.Warn("not hearing the segment, trying again", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// listen hears the interface as it is now, says so, and returns when that is
// over.
func (s *Segment) listen(ctx context.Context, tick <-chan time.Time, hearing func()) error {
	ears := s.opened
	s.opened = nil // The first time they are those of Listen.
	if ears == nil {
		var err error
		if ears, err = s.open(); err != nil {
			return err
		}
	}
	defer ears.close()
	hearing()

	readers, ended := errgroup.WithContext(ctx)
	for _, conn := range ears.conns {
		readers.Go(func() error { return read(conn, s.take) })
	}
	over := s.watch(ended, ears.ifi, tick)
	for _, conn := range ears.conns {
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // Wakes the reader up.
	}
	return errors.Join(over, readers.Wait())
}

// ears are the sockets on an interface as it was when they were opened.
type ears struct {
	ifi   *net.Interface
	conns []*packet.Conn
}

// close closes the sockets.
func (e *ears) close() {
	for _, conn := range e.conns {
		_ = conn.Close()
	}
}

// open opens the sockets on the interface as it is now; none where it has no
// neighbours.
func (s *Segment) open() (*ears, error) {
	ifi, err := s.look()
	if err != nil {
		return nil, err
	}
	e := &ears{ifi: ifi}
	if !hasNeighbours(ifi) {
		return e, nil
	}
	discovery, err := discoveryFilter()
	if err != nil {
		return nil, err
	}
	for _, socket := range []struct {
		kind   ethernet.EtherType
		filter []bpf.RawInstruction
	}{{ethernet.EtherTypeARP, nil}, {ethernet.EtherTypeIPv6, discovery}} {
		conn, err := packet.Listen(ifi, packet.Raw, int(socket.kind), &packet.Config{Filter: socket.filter})
		if err != nil {
			e.close()
			return nil, fmt.Errorf("listen for %v: %w", socket.kind, err)
		}
		e.conns = append(e.conns, conn)
	}
	return e, nil
}

// watch returns errRemade when the interface is not the same any more, another
// error when it is gone, and nil when the context ends.
func (s *Segment) watch(ctx context.Context, ifi *net.Interface, tick <-chan time.Time) error {
	for {
		select {
		case <-tick:
		case <-ctx.Done():
			return nil
		}
		now, err := s.look()
		if err != nil {
			return err
		}
		if now.Index != ifi.Index || hasNeighbours(now) != hasNeighbours(ifi) {
			return errRemade
		}
	}
}

// read takes in frames until the socket's read deadline.
func read(conn *packet.Conn, take func([]byte)) error {
	b := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(b)
		switch {
		case err == nil:
			take(b[:n])
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case errors.Is(err, unix.ENETDOWN):
			// Said once when the link goes down; the socket hears again when it is up.
		default:
			return fmt.Errorf("hear the segment: %w", err)
		}
	}
}

// take passes on the claim in a frame.
func (s *Segment) take(b []byte) {
	at := time.Now()
	c, why := parseFrame(b)
	// What we say of another host's address says nothing of that host.
	if why == kept && (s.isOwn(c.MAC) || s.isOwn(source(b))) {
		why = dropOwn
	}
	if why != kept {
		return
	}
	c.At = at
	s.hearing.Lock()
	defer s.hearing.Unlock()
	s.hear(c)
}

// discoveryFilter lets neighbour solicitations and advertisements through, so
// that the host's other IPv6 traffic does not wake us.
func discoveryFilter() ([]bpf.RawInstruction, error) {
	const nextHeader, icmpType = 14 + 6, 14 + ipv6HeaderLength
	filter, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: nextHeader, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protocolICMPv6, SkipTrue: 4},
		bpf.LoadAbsolute{Off: icmpType, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: icmpSolicitation, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: icmpAdvertise, SkipTrue: 1},
		bpf.RetConstant{Val: 0xffff},
		bpf.RetConstant{},
	})
	if err != nil {
		return nil, fmt.Errorf("assemble filter: %w", err)
	}
	return filter, nil
}
