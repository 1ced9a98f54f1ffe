package probe

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// identifiers is how many datagram sockets are opened where raw ones are not
// permitted: there the identifier belongs to the socket, and one that changes
// needs another socket.
const identifiers = 8

// receiveBuffer is what a socket may hold, in bytes, until it is read: about
// 5,000 answers.
const receiveBuffer = 4 << 20

// socket is one open ICMP socket.
type socket struct {
	fd    int
	v6    bool
	raw   bool
	ident uint16 // of a datagram socket

	watched bool // it ends the sleep of the loop

	drops uint32 // answers that the kernel had no room for, so far
	lossy moment // when that number was last seen to grow
}

// openSockets opens what a family needs: one raw socket, or where that is not
// permitted, several datagram sockets.
func openSockets(v6 bool, magic uint32) ([]*socket, error) {
	s, err := openSocket(v6, true, magic)
	if err == nil {
		return []*socket{s}, nil
	}
	var all []*socket
	for range identifiers {
		s, datagramErr := openSocket(v6, false, magic)
		if datagramErr != nil {
			closeSockets(all)
			return nil, fmt.Errorf("%w (raw), %w (datagram)", err, datagramErr)
		}
		all = append(all, s)
	}
	return all, nil
}

func closeSockets(all []*socket) {
	for _, s := range all {
		// The sockets are only closed when they are of no more use.
		_ = unix.Close(s.fd)
	}
}

// openSocket opens one socket and makes it hear our own answers only.
func openSocket(v6, raw bool, magic uint32) (*socket, error) {
	family, proto, kind := unix.AF_INET, unix.IPPROTO_ICMP, unix.SOCK_DGRAM
	if v6 {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	if raw {
		kind = unix.SOCK_RAW
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if err != nil {
		return nil, fmt.Errorf("open ICMP socket: %w", err)
	}
	s := &socket{fd: fd, v6: v6, raw: raw}
	if err := s.prepare(magic); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("prepare ICMP socket: %w", err)
	}
	return s, nil
}

// header says whether what is received begins with an IP header.
func (s *socket) header() bool { return s.raw && !s.v6 }

func (s *socket) prepare(magic uint32) error {
	lo := 0
	if ifi, err := net.InterfaceByName("lo"); err == nil {
		lo = ifi.Index
	}
	program, err := filter(s.v6, s.header(), magic, lo)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("time stamps: %w", err)
	}
	// Beyond the system's limit only with CAP_NET_ADMIN.
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return fmt.Errorf("receive buffer: %w", err)
		}
	}
	if s.raw {
		return nil
	}
	// Bound to no port, a datagram socket gets an identifier of the kernel's
	// choice.
	var any unix.Sockaddr = &unix.SockaddrInet4{}
	if s.v6 {
		any = &unix.SockaddrInet6{}
	}
	if err := unix.Bind(s.fd, any); err != nil {
		return fmt.Errorf("identifier: %w", err)
	}
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		return fmt.Errorf("identifier: %w", err)
	}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		s.ident = uint16(n.Port)
	case *unix.SockaddrInet6:
		s.ident = uint16(n.Port)
	}
	return nil
}
