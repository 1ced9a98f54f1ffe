package address

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// ourProto marks our addresses as the protocol numbers of rtnetlink mark
	// routes; the kernel's own are 1 to 3, and nothing else is assigned.
	ourProto = 0xf0

	// ifaProto is IFA_PROTO of linux/if_addr.h, since Linux 5.18. Earlier kernels
	// pass over it.
	ifaProto = 11
)

// entry is one address of one interface as the kernel has it.
type entry struct {
	index  int
	link   string
	prefix netip.Prefix
	label  string // IPv4 only
	proto  uint8
	flags  uint32
}

// kernel lists and changes addresses. The library's own functions know nothing
// of IFA_PROTO, which is the only mark that an IPv6 address can carry.
type kernel struct {
	keepsProto bool
}

// thisKernel finds out what the running kernel can do.
func thisKernel() kernel {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return kernel{}
	}
	return kernel{keepsProto: keepsProto(unix.ByteSliceToString(name.Release[:]))}
}

// keepsProto says whether a release of the kernel has IFA_PROTO.
func keepsProto(release string) bool {
	first, rest, _ := strings.Cut(release, ".")
	second, _, _ := strings.Cut(rest, ".")
	second, _, _ = strings.Cut(second, "-")
	major, err := strconv.Atoi(first)
	if err != nil {
		return false
	}
	minor, err := strconv.Atoi(second)
	return err == nil && (major > 5 || major == 5 && minor >= 18)
}

// ours says whether we may touch an address that the caller has named. Where
// the kernel keeps no mark for IPv6, one that is a host's by its length has to
// count as ours: networks are configured with theirs.
func (k kernel) ours(e entry) bool {
	if e.marked() {
		return true
	}
	return !k.keepsProto && e.prefix.Addr().Is6() && e.prefix.IsSingleIP()
}

// linkIndex is the index of an interface. This and linkName ask by ioctl, which
// takes a fortieth of the time of a listing by netlink, on the way to the
// announcement.
func linkIndex(name string) (int, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, ErrNoLink) // No name is like that.
	}
	err = askInterface(unix.SIOCGIFINDEX, request)
	if errors.Is(err, unix.ENODEV) {
		err = ErrNoLink
	}
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, err)
	}
	return int(request.Uint32()), nil
}

// linkName is the name of the interface with this index, empty if it is gone.
func linkName(index int) (string, error) {
	request, err := unix.NewIfreq("")
	if err != nil {
		return "", fmt.Errorf("interface %d: %w", index, err)
	}
	request.SetUint32(uint32(index))
	err = askInterface(unix.SIOCGIFNAME, request)
	if errors.Is(err, unix.ENODEV) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("interface %d: %w", index, err)
	}
	return request.Name(), nil
}

// askInterface asks the kernel of the calling thread's network namespace.
func askInterface(what uint, request *unix.Ifreq) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(fd) }() // Nothing was written.
	return os.NewSyscallError("ioctl", unix.IoctlIfreq(fd, what, request))
}

// addresses lists every address of this host. A listing that was interrupted by
// a change is repeated, and after five times used as it is.
func (k kernel) addresses() ([]entry, error) {
	var messages [][]byte
	var err error
	for range 5 {
		req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
		messages, err = req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
		if !errors.Is(err, nl.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil && !errors.Is(err, nl.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	names := map[int]string{}
	var all []entry
	for _, m := range messages {
		e, ok := parseEntry(m)
		if !ok {
			continue
		}
		if _, known := names[e.index]; !known {
			if names[e.index], err = linkName(e.index); err != nil {
				return nil, err
			}
		}
		e.link = names[e.index]
		all = append(all, e)
	}
	return all, nil
}

// parseEntry reads one RTM_NEWADDR message.
func parseEntry(m []byte) (entry, bool) {
	if len(m) < unix.SizeofIfAddrmsg {
		return entry{}, false
	}
	header := nl.DeserializeIfAddrmsg(m)
	attributes, err := nl.ParseRouteAttr(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return entry{}, false
	}
	e := entry{index: int(header.Index), flags: uint32(header.Flags)}
	var local, address netip.Addr
	for _, a := range attributes {
		switch a.Attr.Type {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(a.Value)
		case unix.IFA_ADDRESS: // The peer's, where there is one.
			address, _ = netip.AddrFromSlice(a.Value)
		case unix.IFA_LABEL:
			e.label = unix.ByteSliceToString(a.Value)
		case unix.IFA_FLAGS:
			if len(a.Value) >= 4 {
				e.flags = nl.NativeEndian().Uint32(a.Value)
			}
		case ifaProto:
			if len(a.Value) >= 1 {
				e.proto = a.Value[0]
			}
		}
	}
	if !local.IsValid() {
		local = address
	}
	e.prefix = netip.PrefixFrom(local, int(header.Prefixlen))
	return e, e.prefix.IsValid()
}

// add adds an address that is not there yet.
func (k kernel) add(e entry) error {
	req := e.request(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(nl.NewRtAttr(ifaProto, []byte{ourProto}))
	if b, ok := broadcast(e.prefix); ok {
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, b.AsSlice()))
	}
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("add address: %w", err)
	}
	return nil
}

// remove removes exactly this address; one that is gone already is removed.
func (k kernel) remove(e entry) error {
	req := e.request(unix.RTM_DELADDR, unix.NLM_F_ACK)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("remove address: %w", err)
	}
	return nil
}

// request names the address to the kernel.
func (e entry) request(kind, flags int) *nl.NetlinkRequest {
	family := unix.AF_INET6
	if e.prefix.Addr().Is4() {
		family = unix.AF_INET
	}
	header := nl.NewIfAddrmsg(family)
	header.Index, header.Prefixlen = uint32(e.index), uint8(e.prefix.Bits())
	req := nl.NewNetlinkRequest(kind, flags)
	req.AddData(header)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, e.prefix.Addr().AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, e.prefix.Addr().AsSlice()))
	if family == unix.AF_INET && e.label != "" {
		req.AddData(nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated(e.label)))
	}
	return req
}

// broadcast is the last address of an IPv4 network that is large enough to have
// one.
func broadcast(p netip.Prefix) (netip.Addr, bool) {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}, false
	}
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b), true
}
