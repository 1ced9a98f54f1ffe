package room

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	// mostDoors bounds the doors of a room: their sockets come in one message.
	mostDoors = 64
	// mostGuests bounds who may be on the way through the doors of a room at a time.
	mostGuests = 64
	// comeOut is how long it is tried to reach what a door leads to.
	comeOut = 10 * time.Second
)

// A door leads from an address within a room to the same address outside, and to nothing else. A socket belongs to the
// network in which it was made, whoever has it: the keeper listens in the room and hands the listening socket out, and
// whoever comes in there is let out here.

// handOut listens at every door, and sends the sockets over the one that we were given.
func handOut(doors []netip.AddrPort, given uintptr) error {
	socket := os.NewFile(given, "doors")
	conn, err := net.FileConn(socket)
	if err = errors.Join(err, socket.Close()); err != nil { // the command must not inherit it
		return fmt.Errorf("hand the doors out: %w", err)
	}
	defer conn.Close()
	var sockets []int
	for _, door := range doors {
		l, err := net.Listen("tcp", door.String())
		if err != nil {
			return fmt.Errorf("make a door to %s: %w", door, err)
		}
		defer l.Close() // ours; the one that was sent stays open
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return fmt.Errorf("make a door to %s: %w", door, err)
		}
		defer f.Close()
		sockets = append(sockets, int(f.Fd()))
	}
	if len(sockets) == 0 {
		return nil
	}
	if _, _, err := conn.(*net.UnixConn).WriteMsgUnix([]byte{byte(len(sockets))}, unix.UnixRights(sockets...), nil); err != nil {
		return fmt.Errorf("hand the doors out: %w", err)
	}
	return nil
}

// takeIn receives the listening sockets of so many doors.
func takeIn(over *net.UnixConn, doors int) (list []net.Listener, err error) {
	word, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4*mostDoors))
	n, more, _, _, err := over.ReadMsgUnix(word, rights)
	if n == 0 {
		return nil, nil // the keeper has ended without; it says why
	}
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:more])
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		sockets, err := unix.ParseUnixRights(&m)
		if err != nil {
			return list, err
		}
		for _, s := range sockets {
			f := os.NewFile(uintptr(s), "door")
			l, wrong := net.FileListener(f)
			if err = errors.Join(err, wrong, f.Close()); wrong == nil {
				list = append(list, l)
			}
		}
		if err != nil {
			return list, err
		}
	}
	if len(list) != doors {
		return list, fmt.Errorf("%d doors were made, %d are wanted", len(list), doors)
	}
	return list, nil
}

// attend lets whoever comes to the doors through, until ctx ends.
func attend(ctx context.Context, over *net.UnixConn, doors []netip.AddrPort) error {
	defer context.AfterFunc(ctx, func() { _ = over.Close() })()
	defer over.Close()
	if len(doors) == 0 {
		return nil
	}
	list, err := takeIn(over, len(doors))
	defer func() {
		for _, l := range list {
			_ = l.Close()
		}
	}()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("take the doors in: %w", err)
	}
	var at sync.WaitGroup
	var guests errgroup.Group
	guests.SetLimit(mostGuests)
	for i, l := range list {
		at.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = l.Close() })()
			for {
				guest, err := l.Accept()
				if err != nil {
					return // closed, by the end
				}
				guests.Go(func() error { return through(ctx, guest, doors[i]) })
			}
		})
	}
	at.Wait()
	return guests.Wait()
}

// through brings one guest out, and what is answered in. That nobody answers he sees by the end of his connection.
func through(ctx context.Context, in net.Conn, door netip.AddrPort) error {
	defer in.Close()
	d := net.Dialer{Timeout: comeOut}
	out, err := d.DialContext(ctx, "tcp", door.String())
	if err != nil {
		return nil
	}
	defer out.Close()
	defer context.AfterFunc(ctx, func() { _, _ = in.Close(), out.Close() })()
	var ways sync.WaitGroup
	carry := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.(*net.TCPConn).CloseWrite()
	}
	ways.Go(func() { carry(out, in) })
	ways.Go(func() { carry(in, out) })
	ways.Wait()
	return nil
}

// couple makes a pair of connected sockets: one of ours, and one that a process may be given.
func couple() (ours *net.UnixConn, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	mine := os.NewFile(uintptr(pair[0]), "doors")
	theirs = os.NewFile(uintptr(pair[1]), "doors")
	conn, err := net.FileConn(mine)
	if err = errors.Join(err, mine.Close()); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}
