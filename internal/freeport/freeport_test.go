package freeport

import (
	"fmt"
	"net"
	"testing"
)

func TestFind(t *testing.T) {
	for range 50 {
		port, err := Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if port < lowest || port >= beyond {
			t.Errorf("port %d: whoever connects may be given it", port)
		}
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
