package api

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Late is a listener that may not be open yet: its port is another program's, its address has not come, its certificate is
// no good. It is tried again until it is, because whoever watches servers does not stop for the sake of a console.
type Late struct {
	at    netip.AddrPort
	open  func() (net.Listener, error)
	again time.Duration
	told  func(error)

	mu     sync.Mutex
	inner  net.Listener // nil while it is not open
	err    error        // why not
	closed chan struct{}
}

// ListenLate opens a listener, and where that fails tries again at such an interval for as long as somebody waits in Accept. told
// is called with each new reason, and with nil once the listener is open.
func ListenLate(at netip.AddrPort, open func() (net.Listener, error), again time.Duration, told func(error)) *Late {
	l := &Late{at: at, open: open, again: again, told: told, closed: make(chan struct{})}
	l.try()
	return l
}

// try opens it.
func (l *Late) try() {
	inner, err := l.open()
	l.mu.Lock()
	was := l.err
	l.inner, l.err = inner, err
	select {
	case <-l.closed:
		if inner != nil {
			_ = inner.Close() // nobody has connected
		}
	default:
	}
	l.mu.Unlock()
	if err == nil || was == nil || was.Error() != err.Error() {
		l.told(err)
	}
}

// Accept waits for the next connection. Its error is net.ErrClosed after Close.
func (l *Late) Accept() (net.Conn, error) {
	for {
		l.mu.Lock()
		inner := l.inner
		l.mu.Unlock()
		if inner != nil {
			return inner.Accept()
		}
		wait := time.NewTimer(l.again)
		select {
		case <-l.closed:
			wait.Stop()
			return nil, net.ErrClosed
		case <-wait.C:
			l.try()
		}
	}
}

// Close ends the waiting, and closes what is open. A second call does nothing.
func (l *Late) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return nil
	default:
	}
	close(l.closed)
	if l.inner == nil {
		return nil
	}
	return l.inner.Close()
}

// Addr is where it is to listen, whether it does or not.
func (l *Late) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

// Err says why it is not open; nil if it is.
func (l *Late) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
