package address

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Claim is what a host on the segment said about an address: that it has it, or
// (Probe) that it wants it and asks whether anybody has it.
type Claim struct {
	IP    netip.Addr
	MAC   net.HardwareAddr
	At    time.Time // when its frame was read
	Probe bool      // RFC 5227 address probe, or IPv6 duplicate address detection
}

// String is the claim in the words of a log.
func (c Claim) String() string {
	if c.Probe {
		return fmt.Sprintf("%s asks whether %s is free", c.MAC, c.IP)
	}
	return fmt.Sprintf("%s has %s", c.MAC, c.IP)
}

// dropReason is why a frame makes no claim.
type dropReason uint8

const (
	kept            dropReason = iota // it does
	dropTruncated                     // it ends before its own lengths
	dropOtherType                     // neither ARP nor neighbour discovery
	dropNotEthernet                   // ARP for other hardware or another protocol than IPv4
	dropOperation                     // an ARP operation that is neither request nor reply
	dropSenderMAC                     // the speaker's hardware address is none: zero or a group
	dropAddress                       // the address spoken of cannot be a host's
	dropHopLimit                      // neighbour discovery that came through a router (RFC 4861, section 7.1)
	dropMalformed                     // neighbour discovery that RFC 4861 section 7.1 tells to discard
	dropOwn                           // our own, reflected
)

// String names the reason.
func (r dropReason) String() string {
	switch r {
	case kept:
		return "kept"
	case dropTruncated:
		return "truncated"
	case dropOtherType:
		return "other type"
	case dropNotEthernet:
		return "not IPv4 over Ethernet"
	case dropOperation:
		return "unknown operation"
	case dropSenderMAC:
		return "no sender hardware address"
	case dropAddress:
		return "no host address"
	case dropHopLimit:
		return "hop limit"
	case dropMalformed:
		return "malformed"
	case dropOwn:
		return "our own"
	}
	panic(fmt.Sprintf("unknown drop reason %d", uint8(r)))
}
