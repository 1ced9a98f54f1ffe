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
	var err error
	for range tries {
		port := lowest + rand.N(beyond-lowest)
		if err = free(ctx, port); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port after %d tries: %w", tries, err)
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
