package address

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mdlayher/ethernet"
	"golang.org/x/sys/unix"
)

// sendPatience bounds how long a send may wait for the device's queue.
const sendPatience = 200 * time.Millisecond

// mouth is the socket by which a segment speaks. It is open as long as the
// segment is heard: closing a packet socket waits until every processor has
// noticed, which takes 5 to 20 ms, and longer on a busy machine, and questions
// may be 15 ms apart. It has no protocol and is bound to no interface, so that
// it hears nothing, and no flap of a link leaves an error on it.
type mouth struct {
	mu sync.Mutex
	fd int // -1 when it is closed
}

// openMouth opens the socket in the network namespace of the calling thread.
func openMouth() (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	patience := unix.NsecToTimeval(sendPatience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience); err != nil {
		return -1, errors.Join(os.NewSyscallError("setsockopt", err), unix.Close(fd))
	}
	return fd, nil
}

// say sends frames by the interface with this index.
func (m *mouth) say(index int, frames [][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fd < 0 {
		return os.ErrClosed
	}
	for _, frame := range frames {
		to := &unix.SockaddrLinklayer{Ifindex: index, Protocol: bigEndian(etherType(frame)), Halen: 6}
		copy(to.Addr[:], frame[:6])
		if err := unix.Sendto(m.fd, frame, 0, to); err != nil {
			return os.NewSyscallError("sendto", err)
		}
	}
	return nil
}

// close closes the socket; what is said after it is an error.
func (m *mouth) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fd < 0 {
		return nil
	}
	fd := m.fd
	m.fd = -1
	return os.NewSyscallError("close", unix.Close(fd))
}

// bigEndian is a protocol number as sockaddr_ll wants it.
func bigEndian(protocol int) uint16 { return uint16(protocol)<<8 | uint16(protocol)>>8 }

// etherType reads the type out of a frame of our own.
func etherType(frame []byte) int {
	var f ethernet.Frame
	if err := f.UnmarshalBinary(frame); err != nil {
		panic(fmt.Sprintf("our own frame: %v", err))
	}
	return int(f.EtherType)
}
