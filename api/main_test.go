package api

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Whatever a test started has ended when the tests are over.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The pool of database connections ends its opener after Close has returned.
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

// lockedWriter lets a test read a log while it is written.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes a whole line.
func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// tlsDial opens a TLS connection.
func tlsDial(address string, c *tls.Config) (net.Conn, error) {
	return tls.Dial("tcp", address, c)
}
