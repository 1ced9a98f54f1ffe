package freeport

import (
	"fmt"
	"net"
	"testing"
)

func TestFind(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port, err := Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if port < lowest || port >= beyond {
			t.Fatalf("port %d: whoever connects may be given it", port)
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if seen[port] {
			t.Errorf("port %d is found twice, and it was taken", port)
		}
		seen[port] = true
	}
}
