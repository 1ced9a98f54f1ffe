package discovery

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// place is where something listens.
type place struct {
	network, address string // as net.Dial has them
	shown            string // as it is told: the wildcard stays one
	reachable        bool   // from other hosts
	first            string // the engine that is usual there; "" for none
}

// The usual ports of database servers.
var usualPorts = map[uint16]string{5432: postgres, 3306: mysql, 1433: sqlServer}

// places finds where a database server may be listening: usual ports and further ones, and sockets by their usual names.
// The kernel's tables say so, and no port is knocked at in vain.
func (f *Found) places(further []uint16) []place {
	var found []place
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := readFile(table, 16<<20)
		if err != nil {
			f.miss("database servers that listen by "+path.Base(table), err)
			continue
		}
		for _, at := range listeners(text) {
			first, is := usualPorts[at.Port()]
			if is || slices.Contains(further, at.Port()) {
				found = append(found, placeOf(at, first))
			}
		}
	}
	text, err := readFile("/proc/net/unix", 16<<20)
	if err != nil {
		f.miss("database servers that listen on sockets", err)
	}
	found = append(found, sockets(text)...)
	slices.SortFunc(found, func(a, b place) int { return strings.Compare(a.shown, b.shown) })
	return slices.CompactFunc(found, func(a, b place) bool { return a.shown == b.shown })
}

// placeOf says how a listener is reached from here. One that listens everywhere, by either family, is one place.
func placeOf(at netip.AddrPort, first string) place {
	p := place{network: "tcp", shown: at.String(), reachable: !at.Addr().IsLoopback(), first: first}
	if at.Addr().IsUnspecified() {
		p.shown = "*:" + strconv.Itoa(int(at.Port()))
		loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if at.Addr().Is6() {
			loopback = netip.IPv6Loopback()
		}
		at = netip.AddrPortFrom(loopback, at.Port())
	}
	p.address = at.String()
	return p
}

// listening is the state of a socket that takes connections, in the kernel's tables (include/net/tcp_states.h).
const listening = "0A"

// listeners reads a table of /proc/net/tcp or tcp6, as proc(5) describes it.
func listeners(table []byte) []netip.AddrPort {
	var list []netip.AddrPort
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != listening {
			continue
		}
		if at, ok := kernelAddress(fields[1]); ok {
			list = append(list, at)
		}
	}
	return list
}

// kernelAddress reads 0100007F:1538: the address in words of four bytes, each as this machine keeps it, and the port.
func kernelAddress(s string) (netip.AddrPort, bool) {
	words, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(words)
	number, errPort := strconv.ParseUint(port, 16, 16)
	if err != nil || errPort != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	ip, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), ok
}

// accepts is the flag of a socket that takes connections (__SO_ACCEPTCON), as the kernel's table writes it.
const accepts = "00010000"

// sockets finds the sockets of database servers in /proc/net/unix, by the names that they usually have.
func sockets(table []byte) []place {
	var list []place
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		// Num RefCount Protocol Flags Type St Inode Path; a path may hold spaces.
		fields := strings.SplitN(strings.Join(strings.Fields(lines.Text()), " "), " ", 8)
		if len(fields) < 8 || fields[3] != accepts || !path.IsAbs(fields[7]) {
			continue
		}
		var engine string
		switch name := path.Base(fields[7]); {
		case strings.HasPrefix(name, ".s.PGSQL."):
			engine = postgres
		case name == "mysqld.sock", name == "mysql.sock", name == "mariadb.sock":
			engine = mysql
		default:
			continue
		}
		list = append(list, place{network: "unix", address: fields[7], shown: fields[7], first: engine})
	}
	return list
}
