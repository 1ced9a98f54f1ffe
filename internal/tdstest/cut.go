package tdstest

import (
	"errors"
	"io"
	"net"
)

type cutWriter struct {
	conn net.Conn
	w    io.Writer
	left int // -1: as many as one likes
}

func (c *cutWriter) Write(b []byte) (int, error) {
	if c.left < 0 {
		return c.w.Write(b)
	}
	n := min(len(b), c.left)
	c.left -= n
	if n > 0 {
		if _, err := c.w.Write(b[:n]); err != nil {
			return 0, err
		}
	}
	if n < len(b) {
		return n, errors.Join(errCut, c.conn.Close())
	}
	return n, nil
}

var errCut = errors.New("cut, as the test wants it")
