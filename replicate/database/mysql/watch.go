package mysql

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watch waits for what a server says while rows are sent to it.
//
// A server says nothing before it has got all of them, unless it has given up. One that ends a session by KILL shuts
// the connection down without closing it, and takes nothing more: whoever sends would wait for ever, since only those
// who read are told that the other end has gone.
type watch struct {
	conn net.Conn
	done chan struct{}
}

// errGaveUp is the reason for which a load ends whose server has said something before its time.
var errGaveUp = errors.New("the server ended the connection while rows were sent to it")

// attend begins to wait, and ends the stream when the server speaks before all of it has been read.
func attend(conn net.Conn, lines *stream) *watch {
	w := &watch{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		if spoken(conn) && !lines.ended.Load() {
			lines.stop(errGaveUp)
		}
	}()
	return w
}

// spoken waits until there is something to read, if only the end, and leaves it there. The driver reads it after us.
func spoken(conn net.Conn) bool {
	c, is := conn.(syscall.Conn)
	if !is {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return err == nil
}

// end ends the waiting. Where no rows were asked for, there is none.
func (w *watch) end() {
	if w == nil {
		return
	}
	_ = w.conn.SetReadDeadline(time.Unix(1, 0)) // A connection that is closed waits for nothing either.
	<-w.done
	_ = w.conn.SetReadDeadline(time.Time{})
}
