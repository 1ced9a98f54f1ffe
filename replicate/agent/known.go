package agent

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// known is an agent as the standby has pinned it, in a file of its own.
type known struct {
	Address netip.AddrPort `json:"address"`
	Key     Key            `json:"key"`
	Name    string         `json:"name"`
	Version string         `json:"version"` // at the pairing
	Paired  time.Time      `json:"paired_at"`
}

// Known is an agent that the standby is paired with.
type Known struct {
	Address netip.AddrPort
	Key     Key
	Name    string
	Version string // that it said last
	BootID  string // empty if it was not heard since the start
	Paired  time.Time
	Heard   time.Time // zero if it was not heard since the start
}

// pinSuffix ends the names of the files with agents' keys.
const pinSuffix = ".agent"

// pinName is the file of the agent at an address. An address has no sign that a path could be made of.
func pinName(at netip.AddrPort) string { return at.String() + pinSuffix }

// usable says whether an agent can have an address. A zone means something on one host only.
func usable(at netip.AddrPort) error {
	if !at.IsValid() || at.Port() == 0 || at.Addr().Zone() != "" || at.Addr().IsUnspecified() || at.Addr().IsMulticast() {
		return fmt.Errorf("%s is no address of an agent", at)
	}
	return nil
}

// pinned reads what the standby knows of an agent.
func (c *Client) pinned(at netip.AddrPort) (k known, there bool, err error) {
	if err := usable(at); err != nil {
		return k, false, err
	}
	if there, err = readJSON(c.dir, pinName(at), &k); err != nil {
		return k, false, fmt.Errorf("read the key of the agent at %s: %w", at, err)
	}
	return k, there, nil
}

// pin writes down the key of an agent.
func (c *Client) pin(at netip.AddrPort, k known) error { return keepJSON(c.dir, pinName(at), k) }

// known is the agent at an address.
func (c *Client) known(at netip.AddrPort) (Known, error) {
	k, there, err := c.pinned(at)
	if err == nil && !there {
		err = &NotPairedError{Address: at}
	}
	v := Known{Address: at, Key: k.Key, Name: k.Name, Version: k.Version, Paired: k.Paired}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.heard[at]; ok {
		v.Name, v.Version, v.BootID, v.Heard = h.Name, h.Version, h.BootID, h.At
	}
	return v, err
}

// Known are the agents that the standby is paired with, by address.
func (c *Client) Known() ([]Known, error) {
	entries, err := fs.ReadDir(c.dir.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("list the agents: %w", err)
	}
	var list []Known
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), pinSuffix)
		at, err := netip.ParseAddrPort(name)
		if !ok || err != nil {
			continue
		}
		k, err := c.known(at)
		if err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b Known) int { return a.Address.Compare(b.Address) })
	return list, nil
}
