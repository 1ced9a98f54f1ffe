package sqlserver

import (
	"context"
	"database/sql/driver"
	"net"
	"sync"
	"syscall"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
	"golang.org/x/sys/unix"
)

// loginPatience is how long a server may take to let somebody in.
const loginPatience = 15 * time.Second

// lostAfter is how long data may stay unacknowledged before the connection is given up: a host that has lost its power
// says nothing.
const lostAfter = 30 * time.Second

// connector connects within a context. The driver's own does not look at the context once the connection stands, and
// waits for ever for a server that says nothing during the login.
type connector struct{ config msdsn.Config }

func (c connector) Driver() driver.Driver { return &mssql.Driver{} }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, loginPatience)
	defer cancel()
	d := &dialer{}
	stop := context.AfterFunc(ctx, d.interrupt)
	login := mssql.NewConnectorConfig(c.config)
	login.Dialer = d
	conn, err := login.Connect(ctx)
	if !stop() { // the connection may have been interrupted in its last moment
		if err == nil {
			_ = conn.Close()
		}
		return nil, context.Cause(ctx)
	}
	return conn, err
}

// dialer remembers the connections of one login, so that they can be interrupted.
type dialer struct {
	mu          sync.Mutex
	interrupted bool
	conns       []net.Conn
}

// DialContext connects, and resolves the name within the context too.
func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: lostAfter / 2, Interval: lostAfter / 6, Count: 3},
		Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				// A kernel without the option still has the keepalive.
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(lostAfter.Milliseconds()))
			})
		},
	}
	conn, err := plain.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, conn)
	if d.interrupted {
		_ = conn.SetDeadline(time.Unix(1, 0))
	}
	return conn, nil
}

// HostName makes the driver leave names to DialContext; its own look-up takes no context.
func (d *dialer) HostName() string { return "" }

// interrupt ends whatever waits for the server.
func (d *dialer) interrupt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.interrupted = true
	for _, c := range d.conns {
		_ = c.SetDeadline(time.Unix(1, 0))
	}
}
