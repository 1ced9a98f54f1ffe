package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"failoverd/internal/lab"
)

// wire is what the primaries' host hears and says: pings and their answers, and addresses that are announced. Times are the
// kernel's.
type wire struct {
	files   []*os.File
	reading sync.WaitGroup

	mu        sync.Mutex
	pings     map[netip.Addr][]time.Time
	open      map[question]time.Time   // pings without an answer
	answered  map[netip.Addr]time.Time // when the last one was heard that was answered
	announced map[netip.Addr]time.Time // first
}

// question tells one ping from all others.
type question struct {
	to     netip.Addr
	number [4]byte // identifier and sequence number
}

// listen begins to listen.
func listen(h *lab.Host) (*wire, error) {
	w := &wire{
		pings: map[netip.Addr][]time.Time{}, open: map[question]time.Time{},
		answered: map[netip.Addr]time.Time{}, announced: map[netip.Addr]time.Time{},
	}
	for _, kind := range []struct {
		protocol uint16
		take     func([]byte, time.Time)
	}{{unix.ETH_P_ALL, w.ping}, {unix.ETH_P_ARP, w.arp}} {
		var f *os.File
		if err := h.Do(func() (err error) { f, err = open(h.Link(), kind.protocol); return err }); err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.files = append(w.files, f)
		w.reading.Go(func() { read(f, kind.take) })
	}
	return w, nil
}

// open opens a socket for one protocol, whose packets come without their frames.
func open(link string, protocol uint16) (*os.File, error) {
	ifi, err := net.InterfaceByName(link)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	order := protocol<<8 | protocol>>8 // in network order
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: order, Ifindex: ifi.Index}),
	); err != nil {
		return nil, errors.Join(fmt.Errorf("packet socket: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "packets"), nil
}

// read takes packets until the socket is closed.
func read(f *os.File, take func([]byte, time.Time)) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	data, control := make([]byte, 2048), make([]byte, 128)
	for {
		var n, oobn int
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, oobn, _, _, failed = unix.Recvmsg(int(fd), data, control, 0)
			return !errors.Is(failed, unix.EAGAIN)
		})
		if err != nil {
			return // Closed.
		}
		if failed == nil {
			take(data[:n], lab.KernelTime(control[:oobn]))
		}
	}
}

// ping takes a packet, which may be a ping or an answer.
func (w *wire) ping(b []byte, at time.Time) {
	const icmp, echo, reply = 1, 8, 0
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != icmp {
		return
	}
	header := int(b[0]&15) * 4
	if len(b) < header+8 {
		return
	}
	number := [4]byte(b[header+4 : header+8])
	w.mu.Lock()
	defer w.mu.Unlock()
	switch b[header] {
	case echo:
		to := netip.AddrFrom4([4]byte(b[16:20]))
		w.pings[to] = append(w.pings[to], at)
		w.open[question{to, number}] = at
	case reply:
		q := question{netip.AddrFrom4([4]byte(b[12:16])), number}
		if asked, found := w.open[q]; found {
			w.answered[q.to] = asked
			delete(w.open, q)
		}
	}
}

// arp takes an ARP packet.
func (w *wire) arp(b []byte, at time.Time) {
	if len(b) < 28 || [4]byte(b[14:18]) != [4]byte(b[24:28]) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := netip.AddrFrom4([4]byte(b[14:18]))
	if _, known := w.announced[a]; !known {
		w.announced[a] = at
	}
}

// lastAnswered is when the last ping of an address was heard that was answered.
func (w *wire) lastAnswered(a netip.Addr) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answered[a]
}

// announcedAt is when an address was first announced, if it was.
func (w *wire) announcedAt(a netip.Addr) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, ok := w.announced[a]
	return at, ok
}

// clear forgets the pings.
func (w *wire) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.pings)
	clear(w.open)
}

// beats are how far each ping was behind its beat, and how many beats had no ping, of the addresses that keep theirs.
func (w *wire) beats(of []netip.Addr) (late []time.Duration, missing int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range of {
		all := w.pings[a]
		if len(all) < 20 {
			missing++
			continue
		}
		// The beat is where the earliest pings are; the very first of them may be an exception.
		var off []time.Duration
		for _, at := range all {
			d := at.Sub(all[0])
			off = append(off, d-d.Round(beat))
		}
		sorted := slices.Sorted(slices.Values(off))
		phase := sorted[len(sorted)/50]
		for _, d := range off {
			late = append(late, max(d-phase, 0))
		}
		missing += max(int(all[len(all)-1].Sub(all[0]).Round(beat)/beat)+1-len(all), 0)
	}
	return late, missing
}

func (w *wire) close() error {
	var errs []error
	for _, f := range w.files {
		errs = append(errs, f.Close())
	}
	w.reading.Wait()
	return errors.Join(errs...)
}
