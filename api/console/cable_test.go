package console_test

import (
	"io"
	"net"
	"sync"
)

// cable carries connections from the browser to the API, and can be cut.
type cable struct {
	listener net.Listener
	carrying sync.WaitGroup

	mu   sync.Mutex
	to   string // where it leads
	open map[net.Conn]struct{}
	off  bool
}

// newCable returns a cable that leads nowhere yet.
func newCable() (*cable, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cable{listener: l, open: map[net.Conn]struct{}{}, off: true}
	c.carrying.Go(c.accept)
	return c, nil
}

// lead has it lead to an address, plugged in.
func (c *cable) lead(to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to, c.off = to, false
}

// far dials the other end.
func (c *cable) far() (net.Conn, error) {
	c.mu.Lock()
	to := c.to
	c.mu.Unlock()
	return net.Dial("tcp", to)
}

func (c *cable) address() string { return c.listener.Addr().String() }

// accept takes connections until the cable is closed.
func (c *cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := c.far()
		if err != nil || !c.holds(near, far) {
			near.Close()
			if far != nil {
				far.Close()
			}
			continue
		}
		c.carrying.Go(func() { c.carry(near, far) })
		c.carrying.Go(func() { c.carry(far, near) })
	}
}

// holds notes two ends, unless the cable is off.
func (c *cable) holds(ends ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		return false
	}
	for _, end := range ends {
		c.open[end] = struct{}{}
	}
	return true
}

// carry copies in one direction until either end is closed.
func (c *cable) carry(to, from net.Conn) {
	io.Copy(to, from) // Whichever way it ends, both ends are closed.
	to.Close()
	from.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, to)
	delete(c.open, from)
}

// cut breaks all connections.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := range c.open {
		end.Close()
	}
}

// unplug breaks all connections and lets none come until it is plugged in again.
func (c *cable) unplug(off bool) {
	c.mu.Lock()
	c.off = off
	c.mu.Unlock()
	if off {
		c.cut()
	}
}

// close takes the cable away.
func (c *cable) close() {
	c.unplug(true)
	c.listener.Close()
	c.carrying.Wait()
}
