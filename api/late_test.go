package api

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// A port that another program has is listened on once that has gone. Each reason is told once.
func TestListenLate(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(other.Addr().String())
	tried, told := 0, make(chan error, 10)
	l := ListenLate(at, func() (net.Listener, error) {
		if tried++; tried == 4 {
			if err := other.Close(); err != nil {
				t.Error(err)
			}
		}
		return net.Listen("tcp", at.String())
	}, time.Millisecond, func(err error) { told <- err })
	if l.Err() == nil || l.Addr().String() != at.String() {
		t.Errorf("%v at %s, want an error at %s", l.Err(), l.Addr(), at)
	}
	accepted := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, err = io.WriteString(conn, "hello")
			err = errors.Join(err, conn.Close())
		}
		accepted <- err
	}()
	if err := <-told; err == nil {
		t.Error("the port was taken twice")
	}
	if err := <-told; err != nil || l.Err() != nil {
		_ = l.Close()
		t.Fatalf("told %v, %v; want that it listens", err, l.Err())
	}
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(conn); err != nil || string(said) != "hello" {
		t.Errorf("%q, %v", said, err)
	}
	_ = conn.Close()
	if err := <-accepted; err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if conn, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, %v; want %v", conn, err, net.ErrClosed)
	}
	if len(told) > 0 {
		t.Errorf("told once more: %v", <-told)
	}
}

// One that is closed while it cannot be opened does not keep anybody waiting, and opens nothing any more.
func TestListenLateIsClosed(t *testing.T) {
	never := errors.New("no certificate")
	tried := make(chan struct{}, 1)
	l := ListenLate(netip.MustParseAddrPort("127.0.0.1:1"), func() (net.Listener, error) {
		select {
		case tried <- struct{}{}:
		default:
		}
		return nil, never
	}, time.Millisecond, func(error) {})
	<-tried
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	<-tried // in Accept
	if !errors.Is(l.Err(), never) {
		t.Errorf("%v, want %v", l.Err(), never)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want %v", err, net.ErrClosed)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.open = func() (net.Listener, error) { return inner, nil }
	l.try()
	if conn, err := net.Dial("tcp", inner.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("it listens although it was closed")
	}
}
