package trees

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// pair returns the two ends of a connection within this process. It has the kernel's room between the ends, unlike
// net.Pipe: both sides of a conversation write before they read.
func pair() (left, right net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("join source and copy: %w", err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		conn, convErr := net.FileConn(f)
		_ = f.Close() // the connection has a descriptor of its own
		if convErr != nil {
			err = fmt.Errorf("join source and copy: %w", convErr)
			continue
		}
		ends[i] = conn
	}
	if err != nil {
		for _, conn := range ends {
			if conn != nil {
				_ = conn.Close()
			}
		}
		return nil, nil, err
	}
	return ends[0], ends[1], nil
}
