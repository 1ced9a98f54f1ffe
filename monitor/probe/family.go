package probe

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// reopenWait is how long a family whose sockets could not be opened is left
// alone before the next attempt.
const reopenWait = time.Second

// family is the sockets of IPv4 or of IPv6.
type family struct {
	v6      bool
	sockets []*socket
	err     error  // why there are none
	tried   moment // when they were last tried
	opened  moment // when they were last opened
}

// ready opens the sockets unless they are open, and says why they are not.
func (f *family) ready(l *loop, now moment) error {
	if f.sockets != nil {
		return nil
	}
	if f.err != nil && now-f.tried < reopenWait {
		return f.err
	}
	f.tried = now
	sockets, err := openSockets(f.v6, l.magic)
	if err != nil && (f.err == nil || f.err.Error() != err.Error()) {
		l.cfg.Log.Error("no ICMP socket, pings are unknown until there is one", "ipv6", f.v6, "err", err)
	} else if err == nil && f.err != nil {
		l.cfg.Log.Info("ICMP sockets are open again", "ipv6", f.v6)
	}
	f.sockets, f.err, f.opened = sockets, err, now
	return err
}

// pick is the socket that an entry's identifier leads to.
func (f *family) pick(e *entry) *socket { return f.sockets[int(e.id)%len(f.sockets)] }

// close gives the sockets back; the next use opens new ones.
func (f *family) close() {
	closeSockets(f.sockets)
	f.sockets = nil
}

// familyOf is the family of an entry's address.
func (l *loop) familyOf(e *entry) *family {
	if e.wire.Is4() {
		return &l.family[0]
	}
	return &l.family[1]
}

// read takes every answer that the kernel has for a family.
func (l *loop) read(f *family, r reading) {
	for _, s := range f.sockets {
		if err := l.drain(s, r); err != nil {
			l.cfg.Log.Warn("ICMP socket is reopened", "ipv6", f.v6, "err", err)
			f.close()
			return
		}
		if d := drops(s.fd); d != s.drops {
			s.drops, s.lossy = d, r.now
		}
	}
}

// drain reads a socket until it is empty. A bound keeps a flood from holding
// the loop for ever: more than this the socket's buffer does not hold.
func (l *loop) drain(s *socket, r reading) error {
	for range receiveBuffer / 256 / batch {
		n, err := l.in.receive(s.fd)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		}
		for i := range n {
			data, from, stamp := l.in.received(i)
			if rep, ok := readEcho(data, s.v6, s.header()); ok && rep.magic == l.magic {
				l.answered(from, rep, stamp, r)
			}
		}
		if n < batch {
			return nil
		}
	}
	return nil
}
