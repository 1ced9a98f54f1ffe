package address

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
)

// noMAC is the target hardware address of a request: it is what is asked for.
var noMAC = net.HardwareAddr{0, 0, 0, 0, 0, 0}

// announcement is one burst for an address, in the order in which it is sent.
// For IPv4 the request comes first: neighbours take it in every state of their
// entry, a reply they may ignore while they use the entry. The reply's target
// is the sender itself, since other forms are ignored more often.
func announcement(mac net.HardwareAddr, ip netip.Addr) ([][]byte, error) {
	return announcementOf(mac, mac, ip, ip)
}

// announcementOf is one burst, sent by the interface with the hardware address mac, for an address that the host with the
// hardware address holder has. The frames come from mac also where that is another host: a switch that saw them come from
// the holder would send the holder's traffic here. from is the address that speaks for an IPv6 one.
func announcementOf(mac, holder net.HardwareAddr, from, ip netip.Addr) ([][]byte, error) {
	if ip.Is4() {
		request, err := arpFrameOf(mac, arp.OperationRequest, holder, ip, noMAC, ip)
		if err != nil {
			return nil, err
		}
		reply, err := arpFrameOf(mac, arp.OperationReply, holder, ip, holder, ip)
		if err != nil {
			return nil, err
		}
		return [][]byte{request, reply}, nil
	}
	// RFC 4861, section 7.2.6.
	advertisement, err := ndFrame(mac, from, netip.IPv6LinkLocalAllNodes(), &ndp.NeighborAdvertisement{
		Override: true, TargetAddress: ip,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: holder}},
	})
	if err != nil {
		return nil, err
	}
	return [][]byte{advertisement}, nil
}

// question asks whether anybody has an address, as neighbours ask each other:
// from an address of our own. Without one (from is invalid) it is a probe (RFC
// 5227, section 2.1.1) or duplicate address detection (RFC 4862, section 5.4).
//
// Those say "I am about to use it": a primary that boots meanwhile and probes for
// its own address, as Windows and dhcpcd do, would have to take that
// for a conflict and do without the address, whether it is taken over or not. And
// an answer to duplicate address detection is for all nodes, and would turn every
// cache to the one who answers.
func question(mac net.HardwareAddr, from, ip netip.Addr) ([]byte, error) {
	if !ip.Is4() {
		return solicitation(mac, from, ip)
	}
	if !from.IsValid() {
		from = netip.IPv4Unspecified()
	}
	return arpFrame(arp.OperationRequest, mac, from, noMAC, ip)
}

// introduction asks the neighbour for its address in the name of the service
// address: the one packet that every neighbour learns from, also without an
// entry and also where it ignores gratuitous ARP.
func introduction(mac net.HardwareAddr, service, neighbour netip.Addr) ([]byte, error) {
	if service.Is4() != neighbour.Is4() {
		return nil, fmt.Errorf("%s and %s are of different families", service, neighbour)
	}
	if service.Is4() {
		return arpFrame(arp.OperationRequest, mac, service, noMAC, neighbour)
	}
	return solicitation(mac, service, neighbour)
}

// solicitation is a neighbour solicitation for ip (RFC 4861, section 4.3); from
// may be invalid for none.
func solicitation(mac net.HardwareAddr, from, ip netip.Addr) ([]byte, error) {
	group, err := ndp.SolicitedNodeMulticast(ip.WithZone(""))
	if err != nil {
		return nil, fmt.Errorf("solicit %s: %w", ip, err)
	}
	m := &ndp.NeighborSolicitation{TargetAddress: ip.WithZone("")}
	if from.IsValid() {
		m.Options = []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac}}
	} else {
		from = netip.IPv6Unspecified()
	}
	return ndFrame(mac, from, group, m)
}

// arpFrame is an ARP packet of this host's for all hosts, padded to 60 bytes.
func arpFrame(op arp.Operation, mac net.HardwareAddr, sender netip.Addr, targetMAC net.HardwareAddr, target netip.Addr) ([]byte, error) {
	return arpFrameOf(mac, op, mac, sender, targetMAC, target)
}

// arpFrameOf is arpFrame sent by the interface with the hardware address source.
func arpFrameOf(source net.HardwareAddr, op arp.Operation, mac net.HardwareAddr, sender netip.Addr, targetMAC net.HardwareAddr, target netip.Addr) ([]byte, error) {
	p, err := arp.NewPacket(op, mac, sender, targetMAC, target)
	if err != nil {
		return nil, fmt.Errorf("form ARP packet: %w", err)
	}
	payload, err := p.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("form ARP packet: %w", err)
	}
	return etherFrame(ethernet.Broadcast, source, ethernet.EtherTypeARP, payload)
}

// ndFrame is a neighbour discovery message to a multicast group. It is built
// from the Ethernet header up: a socket of the kernel's would need an address
// that is not tentative, and an interface index that Go's resolver of zones
// remembers for a minute after the interface was made anew.
func ndFrame(mac net.HardwareAddr, from, to netip.Addr, m ndp.Message) ([]byte, error) {
	from, to = from.WithZone(""), to.WithZone("")
	message, err := ndp.MarshalMessageChecksum(m, from, to)
	if err != nil {
		return nil, fmt.Errorf("form neighbour discovery message: %w", err)
	}
	packet := make([]byte, ipv6HeaderLength, ipv6HeaderLength+len(message))
	packet[0] = 6 << 4
	binary.BigEndian.PutUint16(packet[4:], uint16(len(message)))
	packet[6], packet[7] = protocolICMPv6, ndp.HopLimit
	src, dst := from.As16(), to.As16()
	copy(packet[8:], src[:])
	copy(packet[24:], dst[:])
	// RFC 2464, section 7: the group's Ethernet address.
	group := net.HardwareAddr{0x33, 0x33, dst[12], dst[13], dst[14], dst[15]}
	return etherFrame(group, mac, ethernet.EtherTypeIPv6, append(packet, message...))
}

// etherFrame puts an Ethernet header before a payload and pads it.
func etherFrame(to, from net.HardwareAddr, kind ethernet.EtherType, payload []byte) ([]byte, error) {
	frame := ethernet.Frame{Destination: to, Source: from, EtherType: kind, Payload: payload}
	b, err := frame.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("form Ethernet frame: %w", err)
	}
	return b, nil
}
