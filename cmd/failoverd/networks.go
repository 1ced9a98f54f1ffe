package main

import (
	"net/netip"

	"failoverd/config"
	"failoverd/internal/netstate"
)

// fits holds a configuration against the interfaces that this host has: a
// service address has to lie in a network of its interface.
func fits(c *config.Config, s netstate.State) error {
	networks := map[string][]netip.Prefix{}
	for name := range s.Links {
		networks[name] = nil
	}
	for _, held := range s.Addrs {
		if !held.Prefix.IsSingleIP() {
			networks[held.Link] = append(networks[held.Link], held.Prefix)
		}
	}
	return c.CheckNetworks(s.DefaultLink, networks)
}
