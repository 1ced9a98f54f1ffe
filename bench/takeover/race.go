package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"failoverd/internal/lab"
	"failoverd/internal/site"
)

// death is one death of the primary and what followed.
type death struct {
	detection time.Duration // from the last sign of life to the first announcement
	excess    time.Duration // what of it was not inevitable
	outage    time.Duration // as the client saw it
	served    time.Duration // from the first announcement to the first answer
	mac       string        // who answered
}

// race lets the primary die again and again, each time under the eyes of
// another peer.
func (b *bench) race(ctx context.Context) (err error) {
	w, err := b.newWorld()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(b.keepLogs)) }()
	services, err := w.services()
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range services {
			err = errors.Join(err, s.Close())
		}
	}()
	wire := w.lab.Switch.Capture()
	results := make(map[string][]death)
	for run := range b.runs {
		for _, p := range everybody() {
			if !b.wants(p.name) {
				continue
			}
			d, err := b.die(ctx, w, wire, p)
			if err != nil {
				return fmt.Errorf("run %d, %s: %w", run+1, p.name, err)
			}
			b.say("run %2d  %-10s  excess %7.1f ms  outage %4d ms", run+1, p.name, ms(d.excess), d.outage.Milliseconds())
			results[p.name] = append(results[p.name], d)
		}
	}
	b.raceTable(w, results)
	return nil
}

// services are the stand-ins that run all the time, so that the address is all
// that moves: on the standby for both service addresses, and on the primary for
// the one that keepalived gives it.
func (w *world) services() ([]*site.Service, error) {
	var all []*site.Service
	for _, s := range []struct {
		host    *lab.Host
		address string
		answer  string
	}{
		{w.Standby, site.PBXAddress, "stand-in"}, {w.Standby, vrrpAddress, "stand-in"}, {w.PBX.Host, vrrpAddress, "primary"},
	} {
		// The address is not there yet.
		if err := s.host.Sysctl("net/ipv4/ip_nonlocal_bind", "1"); err != nil {
			return all, err
		}
		at := fmt.Sprintf("%s:%d", s.address, site.ServicePort)
		packets, err := s.host.ListenPacket("udp", at)
		if err != nil {
			return all, err
		}
		listener, err := s.host.Listen("tcp", at)
		if err != nil {
			return all, errors.Join(err, packets.Close())
		}
		all = append(all, site.NewService(packets, listener, s.answer))
		if err := s.host.Sysctl("net/ipv4/ip_nonlocal_bind", "0"); err != nil {
			return all, err
		}
	}
	return all, nil
}

// die lets the primary die once, and puts the world back as it was.
func (b *bench) die(ctx context.Context, w *world, wire *lab.Capture, p peer) (d death, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	wire.Clear()
	stop, err := p.start(ctx, w)
	if err != nil {
		return d, err
	}
	defer func() {
		if stop != nil {
			err = errors.Join(err, stop())
		}
	}()
	user, err := site.NewUser(w.Client, p.address)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, user.Close()) }()
	if err := user.WaitServedBy(ctx, "primary"); err != nil {
		return d, err
	}
	if _, err := wire.WaitForN(ctx, 10, func(f lab.Frame) bool { return p.sign(w, f) }); err != nil {
		return d, err
	}
	if holds(w.Standby, netip.MustParseAddr(p.address)) {
		return d, errors.New("the standby took the address over before the primary died")
	}
	wire.Clear()
	if _, err := wire.WaitForN(ctx, 2, func(f lab.Frame) bool { return p.sign(w, f) }); err != nil {
		return d, err
	}
	// Dying has no phase: the moment is random.
	if err := wait(ctx, rand.N(2*beat)); err != nil {
		return d, err
	}
	if err := w.PBX.Down(); err != nil {
		return d, err
	}
	if err := user.WaitServedBy(ctx, "stand-in"); err != nil {
		log, _ := os.ReadFile(w.Log())
		return d, errors.Join(err, fmt.Errorf("the daemon's log:\n%s", log))
	}
	// A while longer, so that the answers that are under way are counted.
	if err := wait(ctx, beat); err != nil {
		return d, err
	}
	if d, err = w.look(wire.Frames(), user, p); err != nil {
		return d, err
	}
	end := stop
	stop = nil
	if err := end(); err != nil {
		return d, err
	}
	return d, w.putBack(ctx)
}

// look finds on the wire what happened.
func (w *world) look(frames []lab.Frame, user *site.User, p peer) (d death, err error) {
	ip, standby, client := netip.MustParseAddr(p.address), w.Standby.MAC().String(), w.Client.MAC().String()
	var last, announced time.Time
	for _, f := range frames {
		switch {
		case p.sign(w, f) && announced.IsZero():
			last = f.At
		case announced.IsZero() && f.ARP != nil && f.ARP.Gratuitous() && f.ARP.SenderIP == ip && f.Src.String() == standby:
			announced = f.At
		case !announced.IsZero() && d.mac == "" && isAnswer(f, ip) && f.Dst.String() == client:
			d.mac, d.served = f.Src.String(), f.At.Sub(announced)
		}
	}
	outages := user.Outages(5 * site.Resolution)
	switch {
	case last.IsZero():
		return d, errors.New("the primary gave no sign of life")
	case announced.IsZero():
		return d, errors.New("the standby did not announce the address")
	case d.mac == "":
		return d, errors.New("nobody answered the client")
	case len(outages) == 0:
		return d, errors.New("the client saw no outage")
	}
	for _, o := range outages {
		d.outage = max(d.outage, o.Lasted())
	}
	d.detection = announced.Sub(last)
	d.excess = d.detection - p.inevitable
	return d, nil
}

// isAnswer says whether a frame is a datagram from the service.
func isAnswer(f lab.Frame, from netip.Addr) bool {
	const udp, header = 17, 14
	if f.Type != 0x0800 || len(f.Bytes) < header+28 || f.Bytes[header+9] != udp {
		return false
	}
	port := int(f.Bytes[header+20])<<8 | int(f.Bytes[header+21])
	return port == site.ServicePort && netip.AddrFrom4([4]byte(f.Bytes[header+12:header+16])) == from
}

// putBack takes the service addresses from the standby and lets the primary
// come back.
func (w *world) putBack(ctx context.Context) error {
	for _, p := range w.Standby.Addresses() {
		if a := p.Addr().String(); a == site.PBXAddress || a == vrrpAddress {
			if err := w.Standby.RemoveAddress(p.String()); err != nil {
				return err
			}
		}
	}
	if err := w.PBX.Up(); err != nil {
		return err
	}
	// The client believes in the standby until its entry ages: a primary that
	// says something turns it back.
	_, err := w.PBX.Run(ctx, "arping", "-q", "-U", "-c", "1", "-w", "1", "-I", "eth0", site.PBXAddress)
	return err
}
