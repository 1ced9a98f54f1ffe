package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Frame is an Ethernet frame as it was on the wire, with a view of what it
// carries where the lab knows it. The parser is the lab's own, so that it is no
// witness for the program's.
type Frame struct {
	At       time.Time // the kernel's time of it
	Outgoing bool      // sent by the host on which it was captured
	Bytes    []byte
	Src, Dst net.HardwareAddr
	Type     uint16 // EtherType

	ARP  *ARP
	ND   *ND
	ICMP *ICMP
}

// ARP is an ARP packet (RFC 826).
type ARP struct {
	Op        uint16 // 1 request, 2 reply
	SenderMAC net.HardwareAddr
	SenderIP  netip.Addr
	TargetMAC net.HardwareAddr
	TargetIP  netip.Addr
}

// Gratuitous says whether the sender speaks of its own address.
func (a ARP) Gratuitous() bool { return a.SenderIP == a.TargetIP }

// Probe says whether it is an address probe (RFC 5227, section 1.1).
func (a ARP) Probe() bool { return a.Op == 1 && a.SenderIP.IsUnspecified() }

// ND is a neighbour solicitation or advertisement (RFC 4861).
type ND struct {
	Advertisement                bool
	Src, DstIP, Target           netip.Addr
	LinkAddr                     net.HardwareAddr // source or target link-layer address option; nil without
	Router, Solicited, Overrides bool
}

// ICMP is an echo request or reply, or another ICMP message.
type ICMP struct {
	V6         bool
	Src, Dst   netip.Addr
	Type, Code uint8
	ID, Seq    uint16
}

// Echo says whether it asks for an echo.
func (i ICMP) Echo() bool { return !i.V6 && i.Type == 8 || i.V6 && i.Type == 128 }

// Reply says whether it answers an echo.
func (i ICMP) Reply() bool { return !i.V6 && i.Type == 0 || i.V6 && i.Type == 129 }

// String is one line about the frame, in the manner of tcpdump.
func (f Frame) String() string {
	head := fmt.Sprintf("%s %s > %s", f.At.Format("15:04:05.000000"), f.Src, f.Dst)
	switch {
	case f.ARP != nil:
		return fmt.Sprintf("%s arp op %d sender %s %s target %s %s", head, f.ARP.Op, f.ARP.SenderMAC, f.ARP.SenderIP, f.ARP.TargetMAC, f.ARP.TargetIP)
	case f.ND != nil:
		return fmt.Sprintf("%s nd advertisement %v %s > %s target %s link %s override %v", head, f.ND.Advertisement, f.ND.Src, f.ND.DstIP, f.ND.Target, f.ND.LinkAddr, f.ND.Overrides)
	case f.ICMP != nil:
		return fmt.Sprintf("%s icmp %s > %s type %d code %d id %d seq %d", head, f.ICMP.Src, f.ICMP.Dst, f.ICMP.Type, f.ICMP.Code, f.ICMP.ID, f.ICMP.Seq)
	}
	return fmt.Sprintf("%s type %#04x, %d bytes", head, f.Type, len(f.Bytes))
}

// parse fills the views in; what it does not know it leaves alone.
func parse(at time.Time, outgoing bool, b []byte) Frame {
	f := Frame{At: at, Outgoing: outgoing, Bytes: b}
	if len(b) < 14 {
		return f
	}
	f.Dst, f.Src, f.Type = net.HardwareAddr(b[:6]), net.HardwareAddr(b[6:12]), binary.BigEndian.Uint16(b[12:])
	switch payload := b[14:]; f.Type {
	case 0x0806:
		f.ARP = parseARP(payload)
	case 0x0800:
		f.ICMP = parseIPv4(payload)
	case 0x86dd:
		f.ICMP, f.ND = parseIPv6(payload)
	}
	return f
}

// parseARP reads an ARP packet for IPv4 over Ethernet.
func parseARP(b []byte) *ARP {
	if len(b) < 28 || binary.BigEndian.Uint16(b) != 1 || binary.BigEndian.Uint16(b[2:]) != 0x0800 || b[4] != 6 || b[5] != 4 {
		return nil
	}
	return &ARP{
		Op:        binary.BigEndian.Uint16(b[6:]),
		SenderMAC: net.HardwareAddr(b[8:14]), SenderIP: netip.AddrFrom4([4]byte(b[14:18])),
		TargetMAC: net.HardwareAddr(b[18:24]), TargetIP: netip.AddrFrom4([4]byte(b[24:28])),
	}
}

// parseIPv4 reads the ICMP message in an IPv4 packet.
func parseIPv4(b []byte) *ICMP {
	if len(b) < 20 || b[9] != 1 {
		return nil
	}
	header := int(b[0]&0x0f) * 4
	if header < 20 || len(b) < header+8 {
		return nil
	}
	m := b[header:]
	return &ICMP{
		Src: netip.AddrFrom4([4]byte(b[12:16])), Dst: netip.AddrFrom4([4]byte(b[16:20])),
		Type: m[0], Code: m[1], ID: binary.BigEndian.Uint16(m[4:]), Seq: binary.BigEndian.Uint16(m[6:]),
	}
}

// parseIPv6 reads the ICMPv6 message right behind an IPv6 header.
func parseIPv6(b []byte) (*ICMP, *ND) {
	if len(b) < 48 || b[6] != 58 {
		return nil, nil
	}
	src, dst, m := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40])), b[40:]
	icmp := &ICMP{
		V6: true, Src: src, Dst: dst, Type: m[0], Code: m[1],
		ID: binary.BigEndian.Uint16(m[4:]), Seq: binary.BigEndian.Uint16(m[6:]),
	}
	if (m[0] != 135 && m[0] != 136) || len(m) < 24 {
		return icmp, nil
	}
	nd := &ND{Advertisement: m[0] == 136, Src: src, DstIP: dst, Target: netip.AddrFrom16([16]byte(m[8:24]))}
	if nd.Advertisement {
		nd.Router, nd.Solicited, nd.Overrides = m[4]&0x80 != 0, m[4]&0x40 != 0, m[4]&0x20 != 0
	}
	for o := m[24:]; len(o) >= 8 && o[1] != 0 && len(o) >= int(o[1])*8; o = o[int(o[1])*8:] {
		if o[0] == 1 || o[0] == 2 {
			nd.LinkAddr = net.HardwareAddr(o[2:8])
		}
	}
	return icmp, nd
}
