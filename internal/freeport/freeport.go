// Package freeport finds ports of the loopback for servers that tests and benchmarks start.
package freeport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
)

// The ports that are tried begin at lowest, and end below those that the kernel gives to whoever connects: one of these that is
// free now may be somebody's connection by the time its server listens.
const (
	lowest = 5000
	tries  = 100
)

// Find returns a port of 127.0.0.1 that nobody has now, neither of TCP nor of UDP. It is this process's for as long as the
// process lives: no Find returns it again, here or in another process, also while its server does not listen yet, or is down.
func Find(ctx context.Context) (int, error) {
	end, err := firstOfClients()
	if err != nil {
		return 0, err
	}
	if end <= lowest {
		return 0, fmt.Errorf("the kernel gives ports from %d on to whoever connects: have net.ipv4.ip_local_port_range begin well above %d", end, lowest)
	}
	for range tries {
		port := lowest + rand.N(end-lowest)
		if err = take(ctx, port); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port after %d tries: %w", tries, err)
}

// firstOfClients is the first of the ports that the kernel gives to whoever connects (ip-sysctl.rst, ip_local_port_range).
func firstOfClients() (int, error) {
	const file = "/proc/sys/net/ipv4/ip_local_port_range"
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	var first int
	if _, err := fmt.Sscan(string(text), &first); err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return first, nil
}

// take reserves a port before it looks whether that is free, which it does by listening: the server of whoever has it must not
// find it taken by that.
func take(ctx context.Context, port int) error {
	reservation, err := reserve(port)
	if err != nil {
		return fmt.Errorf("reserve port %d: %w", port, err)
	}
	if err := free(ctx, port); err != nil {
		return errors.Join(err, syscall.Close(reservation))
	}
	return nil
}

// free says why a port is not free.
func free(ctx context.Context, port int) error {
	var config net.ListenConfig
	at := fmt.Sprintf("127.0.0.1:%d", port)
	tcp, err := config.Listen(ctx, "tcp", at)
	if err != nil {
		return err
	}
	udp, err := config.ListenPacket(ctx, "udp", at)
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	return errors.Join(tcp.Close(), udp.Close())
}

// reserve takes a port among those who look for one: by a name that only one socket of a network namespace can have
// (unix(7), abstract socket addresses). Of a port that is given out it
// is closed by nobody but the end of the process.
func reserve(port int) (socket int, err error) {
	socket, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := syscall.Bind(socket, &syscall.SockaddrUnix{Name: fmt.Sprintf("@failoverd/port/%d", port)}); err != nil {
		return 0, errors.Join(err, syscall.Close(socket))
	}
	return socket, nil
}
