package config

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Bounds of the pings. Below 20 ms the beat is finer than a busy host keeps it.
const (
	minInterval = 20 * time.Millisecond
	minTimeout  = 10 * time.Millisecond
	maxInterval = time.Hour
	maxMisses   = 10000
)

// defaults reports what is each server's own. The rest is checked with every
// server that it reaches, and here once, for the case that there is none.
func (v *validator) defaults(raw rawServer) {
	own := []struct {
		key spot
		why string
	}{
		{raw.Name.spot, "a name"},
		{raw.Address.spot, "an address"},
		{raw.Addresses.spot, "addresses"},
		{raw.ManagementAddress.spot, "a management address"},
		{raw.Agent.spot, "an agent"},
		{raw.Takeover.ServiceAddresses.spot, "service addresses"},
	}
	for _, o := range own {
		if o.key.set() {
			v.r.error(o.key, "each server has "+o.why+" of its own", "write it under the server")
		}
	}
	if raw.set() && !raw.bad {
		v.ping(raw.Ping)
	}
}

func (v *validator) server(raw rawServer) Server {
	s := Server{Name: raw.Name.value, Where: fmt.Sprintf("%s:%d", raw.file, max(raw.line, 1))}
	if raw.bad {
		return s
	}
	if own := raw.Takeover.Interface; own.good() {
		before := v.loopback
		v.loopback = own.value == "lo"
		defer func() { v.loopback = before }()
	}
	if v.required(raw.Name.spot, raw.spot, "name", "write a name for the server, such as name: PBX") {
		v.name(raw.Name)
	}
	v.paths(&s, raw)
	s.Priority = v.within(raw.Priority, 0, 0, 1000)
	s.Ping = v.ping(raw.Ping)
	s.Probes = v.probes(raw.Probes)
	s.Takeover = v.takeover(raw, s)
	s.Databases = v.databases(raw.Databases, s.Name)
	s.Files = v.files(raw.Files, s.Name)
	s.Drill = v.drill(raw.Drill, s)
	return s
}

// paths reads the addresses by which a server is watched.
func (v *validator) paths(s *Server, raw rawServer) {
	s.Address = v.address(raw.Address)
	if s.Address.IsValid() {
		s.Addresses = []netip.Addr{s.Address}
		v.spots[pathKey(s.Name, s.Address)] = raw.Address.spot
	}
	for i, item := range raw.Addresses.items {
		a := v.address(item)
		switch {
		case !a.IsValid() || i == 0 && a == s.Address:
		case slices.Contains(s.Addresses, a):
			v.r.errorf(item.spot, "remove one of the two", "address %s is listed twice", a)
		default:
			s.Addresses = append(s.Addresses, a)
			v.spots[pathKey(s.Name, a)] = item.spot
		}
	}
	if len(raw.Addresses.items) > 16 {
		v.r.errorf(raw.Addresses.spot, "write at most 16", "a server with %d paths", len(raw.Addresses.items))
	}
	if !raw.Address.set() && len(s.Addresses) > 0 {
		s.Address = s.Addresses[0]
	} else if len(raw.Addresses.items) == 0 {
		v.required(raw.Address.spot, raw.spot, "address", "write the IP address that is pinged")
	}
	s.ManagementAddress = v.address(raw.ManagementAddress)
	if slices.Contains(s.Addresses, s.ManagementAddress) {
		v.r.errorf(raw.ManagementAddress.spot, "write the address of another path (a service processor, a second card), or remove the key",
			"%s is pinged as the server's address already", s.ManagementAddress)
	}
	s.Agent = v.agent(raw.Agent, *s)
}

// agent reads where the agent listens: by default on the address that stays with the server.
func (v *validator) agent(raw rawAgent, s Server) Agent {
	at := s.ManagementAddress
	if !at.IsValid() {
		at = s.Address
	}
	a := Agent{}
	if at.IsValid() {
		a.Address = netip.AddrPortFrom(at, AgentPort)
	}
	if raw.Address.good() {
		a.Address = v.remote(raw.Address)
	}
	return a
}

// pathKey is the key of a pinged address in Config.spots.
func pathKey(server string, a netip.Addr) string { return server + " " + a.String() }

func (v *validator) ping(raw rawPing) Ping {
	p := Ping{
		Interval:        v.lasting(raw.Interval, 2*time.Second, minInterval, maxInterval),
		Timeout:         v.lasting(raw.Timeout, time.Second, minTimeout, maxInterval),
		WarnAfter:       v.within(raw.WarnAfter, 5, 1, maxMisses),
		FailAfter:       v.within(raw.FailAfter, 15, 1, maxMisses),
		FailAfterReboot: v.within(raw.FailAfterReboot, 30, 1, maxMisses),
	}
	v.shorter(raw.Timeout, raw.Interval, p.Timeout, p.Interval)
	if p.WarnAfter >= p.FailAfter && !raw.WarnAfter.bad && !raw.FailAfter.bad {
		v.r.errorf(where(raw.WarnAfter.spot, raw.FailAfter.spot), "the warning comes before the failure: write warn_after below fail_after",
			"warn_after %d is not below fail_after %d", p.WarnAfter, p.FailAfter)
	}
	if p.FailAfter > p.FailAfterReboot && !raw.FailAfter.bad && !raw.FailAfterReboot.bad {
		v.r.errorf(where(raw.FailAfterReboot.spot, raw.FailAfter.spot), fmt.Sprintf("write %d or more: after a reboot of the standby a primary needs longer, not shorter", p.FailAfter),
			"fail_after_reboot %d is below fail_after %d", p.FailAfterReboot, p.FailAfter)
	}
	return p
}

// shorter reports a time-out that outlasts the interval.
func (v *validator) shorter(rawTimeout, rawInterval duration, timeout, interval time.Duration) {
	if timeout >= interval && !rawTimeout.bad && !rawInterval.bad {
		v.r.errorf(where(rawTimeout.spot, rawInterval.spot), fmt.Sprintf("write a timeout below %s, or a longer interval", brief(interval)),
			"timeout %s is not shorter than interval %s", brief(timeout), brief(interval))
	}
}
