package address

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
)

const (
	ipv6HeaderLength = 40
	protocolICMPv6   = 58
	icmpSolicitation = 135
	icmpAdvertise    = 136
)

// parseFrame reads the claim out of an Ethernet frame. Anyone on the segment can
// send anything, so that a frame that makes no sense is a reason and no error.
func parseFrame(b []byte) (Claim, dropReason) {
	var frame ethernet.Frame
	if err := frame.UnmarshalBinary(b); err != nil {
		return Claim{}, dropTruncated
	}
	switch frame.EtherType {
	case ethernet.EtherTypeARP:
		return parseARP(frame.Payload)
	case ethernet.EtherTypeIPv6:
		return parseND(frame.Source, frame.Payload)
	default:
		return Claim{}, dropOtherType
	}
}

// source is the hardware address that sent a frame which parseFrame has read.
func source(b []byte) net.HardwareAddr { return b[6:12] }

// parseARP reads a claim out of an ARP packet: every sender claims its sender
// address, whatever it asks for, and a probe (RFC 5227, section 1.1) is for the
// target address.
func parseARP(b []byte) (Claim, dropReason) {
	var p arp.Packet
	if err := p.UnmarshalBinary(b); err != nil {
		// Lengths that cannot be addresses fail here too, and those are not cut off.
		if len(b) >= 8 && (b[4] != 6 || b[5] != 4) {
			return Claim{}, dropNotEthernet
		}
		return Claim{}, dropTruncated
	}
	if p.HardwareType != 1 || p.ProtocolType != uint16(ethernet.EtherTypeIPv4) ||
		p.HardwareAddrLength != 6 || p.IPLength != 4 {
		return Claim{}, dropNotEthernet
	}
	if p.Operation != arp.OperationRequest && p.Operation != arp.OperationReply {
		return Claim{}, dropOperation
	}
	c := Claim{IP: p.SenderIP, MAC: p.SenderHardwareAddr}
	if p.Operation == arp.OperationRequest && p.SenderIP.IsUnspecified() {
		c.IP, c.Probe = p.TargetIP, true
	}
	return check(c)
}

// parseND reads a claim out of an IPv6 packet: an advertisement claims its
// target, a solicitation the address that it comes from, and one that comes from
// no address (RFC 4862, section 5.4) wants its target.
func parseND(source net.HardwareAddr, b []byte) (Claim, dropReason) {
	if len(b) < ipv6HeaderLength {
		return Claim{}, dropTruncated
	}
	if b[0]>>4 != 6 || b[6] != protocolICMPv6 {
		return Claim{}, dropOtherType
	}
	from, to := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	length := int(binary.BigEndian.Uint16(b[4:6]))
	if len(b) < ipv6HeaderLength+length || length < 4 {
		return Claim{}, dropTruncated
	}
	message := b[ipv6HeaderLength : ipv6HeaderLength+length] // What follows is padding.
	if message[0] != icmpSolicitation && message[0] != icmpAdvertise {
		return Claim{}, dropOtherType
	}
	if b[7] != ndp.HopLimit {
		return Claim{}, dropHopLimit
	}
	if message[1] != 0 {
		return Claim{}, dropMalformed
	}
	m, err := ndp.ParseMessage(message)
	if err != nil {
		return Claim{}, dropMalformed
	}
	switch m := m.(type) {
	case *ndp.NeighborAdvertisement:
		// An advertisement may leave the option out; then its frame says who it is.
		return check(Claim{IP: m.TargetAddress, MAC: linkAddress(m.Options, ndp.Target, source)})
	case *ndp.NeighborSolicitation:
		if !from.IsUnspecified() {
			return check(Claim{IP: from, MAC: linkAddress(m.Options, ndp.Source, source)})
		}
		if !to.IsMulticast() {
			return Claim{}, dropMalformed
		}
		return check(Claim{IP: m.TargetAddress, MAC: source, Probe: true})
	default:
		return Claim{}, dropOtherType
	}
}

// linkAddress is the link-layer address that comes as an option, or otherwise.
func linkAddress(options []ndp.Option, direction ndp.Direction, otherwise net.HardwareAddr) net.HardwareAddr {
	for _, option := range options {
		if lla, ok := option.(*ndp.LinkLayerAddress); ok && lla.Direction == direction && len(lla.Addr) == 6 {
			return lla.Addr
		}
	}
	return otherwise
}

// check drops a claim that no host can make.
func check(c Claim) (Claim, dropReason) {
	if c.MAC[0]&1 != 0 || isZero(c.MAC) {
		return Claim{}, dropSenderMAC
	}
	broadcast := c.IP.Is4() && c.IP.As4() == [4]byte{255, 255, 255, 255}
	if c.IP.IsUnspecified() || c.IP.IsMulticast() || c.IP.IsLoopback() || broadcast {
		return Claim{}, dropAddress
	}
	return c, kept
}

// isZero says whether a hardware address is all zero.
func isZero(mac net.HardwareAddr) bool {
	for _, b := range mac {
		if b != 0 {
			return false
		}
	}
	return true
}
