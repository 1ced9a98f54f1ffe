package probe

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// beat lines up the ping of an entry that is due, or records why there is none.
func (l *loop) beat(e *entry, r reading) {
	onBeat := e.beat <= r.now
	if !onBeat && e.ask == 0 {
		return
	}
	e.ask = 0
	when := r.now
	if onBeat {
		// The schedule is absolute: a beat that is late moves none after it,
		// and those that have passed meanwhile are not made up for.
		when = e.beat
		over := (r.now - e.beat) / e.Interval
		e.beat += (over + 1) * e.Interval
		if over > 0 {
			l.unknown(e, r, when, fmt.Sprintf("the standby itself was late by %s: %d pings were not sent", short(r.now-when), over))
		}
	}
	// A link that came back after the beat was due is fit for this ping.
	if fault := l.pathFault(e, r.at); fault != "" {
		l.unknown(e, r, when, fault)
		return
	}
	f := l.familyOf(e)
	if err := f.ready(l, r.now); err != nil {
		l.unknown(e, r, when, sendFault(err))
		return
	}
	g := &l.group[0]
	if f.v6 {
		g = &l.group[1]
	}
	if s := f.pick(e); g.socket != s || g.n == batch {
		l.flush(g)
		g.socket = s
	}
	g.entries[g.n] = e
	g.n++
}

// flush sends what was lined up for one socket.
func (l *loop) flush(g *group) {
	n := g.n
	if n == 0 {
		return
	}
	g.n = 0
	s := g.socket
	sent := l.clock.read()
	var windows [batch]window
	for i, e := range g.entries[:n] {
		id := e.id
		if !s.raw {
			id = s.ident
		}
		w := l.book.open(e, id, sent.now)
		windows[i] = w
		l.out.address(i, e.wire, e.route.scope)
		putEcho(l.out.echo(i), s.v6, reply{id: w.id, seq: w.seq, magic: l.magic, slot: e.slot, token: w.token})
	}
	var refused [batch]error
	broken := l.transmit(s.fd, n, &refused)
	// The time-out runs from when the kernel had the packets: had this thread
	// been stopped in between, the target would not be to blame.
	after := l.clock.read()
	for i, e := range g.entries[:n] {
		if refused[i] != nil {
			e.drop(windows[i])
			l.unknown(e, after, sent.now, sendFault(refused[i]))
		} else {
			e.extend(windows[i], after.now+e.Timeout)
		}
		l.book.schedule(e)
	}
	if broken != nil {
		l.cfg.Log.Warn("ICMP socket is reopened", "ipv6", s.v6, "err", broken)
		l.family[0].closeIf(s)
		l.family[1].closeIf(s)
	}
}

// transmit sends the first n packets; each that the kernel refuses is skipped,
// never tried again. It returns the error that broke the socket, if one did.
func (l *loop) transmit(fd, n int, refused *[batch]error) (broken error) {
	for i := 0; i < n; {
		went, err := l.out.send(fd, i, n)
		i += went
		if err == nil || errors.Is(err, unix.EINTR) {
			continue
		}
		if breaks(err) {
			broken = err
		}
		refused[i] = err
		i++
	}
	return broken
}

// drop forgets a ping that was not sent.
func (e *entry) drop(w window) {
	for i := range e.windows {
		if e.windows[i].token == w.token {
			e.windows = append(e.windows[:i], e.windows[i+1:]...)
			return
		}
	}
}

// extend gives a ping its final time-out.
func (e *entry) extend(w window, deadline moment) {
	for i := range e.windows {
		if e.windows[i].token == w.token {
			e.windows[i].deadline = deadline
		}
	}
}

// closeIf closes the family's sockets if this one is among them.
func (f *family) closeIf(s *socket) {
	for _, own := range f.sockets {
		if own == s {
			f.close()
			return
		}
	}
}
