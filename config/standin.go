package config

import (
	"net/netip"
	"slices"
	"time"
)

func (v *validator) fence(raw rawFence) *Fence {
	if !raw.set() || raw.bad {
		return nil
	}
	v.required(raw.Command.spot, raw.spot, "command", `write ["/path/of/program", "argument"]: it makes sure that the primary is off`)
	return &Fence{
		Command:   v.command(raw.Command, true),
		Timeout:   v.lasting(raw.Timeout, 30*time.Second, 100*time.Millisecond, maxWait),
		OnFailure: v.choice(raw.OnFailure, "stop", "stop", "continue"),
	}
}

func (v *validator) start(raw rawStart) StandIn {
	s := StandIn{
		Command: v.command(raw.Command, true),
		Stop:    v.command(raw.Stop, true),
		Check:   v.command(raw.Check, true),
		Timeout: v.lasting(raw.Timeout, 90*time.Second, 100*time.Millisecond, maxWait),
	}
	for _, item := range raw.Units.items {
		switch {
		case !item.good():
		case !units.MatchString(item.value):
			expect := "write its full name, such as ctserver.service"
			if units.MatchString(item.value + ".service") {
				expect = "write " + item.value + ".service"
			}
			v.r.error(item.spot, show(item.value)+" is no name of a systemd unit", expect)
		case slices.Contains(s.Units, item.value):
			v.r.errorf(item.spot, "remove one of the two", "unit %s is listed twice", item.value)
		default:
			s.Units = append(s.Units, item.value)
		}
	}
	switch {
	case raw.Units.set() && raw.Command.set():
		v.r.error(raw.spot, "units and command exclude each other", "write one of the two")
	case raw.Units.good() && len(raw.Units.items) == 0:
		v.r.error(raw.Units.spot, "the list of units is empty", "write a unit, or remove the key")
	case raw.Units.set() && raw.Stop.set():
		v.r.error(raw.Stop.spot, "stop belongs to command", "remove it: units are stopped by systemd")
	case raw.set() && !raw.bad && !raw.Units.set() && !raw.Command.set():
		v.r.error(raw.spot, "the section starts nothing", "write units or command, or remove it when only the address moves")
	case raw.Command.good() && !raw.Stop.set():
		v.r.notice(raw.Command.spot, "there is a command to start the stand-in and none to stop it", "a release leaves running what it started: write stop as well")
	}
	return s
}

func (v *validator) ready(raw rawReady) *Ready {
	if !raw.set() || raw.bad {
		return nil
	}
	r := &Ready{
		HTTP:    v.http(raw.HTTP),
		Command: v.command(raw.Command, true),
		Timeout: v.lasting(raw.Timeout, 60*time.Second, 100*time.Millisecond, maxWait),
	}
	if raw.TCP.good() {
		r.TCP = v.local(raw.TCP)
	}
	asked := 0
	for _, s := range []spot{raw.TCP.spot, raw.HTTP.spot, raw.Command.spot} {
		if s.set() {
			asked++
		}
	}
	switch {
	case asked == 0:
		v.r.error(raw.spot, "nothing is asked", `write one of tcp: "192.168.11.1:100", http: {url: …} and command: […]`)
	case asked > 1:
		v.r.error(raw.spot, "tcp, http and command exclude each other", "write one of them")
	}
	return r
}

// local takes ADDRESS:PORT where the stand-in on this host may answer.
func (v *validator) local(t text) netip.AddrPort {
	a := v.endpoint(t)
	if ip := a.Addr(); ip.IsValid() && (ip.IsMulticast() || ip.IsUnspecified()) {
		v.r.error(t.spot, show(t.value)+" cannot be connected to", "write the service address or 127.0.0.1")
	}
	return a
}
