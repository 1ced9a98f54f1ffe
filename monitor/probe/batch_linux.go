package probe

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many packets one system call sends or receives.
const batch = 16

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// controlSize has room for a time stamp, the one control message asked for.
const controlSize = 64

// packets is a set of messages for one system call. It is made once and used
// for ever: the kernel reads and writes it through the pointers in msg.
type packets struct {
	msg  [batch]mmsghdr
	iov  [batch]unix.Iovec
	name [batch]unix.RawSockaddrInet6 // large enough for IPv4 too
	data [batch][128]byte             // an IPv4 header with options and an echo
	ctl  [batch][controlSize]byte
}

func newPackets() *packets {
	p := &packets{}
	for i := range p.msg {
		p.iov[i].Base = &p.data[i][0]
		p.msg[i].hdr.Iov = &p.iov[i]
		p.msg[i].hdr.SetIovlen(1)
		p.msg[i].hdr.Name = (*byte)(unsafe.Pointer(&p.name[i]))
	}
	return p
}

// echo is where the i-th echo request is written.
func (p *packets) echo(i int) *[echoSize]byte { return (*[echoSize]byte)(p.data[i][:echoSize]) }

// address says where the i-th packet goes. scope is the index of the link for
// an IPv6 link-local address, 0 otherwise.
func (p *packets) address(i int, to netip.Addr, scope uint32) {
	p.iov[i].SetLen(echoSize)
	if to.Is4() {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&p.name[i]))
		*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.As4()}
		p.msg[i].hdr.Namelen = unix.SizeofSockaddrInet4
		return
	}
	p.name[i] = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.As16(), Scope_id: scope}
	p.msg[i].hdr.Namelen = unix.SizeofSockaddrInet6
}

// send sends the packets from the i-th to before the n-th and says how many
// went; the error is of the one after these.
func (p *packets) send(fd, i, n int) (int, error) {
	got, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&p.msg[i])), uintptr(n-i), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(got), nil
}

// receive reads what waits, at most batch packets, without waiting.
func (p *packets) receive(fd int) (int, error) {
	for i := range p.msg {
		p.iov[i].SetLen(len(p.data[i]))
		p.msg[i].hdr.Namelen = unix.SizeofSockaddrInet6
		p.msg[i].hdr.Control = &p.ctl[i][0]
		p.msg[i].hdr.SetControllen(controlSize)
	}
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&p.msg[0])), batch, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(got), nil
}

// received gives the i-th packet received: its bytes, who sent it, and the
// kernel's time stamp in wall-clock ns, 0 if there is none.
func (p *packets) received(i int) (data []byte, from netip.Addr, stamp int64) {
	data = p.data[i][:min(int(p.msg[i].len), len(p.data[i]))]
	if p.name[i].Family == unix.AF_INET6 {
		from = netip.AddrFrom16(p.name[i].Addr)
	} else {
		from = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&p.name[i])).Addr)
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&p.ctl[i][0]))
	const size = int(unsafe.Sizeof(unix.Timespec{}))
	if int(p.msg[i].hdr.Controllen) >= unix.CmsgLen(size) &&
		h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && int(h.Len) >= unix.CmsgLen(size) {
		stamp = (*unix.Timespec)(unsafe.Pointer(&p.ctl[i][unix.CmsgLen(0)])).Nano()
	}
	return data, from, stamp
}

// drops asks how many packets the kernel threw away because the socket's
// buffer was full (SK_MEMINFO_DROPS of SO_MEMINFO).
func drops(fd int) uint32 {
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return info[8]
}
