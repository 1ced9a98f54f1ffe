package config

import (
	"net/netip"
	"slices"
	"strings"
)

// CheckNetworks holds the service addresses against the networks that this host
// has on its interfaces (addresses with their prefix lengths, by interface).
// standard is the interface of the default route, used where none is
// configured. A service address must lie in a network of its interface, or be
// written with the prefix length of its own network, which then comes with the
// address. It gives nil, or Errors.
func (c *Config) CheckNetworks(standard string, networks map[string][]netip.Prefix) error {
	r := &report{}
	for _, s := range c.Servers {
		link := s.Takeover.Interface
		if link == "" {
			link = c.Standby.Interface
		}
		if link == "" {
			link = standard
		}
		for _, p := range s.Takeover.ServiceAddresses {
			at := c.spots[serviceKey(s.Name, p)]
			has, exists := networks[link]
			switch {
			case link == "":
				r.error(at, "there is no interface to take the address over on: this host has no default route", "write interface: under standby")
			case !exists:
				r.errorf(at, "write one that `ip link` shows: interface under standby or takeover", "this host has no interface %s to take %s over on", show(link), p.Addr())
			case link == "lo" || slices.ContainsFunc(has, func(n netip.Prefix) bool { return n.Contains(p.Addr()) }):
			case !p.IsSingleIP():
			default:
				r.errorf(at, "choose another interface, or write the address with the prefix length of its network, such as "+netip.PrefixFrom(p.Addr(), usualBits(p.Addr())).String(),
					"%s is outside the networks of %s (%s)", p.Addr(), link, networkNames(has))
			}
		}
	}
	return r.err()
}

// networkNames names networks in a message.
func networkNames(networks []netip.Prefix) string {
	if len(networks) == 0 {
		return "it has none"
	}
	words := make([]string, len(networks))
	for i, n := range networks {
		words[i] = n.Masked().String()
	}
	return strings.Join(words, ", ")
}
