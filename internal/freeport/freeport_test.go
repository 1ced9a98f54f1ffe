package freeport

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
)

func TestFind(t *testing.T) {
	clients, err := firstOfClients()
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		port, err := Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if port < lowest || port >= clients {
			t.Errorf("port %d: whoever connects may be given it", port)
		}
	}
}

// A port that was found is not found again, also while nobody listens there.
func TestTwice(t *testing.T) {
	port, err := Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := take(t.Context(), port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("port %d is taken a second time: %v", port, err)
	}
	// One that was not free was not kept.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := listener.Addr().(*net.TCPAddr).Port
	if take(t.Context(), taken) == nil {
		t.Error("a port where somebody listens is taken")
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := take(t.Context(), taken); err != nil {
		t.Errorf("a port that was given back: %v", err)
	}
}

// A port that somebody has, be it of TCP or of UDP alone, is not free.
func TestFree(t *testing.T) {
	port, err := Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("127.0.0.1:%d", port)
	tcp, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	if free(t.Context(), port) == nil {
		t.Error("a port of TCP that is taken is free")
	}
	if err := tcp.Close(); err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	if free(t.Context(), port) == nil {
		t.Error("a port of UDP that is taken is free")
	}
	if err := udp.Close(); err != nil {
		t.Fatal(err)
	}
	if err := free(t.Context(), port); err != nil {
		t.Errorf("a port that was given back: %v", err)
	}
}
