package sqlserver

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"failoverd/replicate/database"
)

// silent is a server that accepts connections, reads, and never says a word.
func silent(t *testing.T) (address string, spokenTo <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{}, 100)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 1)); err == nil {
					heard <- struct{}{}
				}
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		served.Wait()
	})
	return l.Addr().String(), heard
}

// The driver does not look at the context once the connection stands, and would wait for the login for ever.
func TestASilentServerIsGivenUp(t *testing.T) {
	address, heard := silent(t)
	for _, encrypt := range []string{"disable", "false", "true", "strict"} {
		t.Run(encrypt, func(t *testing.T) {
			unwanted := errors.New("nobody waits any more")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var waiting sync.WaitGroup
			defer waiting.Wait()
			waiting.Go(func() {
				select {
				case <-heard: // the client has said its first word, and waits for an answer
					cancel(unwanted)
				case <-t.Context().Done():
				}
			})
			begun := time.Now()
			_, err := open(ctx, database.End{Host: "pbx", DSN: "sqlserver://sa@" + address + "?encrypt=" + encrypt}, master, program)
			if !errors.Is(err, unwanted) {
				t.Errorf("open: %v, want %v", err, unwanted)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A name that cannot be resolved, and a host that refuses, are ends that cannot be reached.
func TestUnreachable(t *testing.T) {
	for _, dsn := range []string{"sqlserver://sa@127.0.0.1:1", "sqlserver://sa@nobody.invalid", "mysql://x"} {
		_, err := open(t.Context(), database.End{Host: "pbx", DSN: dsn}, master, program)
		var unreachable *database.UnreachableError
		if !errors.As(err, &unreachable) || unreachable.Host != "pbx" {
			t.Errorf("%s: %v, want an *UnreachableError", dsn, err)
		}
	}
}
