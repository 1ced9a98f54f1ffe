// Package freeport finds ports of the loopback for servers that tests and benchmarks start.
package freeport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports that are tried are below those that Linux gives to whoever connects (ip_local_port_range, 32768 and above): of these
// one that is free now may be somebody's connection by the time its server listens.
const (
	lowest = 10000
	beyond = 32768
	tries  = 100
)

// Find returns a port of 127.0.0.1 that nobody has now, neither of TCP nor of UDP.
func Find(ctx context.Context) (int, error) {
	var config net.ListenConfig
	var err error
	for range tries {
		port := lowest + rand.N(beyond-lowest)
		at := fmt.Sprintf("127.0.0.1:%d", port)
		tcp, tcpErr := config.Listen(ctx, "tcp", at)
		if err = tcpErr; err != nil {
			continue
		}
		udp, udpErr := config.ListenPacket(ctx, "udp", at)
		if err = errors.Join(udpErr, tcp.Close()); err != nil {
			continue
		}
		if err = udp.Close(); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port after %d tries: %w", tries, err)
}
