package config

import (
	"net/netip"
	"slices"
	"time"
)

func (v *validator) standby(raw rawStandby) Standby {
	s := Standby{
		Name:           v.name(raw.Name),
		DataDir:        v.absolute(raw.DataDir, "/var/lib/failoverd"),
		Interface:      v.link(raw.Interface),
		Capacity:       1,
		AtOnce:         v.within(raw.AtOnce, 1, 1, 16),
		DefaultWitness: !raw.Witnesses.set(),
		Settle:         v.lasting(raw.Settle, 30*time.Second, 0, time.Hour),
	}
	v.loopback, v.dataDir = s.Interface == "lo", s.DataDir
	if raw.Capacity.good() && raw.Capacity.value == 0 {
		v.r.error(raw.Capacity.spot, "with capacity 0 nothing could ever be taken over", "write 1 or more; for takeovers by order only, write mode: manual under defaults: takeover:")
	} else {
		s.Capacity = v.within(raw.Capacity, 1, 1, 1000)
	}
	if raw.DataDir.good() && s.DataDir == "/" {
		v.r.error(raw.DataDir.spot, "the root directory cannot be the data directory", "write a directory of failoverd's own, such as /var/lib/failoverd")
	}
	for _, item := range raw.Witnesses.items {
		a := v.address(item)
		if a.IsValid() && slices.Contains(s.Witnesses, a) {
			v.r.errorf(item.spot, "remove one of the two", "witness %s is listed twice", a)
		} else if a.IsValid() {
			s.Witnesses = append(s.Witnesses, a)
		}
	}
	if raw.Witnesses.good() && len(raw.Witnesses.items) == 0 {
		v.r.notice(raw.Witnesses.spot, "there is no witness", "a standby whose own network is dead takes every server for failed and takes over")
	}
	return s
}

// witnessed warns of a witness that dies together with what it testifies about.
func (v *validator) witnessed(c *Config, raw rawStandby) {
	for _, item := range raw.Witnesses.items {
		a, err := netip.ParseAddr(item.value)
		if err != nil {
			continue
		}
		for _, s := range c.Servers {
			if slices.Contains(s.Addresses, a) || slices.ContainsFunc(s.Takeover.ServiceAddresses, func(p netip.Prefix) bool { return p.Addr() == a }) {
				v.r.notice(item.spot, "the witness "+a.String()+" is an address of server "+s.Name, "it says nothing when that server fails; other servers that answer count as witnesses anyway")
			}
		}
	}
}
