package probe

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// An echo request has the size of everybody's ping, 56 bytes of payload after
// the header of 8, since odd sizes are what filters are written for.
const (
	echoHeader  = 8
	echoPayload = 56
	echoSize    = echoHeader + echoPayload
)

// ICMP types (RFC 792, RFC 4443).
const (
	echoReply4   = 0
	echoRequest4 = 8
	echoRequest6 = 128
	echoReply6   = 129
)

// reply is what an echo reply says.
type reply struct {
	id, seq uint16
	magic   uint32
	slot    uint32
	token   uint64
}

// putEcho writes an echo request. The payload is our magic, the target's slot,
// and the token of this one ping. The kernel fills in the checksum for ICMPv6,
// and checksum and identifier on a datagram socket.
func putEcho(b *[echoSize]byte, v6 bool, r reply) {
	b[0], b[1], b[2], b[3] = echoRequest4, 0, 0, 0
	if v6 {
		b[0] = echoRequest6
	}
	binary.BigEndian.PutUint16(b[4:], r.id)
	binary.BigEndian.PutUint16(b[6:], r.seq)
	binary.BigEndian.PutUint32(b[8:], r.magic)
	binary.BigEndian.PutUint32(b[12:], r.slot)
	binary.BigEndian.PutUint64(b[16:], r.token)
	if !v6 {
		binary.BigEndian.PutUint16(b[2:], checksum(b[:]))
	}
}

// checksum is the Internet checksum (RFC 1071) of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// readEcho reads an echo reply of ours. header says that an IPv4 header comes
// before it, as on raw IPv4 sockets.
func readEcho(b []byte, v6, header bool) (reply, bool) {
	if header {
		if len(b) < 20 || int(b[0]&0x0f)*4 > len(b) {
			return reply{}, false
		}
		b = b[int(b[0]&0x0f)*4:]
	}
	if len(b) < echoHeader+16 || b[1] != 0 {
		return reply{}, false
	}
	if v6 && b[0] != echoReply6 || !v6 && b[0] != echoReply4 {
		return reply{}, false
	}
	return reply{
		id:    binary.BigEndian.Uint16(b[4:]),
		seq:   binary.BigEndian.Uint16(b[6:]),
		magic: binary.BigEndian.Uint32(b[8:]),
		slot:  binary.BigEndian.Uint32(b[12:]),
		token: binary.BigEndian.Uint64(b[16:]),
	}, true
}

// filter is the program that lets only our own echo replies wake us: every raw
// socket is offered every ICMP packet of the host. What arrives over lo is
// refused as well, since an address that answers from this very host says
// nothing of a primary.
func filter(v6, header bool, magic uint32, lo int) ([]unix.SockFilter, error) {
	// On a raw IPv4 socket X is the length of the IP header.
	start := bpf.Instruction(bpf.LoadConstant{Dst: bpf.RegX, Val: 0})
	if header {
		start = bpf.LoadMemShift{Off: 0}
	}
	want := uint32(echoReply4)
	if v6 {
		want = echoReply6
	}
	raw, err := bpf.Assemble([]bpf.Instruction{
		start,
		bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: want, SkipFalse: 5},
		bpf.LoadIndirect{Off: echoHeader, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: magic, SkipFalse: 3},
		bpf.LoadExtension{Num: bpf.ExtInterfaceIndex},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(lo), SkipTrue: 1},
		bpf.RetConstant{Val: 0xffff},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return nil, err
	}
	program := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		program[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return program, nil
}
